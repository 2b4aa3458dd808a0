using Headwater.Accounts;
using Headwater.Devices;
using Headwater.HeadEnd.Access;
using Headwater.HeadEnd.Registry;

namespace Headwater.HeadEnd.Tests.Access;

public sealed class TopicRightsTests
{
    private static readonly DeviceIdentity Meter = new(Device("meter-1"), credentialId: 1);
    private static readonly DeviceIdentity Concentrator = MakeConcentrator();
    private static readonly ServiceIdentity Service = new(2, "export", ["export/#", "a/+/c"], ["hw/v1/+/up/#", "plain"]);

    [Theory]
    [InlineData("hw/v1/meter-1/up/read", true)]
    [InlineData("hw/v1/meter-1/up/state", true)]
    [InlineData("smart_meter/meter_readings", true)]
    [InlineData("hw/v1/meter-2/up/read", false)]
    [InlineData("hw/v1/meter-11/up/read", false)]
    [InlineData("hw/v1/meter-1/down/command", false)]
    [InlineData("hw/v1/meter-1/up", false)]
    [InlineData("hw/v1/meter-1/up/", false)]
    [InlineData("hw/v1/meter-1/upper/read", false)]
    [InlineData("hw/v1//up/read", false)]
    [InlineData("hw/v1/METER-1/up/read", false)]
    [InlineData("HW/v1/meter-1/up/read", false)]
    [InlineData("/hw/v1/meter-1/up/read", false)]
    [InlineData("smart_meter/meter_readings/x", false)]
    [InlineData("$SYS/broker/uptime", false)]
    [InlineData("anything", false)]
    public void A_meter_publishes_only_under_its_own_up_when_judged(string topic, bool may) => TopicRights.MayPublish(Meter, topic).ShouldBe(may);

    [Theory]
    [InlineData("hw/v1/meter-1/down/command", true)]
    [InlineData("hw/v1/meter-1/down/#", true)]
    [InlineData("hw/v1/meter-1/down/+", true)]
    [InlineData("hw/v1/meter-1/#", false)]
    [InlineData("hw/v1/meter-1/+/command", false)]
    [InlineData("hw/v1/+/down/command", false)]
    [InlineData("hw/v1/meter-2/down/#", false)]
    [InlineData("hw/v1/meter-1/up/#", false)]
    [InlineData("#", false)]
    [InlineData("+/+/meter-1/down/#", false)]
    [InlineData("$SYS/#", false)]
    [InlineData("hw/v1/group/all/down/command", false)]
    public void A_meter_subscribes_only_to_its_own_down_when_judged(string filter, bool may) => TopicRights.MaySubscribe(Meter, filter).ShouldBe(may);

    [Theory]
    [InlineData("hw/v1/dcu-1/up/read", true)]
    [InlineData("hw/v1/carried-1/up/profile", true)]
    [InlineData("hw/v1/carried-2/up/profile", false)]
    public void A_concentrator_speaks_for_the_meters_under_it_when_judged(string topic, bool may) => TopicRights.MayPublish(Concentrator, topic).ShouldBe(may);

    [Theory]
    [InlineData("export/x/y", true)]
    [InlineData("export", true)]
    [InlineData("a/b/c", true)]
    [InlineData("a/b/c/d", false)]
    [InlineData("hw/v1/meter-1/up/read", false)]
    public void A_service_publishes_where_its_filters_reach_when_judged(string topic, bool may) => TopicRights.MayPublish(Service, topic).ShouldBe(may);

    [Theory]
    [InlineData("hw/v1/+/up/#", true)]
    [InlineData("hw/v1/meter-1/up/read", true)]
    [InlineData("hw/v1/meter-1/up", true)]
    [InlineData("hw/v1/#", false)]
    [InlineData("hw/+/meter-1/up/read", false)]
    [InlineData("plain", true)]
    [InlineData("plain/#", false)]
    [InlineData("plain/x", false)]
    public void A_service_subscribes_to_what_is_within_its_filters_when_judged(string filter, bool may) => TopicRights.MaySubscribe(Service, filter).ShouldBe(may);

    [Theory]
    [InlineData("#", "$SYS/broker", false)]
    [InlineData("+/broker", "$SYS/broker", false)]
    [InlineData("$SYS/#", "$SYS/broker", true)]
    [InlineData("#", "#", true)]
    [InlineData("+", "#", false)]
    [InlineData("a/#", "a/#", true)]
    [InlineData("a/#", "a", true)]
    [InlineData("a/+", "a", false)]
    [InlineData("a/+", "a/", true)]
    [InlineData("a/b", "a/+", false)]
    [InlineData("+/b", "a/b", true)]
    [InlineData("", "a", false)]
    public void A_filter_covers_another_when_it_matches_all_the_other_matches(string granted, string asked, bool covers) => TopicCover.Covers(granted.AsSpan(), asked).ShouldBe(covers);

    [Fact]
    public void Only_operators_see_the_whole_tree_when_people_connect()
    {
        var viewer = new PersonIdentity(1, "v", Role.Viewer, 1);
        var operating = new PersonIdentity(2, "o", Role.Operator, 1);
        TopicRights.MaySubscribe(viewer, "#").ShouldBeFalse();
        TopicRights.MayPublish(viewer, "a").ShouldBeFalse();
        TopicRights.MaySubscribe(operating, "#").ShouldBeTrue();
        TopicRights.MaySubscribe(operating, "$SYS/#").ShouldBeTrue();
        TopicRights.MayPublish(operating, "$SYS/x").ShouldBeFalse();
        viewer.IsOperator.ShouldBeFalse();
    }

    private static RegisteredDevice Device(string id, DeviceClass deviceClass = DeviceClass.ElectricityMeter) => new(1, id, 1, deviceClass);

    private static DeviceIdentity MakeConcentrator()
    {
        var concentrator = Device("dcu-1", DeviceClass.Concentrator);
        concentrator.Carry(Device("carried-1"));
        return new DeviceIdentity(concentrator, credentialId: 3);
    }
}
