using System.Text;
using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Tests.Topics;

public sealed class TopicFilterTests
{
    [Theory]
    [InlineData("[MQTT-4.7.1-1] # alone", "#", true)]
    [InlineData("[MQTT-4.7.1-1] # last", "sport/tennis/#", true)]
    [InlineData("[MQTT-4.7.1-1] # not alone in its level", "sport/tennis#", false)]
    [InlineData("[MQTT-4.7.1-1] # not last", "sport/#/ranking", false)]
    [InlineData("[MQTT-4.7.1-1] two #", "#/#", false)]
    [InlineData("[MQTT-4.7.1-1] # before +", "#+", false)]
    [InlineData("[MQTT-4.7.1-2] + alone", "+", true)]
    [InlineData("[MQTT-4.7.1-2] + between", "sport/+/player1", true)]
    [InlineData("[MQTT-4.7.1-2] + everywhere", "+/+/#", true)]
    [InlineData("[MQTT-4.7.1-2] + not alone", "sport+", false)]
    [InlineData("[MQTT-4.7.1-2] ++", "++", false)]
    [InlineData("[MQTT-4.7.1-2] + with text after", "a/+b", false)]
    [InlineData("[MQTT-4.7.3-1] empty", "", false)]
    [InlineData("[MQTT-4.7.3-1] slash only", "/", true)]
    [InlineData("[MQTT-4.7.3-2] NUL", "a\0b", false)]
    [InlineData("[MQTT-4.8.2-1] share", "$share/g/a/+", true)]
    [InlineData("[MQTT-4.8.2-1] share of everything", "$share/g/#", true)]
    [InlineData("[MQTT-4.8.2-1] share of slash", "$share/g//", true)]
    [InlineData("[MQTT-4.8.2-1] share without filter", "$share/g", false)]
    [InlineData("[MQTT-4.8.2-1] share with empty filter", "$share/g/", false)]
    [InlineData("[MQTT-4.8.2-1] share with empty group", "$share//a", false)]
    [InlineData("[MQTT-4.8.2-2] share with + in the group", "$share/g+/a", false)]
    [InlineData("[MQTT-4.8.2-2] share with # in the group", "$share/#/a", false)]
    [InlineData("[MQTT-4.8.2-2] share with a bad filter", "$share/g/a#", false)]
    [InlineData("[MQTT-4.8.2-1] not a share", "$sharexx/a", true)]
    public void Filter_is_judged_when_subscribed(string clause, string filter, bool valid)
    {
        TopicFilter.IsValid(filter).ShouldBe(valid, clause);
        TopicFilter.IsValid(Encoding.UTF8.GetBytes(filter)).ShouldBe(valid, clause);
    }

    [Theory]
    [InlineData("[MQTT-3.3.2-2] +", "a/+", false)]
    [InlineData("[MQTT-3.3.2-2] #", "#", false)]
    [InlineData("[MQTT-4.7.3-1] empty", "", false)]
    [InlineData("[MQTT-4.7.3-2] NUL", "\0", false)]
    [InlineData("[MQTT-4.7.3-4] space and case count", "Accounts Payable", true)]
    [InlineData("section 4.7.3 leading slash", "/finance", true)]
    [InlineData("section 1.5.4 four-byte character", "a/\U0001F50B", true)]
    public void Name_is_judged_when_published_to(string clause, string topic, bool valid)
    {
        TopicName.IsValid(topic).ShouldBe(valid, clause);
        TopicName.IsValid(Encoding.UTF8.GetBytes(topic)).ShouldBe(valid, clause);
    }

    [Fact]
    public void Text_is_refused_when_it_has_a_lone_surrogate()
    {
        TopicFilter.IsValid("a\uD800").ShouldBeFalse("[MQTT-1.5.4-1]");
        TopicName.IsValid("a\uDC00b").ShouldBeFalse("[MQTT-1.5.4-1]");
    }

    [Fact]
    public void Name_is_refused_when_longer_than_65535_bytes()
    {
        TopicName.IsValid(new string('a', 65_535)).ShouldBeTrue();
        TopicName.IsValid(new string('a', 65_536)).ShouldBeFalse();
        TopicName.IsValid(new string('é', 40_000)).ShouldBeFalse();
    }

    [Theory]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1", true)]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1/ranking", true)]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true)]
    [InlineData("sport/#", "sport", true)]
    [InlineData("sport/#", "sports", false)]
    [InlineData("#", "anything/at/all", true)]
    [InlineData("#", "/", true)]
    [InlineData("sport/tennis/+", "sport/tennis/player1", true)]
    [InlineData("sport/tennis/+", "sport/tennis/player1/ranking", false)]
    [InlineData("sport/+", "sport", false)]
    [InlineData("sport/+", "sport/", true)]
    [InlineData("+/+", "/finance", true)]
    [InlineData("/+", "/finance", true)]
    [InlineData("+", "/finance", false)]
    [InlineData("+/#", "a", true)]
    [InlineData("a/+/#", "a", false)]
    [InlineData("a/b", "a/b", true)]
    [InlineData("a/b", "a/b/", false)]
    [InlineData("a/b/", "a/b", false)]
    [InlineData("a", "A", false)]
    [InlineData("#", "$SYS/broker", false)]
    [InlineData("+/broker", "$SYS/broker", false)]
    [InlineData("$SYS/#", "$SYS/broker", true)]
    [InlineData("$SYS/+", "$SYS/broker", true)]
    [InlineData("$SYS/#", "$SYS", true)]
    [InlineData("a/#", "a/$b", true)]
    [InlineData("a/+", "a/$b", true)]
    public void Topic_reaches_filter_when_section_4_7_says_so(string filter, string topic, bool expected)
    {
        TopicFilter.Matches(filter, topic).ShouldBe(expected);

        var tree = new SubscriptionTree<object>();
        tree.Subscribe(this, new(filter)).ShouldBe(SubscribeOutcome.Added);
        SubscriptionTreeTests.Matches(tree, topic).Count.ShouldBe(expected ? 1 : 0);

        var retained = new RetainedTree<string>();
        retained.Set(Encoding.UTF8.GetBytes(topic), topic, 1);
        RetainedTreeTests.Matches(retained, filter).Count.ShouldBe(expected ? 1 : 0);
    }

    [Fact]
    public void Shared_filter_comes_apart_when_well_formed()
    {
        TopicFilter.TryParseShared("$share/meters/hw/v1/+/up/read"u8, out var group, out var inner).ShouldBeTrue();
        Encoding.UTF8.GetString(group).ShouldBe("meters");
        Encoding.UTF8.GetString(inner).ShouldBe("hw/v1/+/up/read");
        TopicFilter.TryParseShared("hw/v1"u8, out _, out _).ShouldBeFalse();
        TopicFilter.Split("$share/g//x", out var name, out var rest);
        (name, rest).ShouldBe(("g", "/x"));
    }
}
