using System.Text;
using Headwater.Mqtt;
using Headwater.Mqtt.Packets;
using Headwater.Simulator.Load;
using NodaTime;

namespace Headwater.Simulator.Tests;

public sealed class LoadTests
{
    private static readonly LoadPlan Plan = new()
    {
        Target = new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 1),
        Start = Instant.FromUtc(2026, 2, 28, 23, 59, 59),
        Step = Duration.FromMilliseconds(500),
    };

    private static (string Topic, string Payload, ushort Id) Written(LoadPlan plan, ushort id, long number)
    {
        var template = new PublishTemplate(plan, 7);
        var bytes = new byte[template.Length];
        template.Write(bytes, id, number);
        PacketFrame.TryRead(bytes, 10_000, out var frame).ShouldBe(ParseStatus.Complete);
        frame.TotalLength.ShouldBe(bytes.Length);
        PublishPacket.TryParse(frame.Body, frame.Flags, ProtocolVersion.V311, out var packet).IsOk.ShouldBeTrue();
        return (Encoding.UTF8.GetString(packet.Topic), Encoding.UTF8.GetString(packet.Payload), packet.PacketId);
    }

    [Theory]
    [InlineData(0, "2026-02-28T23:59:59.000Z", "10000.000")]
    [InlineData(1, "2026-02-28T23:59:59.500Z", "10000.001")]
    [InlineData(2, "2026-03-01T00:00:00.000Z", "10000.002")]
    [InlineData(172_802, "2026-03-02T00:00:00.000Z", "10172.802")]
    public void Copy_of_a_plain_publish_has_its_own_time_and_value(long number, string time, string value)
    {
        var (topic, payload, id) = Written(Plan, 513, number);
        topic.ShouldBe("smart_meter/meter_readings");
        payload.ShouldBe($$"""{"meter_id":"load_00007","reading":{{value}},"created_at":"{{time}}"}""");
        id.ShouldBe((ushort)513);
    }

    [Fact]
    public void Meters_of_one_connection_report_in_turn()
    {
        var plan = Plan with { Form = LoadForm.Read, MetersPerConnection = 3 };
        Written(plan, 1, 2).Payload.ShouldContain("\"device\":\"load_00007-002\",\"obis\":\"1-0:1.8.0\",\"at\":\"2026-02-28T23:59:59.000Z\",\"value\":10000000");
        Written(plan, 1, 3).Payload.ShouldContain("\"device\":\"load_00007-000\",\"obis\":\"1-0:1.8.0\",\"at\":\"2026-02-28T23:59:59.500Z\",\"value\":10000001");
    }

    [Fact]
    public void Profile_carries_96_values_and_each_block_follows_the_last()
    {
        var plan = Plan with { Form = LoadForm.Profile, Step = Duration.FromMinutes(15), Start = Instant.FromUtc(2026, 2, 1, 0, 0) };
        var (topic, payload, _) = Written(plan, 1, 1);
        topic.ShouldBe("hw/v1/load_00007/up/profile");
        payload.ShouldContain("\"start\":\"2026-02-02T00:00:00.000Z\",\"every\":\"PT15M\"");
        payload.Count(c => c == ',').ShouldBe(95 + 3);
    }

    [Fact]
    public void Window_is_kept_and_acknowledgements_make_room()
    {
        var tally = new LoadTally { IsMeasuring = true };
        var connection = new LoadConnection(Plan with { Window = 2 }, 0, tally) { State = LoadState.Ready };
        var output = new LoadOutput();
        var count = 0;
        while (connection.HasRoom) { connection.Fill(output, 0); count++; }
        count.ShouldBe(2);
        byte[] acknowledgement = [0x40, 2, 0, 1, 0x40]; // PUBACK of 1, and the first byte of the next
        connection.Receive(acknowledgement, 1_000, output).ShouldBeTrue();
        connection.HasRoom.ShouldBeTrue();
        connection.Receive([2, 0, 2], 1_000, output).ShouldBeTrue();
        connection.InFlight.ShouldBe(0);
        tally.Acknowledged.ShouldBe(2);
        tally.Latencies.Count.ShouldBe(2);
    }

    [Fact]
    public void Refused_connect_fails_in_words()
    {
        var tally = new LoadTally();
        var connection = new LoadConnection(Plan, 3, tally) { State = LoadState.SigningIn };
        connection.Receive([0x20, 2, 0, 5], 0, new LoadOutput()).ShouldBeFalse();
        tally.Failures.Keys.ShouldHaveSingleItem().ShouldBe("CONNECT of load_00003 was refused with return code 5");
    }

    [Fact]
    public void Quantiles_of_the_histogram_are_within_three_percent()
    {
        var histogram = new LatencyHistogram();
        for (var i = 1; i <= 100_000; i++) { histogram.Add(i); }
        ((double)histogram.Quantile(0.5)).ShouldBe(50_000, 1_600);
        ((double)histogram.Quantile(0.99)).ShouldBe(99_000, 3_200);
        histogram.Quantile(1).ShouldBe(100_000);
        new LatencyHistogram().Quantile(0.99).ShouldBe(0);
    }
}
