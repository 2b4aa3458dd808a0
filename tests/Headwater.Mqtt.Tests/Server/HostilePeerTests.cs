using System.Buffers;
using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Server;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Server;

/// <summary>What broken, hostile and unlucky peers do; each test ends with a client that still works.</summary>
public sealed class HostilePeerTests
{
    private static readonly byte[] Connect311 = [0x10, 13, 0, 4, (byte)'M', (byte)'Q', (byte)'T', (byte)'T', 4, 2, 0, 60, 0, 1, (byte)'x'];

    public static TheoryData<string, byte[]> MalformedAfterConnect() => new()
    {
        { "reserved type", [0x00, 0] },
        { "second CONNECT", Connect311 },
        { "packet only a server sends", [0x20, 2, 0, 0] },
        { "SUBACK from a client", [0x90, 3, 0, 1, 0] },
        { "PINGRESP from a client", [0xD0, 0] },
        { "wrong flags on SUBSCRIBE", [0x80, 6, 0, 1, 0, 1, (byte)'t', 0] },
        { "five-byte length", [0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01] },
        { "QoS 3", [0x36, 5, 0, 1, (byte)'t', 0, 1] },
        { "packet id 0", [0x32, 5, 0, 1, (byte)'t', 0, 0] },
        { "empty topic", [0x30, 2, 0, 0] },
        { "wildcard in a topic name", [0x30, 3, 0, 1, (byte)'#'] },
        { "NUL in a topic name", [0x30, 3, 0, 1, 0] },
        { "bad UTF-8", [0x30, 4, 0, 2, 0xC3, 0x28] },
        { "topic beyond the packet", [0x30, 4, 0, 9, (byte)'t', (byte)'t'] },
        { "SUBSCRIBE without a filter", [0x82, 2, 0, 1] },
        { "PINGREQ with a body", [0xC0, 1, 0] },
        { "PUBACK cut", [0x40, 1, 0] },
        { "DISCONNECT with a body in 3.1.1", [0xE0, 1, 0] },
        { "AUTH in 3.1.1", [0xF0, 0] },
    };

    [Theory]
    [MemberData(nameof(MalformedAfterConnect))]
    public async Task Connection_is_closed_and_others_unharmed_when_a_packet_is_malformed(string what, byte[] bytes)
    {
        await using var broker = await TestBroker.StartAsync();
        var canary = await broker.ConnectAsync("canary");
        var client = await broker.ConnectAsync("bad", ProtocolVersion.V311);
        await client.SendAsync(bytes);
        await client.ExpectClosedAsync();
        broker.Server.Figures().Malformed.ShouldBe(1, what);
        await canary.ExpectNothingAsync();
    }

    [Fact]
    public async Task MQTT_5_client_is_told_why_before_the_connection_closes()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("bad");
        await client.SendAsync(0x30, 3, 0, 1, (byte)'#');
        var told = await client.ReceiveDisconnectAsync();
        told.Reason.ShouldBe(ReasonCode.MalformedPacket);
        told.ReasonString.ShouldNotBeNull();
        await client.ExpectClosedAsync();
    }

    [Fact]
    public async Task Random_bytes_never_throw_past_the_connection()
    {
        await using var broker = await TestBroker.StartAsync();
        var random = new Random(20261120);
        for (var i = 0; i < 300; i++)
        {
            var signedIn = i % 2 == 0;
            var client = signedIn ? await broker.ConnectAsync("fuzz", i % 4 == 0 ? ProtocolVersion.V311 : ProtocolVersion.V5) : broker.Open();
            var bytes = new byte[random.Next(1, 60)];
            random.NextBytes(bytes);
            if (bytes.Length > 2) { bytes[1] = (byte)random.Next(0, bytes.Length); }
            await client.SendAsync(bytes);
            await client.BreakAsync();
        }

        await (await broker.ConnectAsync("canary")).ExpectNothingAsync();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public async Task Connection_is_cut_when_no_whole_CONNECT_comes_in_time(int bytes)
    {
        await using var broker = await TestBroker.StartAsync();
        var client = broker.Open();
        await client.SendAsync(Connect311[..bytes]);
        await Eventually.TrueAsync(() => broker.Server.Figures().Connections == 1);
        broker.Pass(TimeSpan.FromSeconds(9));
        client.Served.IsCompleted.ShouldBeFalse();
        broker.Pass(TimeSpan.FromSeconds(2));
        await client.ExpectClosedAsync();
        broker.Server.LatestEvents(1).Single().Words.ShouldBe("no CONNECT in time");
    }

    [Fact]
    public async Task First_packet_that_is_no_CONNECT_closes()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = broker.Open();
        await client.SendAsync(0xC0, 0);
        await client.ExpectClosedAsync();
    }

    [Fact]
    public async Task First_byte_that_is_no_CONNECT_closes_at_once_when_more_is_promised()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = broker.Open();
        await client.SendAsync("GET / HTTP/1.1\r\n"u8.ToArray());
        await client.ExpectClosedAsync();
    }

    [Fact]
    public async Task Huge_declared_length_is_refused_when_only_the_header_has_come()
    {
        await using var broker = await TestBroker.StartAsync();
        var before = broker.Open();
        await before.SendAsync(0x10, 0xFF, 0xFF, 0xFF, 0x7F);
        await before.ExpectClosedAsync();
        var client = await broker.ConnectAsync("c");
        await client.SendAsync(0x30, 0xFF, 0xFF, 0xFF, 0x7F);
        (await client.ReceiveDisconnectAsync()).Reason.ShouldBe(ReasonCode.PacketTooLarge);
        await client.ExpectClosedAsync();
    }

    [Theory]
    [InlineData(3)]
    [InlineData(6)]
    public async Task Unknown_protocol_version_is_answered_with_return_code_1(byte level)
    {
        await using var broker = await TestBroker.StartAsync();
        var client = broker.Open(ProtocolVersion.V311);
        var bytes = Connect311.ToArray();
        bytes[8] = level;
        await client.SendAsync(bytes);
        var answer = await client.ReceiveAsync(PacketType.ConnAck);
        answer.Body.ShouldBe([0, 1]);
        await client.ExpectClosedAsync();
    }

    [Fact]
    public async Task Silent_client_is_disconnected_after_one_and_a_half_keep_alives()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("c", with: c => c with { KeepAlive = 10 });
        broker.Pass(TimeSpan.FromSeconds(14));
        await client.ExpectNothingAsync();
        broker.Pass(TimeSpan.FromSeconds(17));
        (await client.ReceiveDisconnectAsync()).Reason.ShouldBe(ReasonCode.KeepAliveTimeout);
        await client.ExpectClosedAsync();
    }

    [Fact]
    public async Task Keep_alive_is_capped_and_told_when_a_client_asks_for_none()
    {
        await using var broker = await TestBroker.StartAsync(o => o.KeepAliveCap = TimeSpan.FromSeconds(30));
        var client = await broker.ConnectAsync("c", with: c => c with { KeepAlive = 0 });
        client.ConnAck.ServerKeepAlive.ShouldBe((ushort)30);
        broker.Pass(TimeSpan.FromSeconds(47));
        (await client.ReceiveDisconnectAsync()).Reason.ShouldBe(ReasonCode.KeepAliveTimeout);
    }

    [Fact]
    public async Task Slow_reader_loses_QoS_0_first_and_is_then_disconnected()
    {
        await using var broker = await TestBroker.StartAsync(o => o.OutboundBufferBytes = 16_384);
        var canary = await broker.ConnectAsync("canary");
        await canary.SubscribeAsync("canary");
        var slow = await broker.ConnectAsync("slow", writeBuffer: 4_096);
        await slow.SubscribeAsync("t");
        for (var i = 0; i < 100; i++) { await broker.Server.PublishAsync("t", new byte[1_000], QualityOfService.AtMostOnce); }
        broker.Server.Figures().Dropped[DropReason.SlowReader].ShouldBeGreaterThan(50);
        await broker.Server.PublishAsync("canary", "alive"u8.ToArray());
        (await canary.ReceivePublishAsync()).Payload.ShouldBe("alive");
        broker.Pass(TimeSpan.FromSeconds(32));
        await slow.Served.Within();
        broker.Server.LatestEvents(5).ShouldContain(e => e.ClientId == "slow" && e.Words == "does not take what it is sent");
        broker.Server.Figures().OutboundWaiting.ShouldBe(0);
    }

    [Fact]
    public async Task Peer_that_never_reads_its_ping_answers_is_bounded_and_cut()
    {
        await using var broker = await TestBroker.StartAsync(o => o.OutboundBufferBytes = 16_384);
        var client = await broker.ConnectAsync("c", writeBuffer: 1_024);
        var pings = new byte[64 * 1024];
        for (var i = 0; i < pings.Length; i += 2) { pings[i] = 0xC0; }
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < 20; i++) { await client.SendAsync(pings); }
        });
        await Eventually.TrueAsync(() => broker.Server.Figures().OutboundWaiting > 16_384);
        broker.Server.Figures().OutboundWaiting.ShouldBeLessThan(200_000);
        broker.Pass(TimeSpan.FromSeconds(32));
        await client.Served.Within();
        broker.Server.Figures().OutboundWaiting.ShouldBe(0);
        await Task.WhenAny(sending, Task.Delay(100));
    }

    [Fact]
    public async Task Receive_maximum_ignored_by_the_client_ends_the_connection()
    {
        await using var broker = await TestBroker.StartDurableAsync(o => o.ReceiveMaximum = 5, commitAtOnce: false);
        var client = await broker.ConnectAsync("c");
        client.ConnAck.ReceiveMaximum.ShouldBe((ushort)5);
        for (ushort i = 1; i <= 6; i++) { await client.PublishAsync("t", "x", QualityOfService.ExactlyOnce, i); }
        WirePacket? last = null;
        for (var packet = await client.ReceiveAsync(); packet is not null; packet = await client.ReceiveAsync()) { last = packet; }
        last!.Type.ShouldBe(PacketType.Disconnect);
        last.Body[0].ShouldBe((byte)ReasonCode.ReceiveMaximumExceeded);
    }

    [Fact]
    public async Task Same_QoS_2_id_for_ever_costs_one_place()
    {
        await using var broker = await TestBroker.StartAsync(o => o.ReceiveMaximum = 5);
        var client = await broker.ConnectAsync("c");
        for (var i = 0; i < 200; i++)
        {
            await client.PublishAsync("t", "x", QualityOfService.ExactlyOnce, 9, duplicate: i > 0);
            (await client.ReceiveAcknowledgementAsync(PacketType.PubRec)).Id.ShouldBe((ushort)9);
        }

        broker.Server.FindSession("c")!.OpenIncoming.ShouldBe(1);
    }

    [Fact]
    public async Task Subscriptions_beyond_the_limit_are_refused_with_quota_exceeded()
    {
        await using var broker = await TestBroker.StartAsync(o => o.SubscriptionsPerSession = 3);
        var client = await broker.ConnectAsync("c");
        var answer = await client.SubscribeAsync([.. Enumerable.Range(1, 5).Select(i => new TopicSubscription($"t/{i}"))]);
        answer.Reasons.ShouldBe([ReasonCode.Success, ReasonCode.Success, ReasonCode.Success, ReasonCode.QuotaExceeded, ReasonCode.QuotaExceeded]);
        (await client.SubscribeAsync("t/1")).Reasons.ShouldBe([ReasonCode.Success]);
    }

    [Fact]
    public async Task Topic_with_too_many_levels_is_refused()
    {
        await using var broker = await TestBroker.StartAsync();
        var deep = string.Concat(Enumerable.Repeat("/", 500));
        var client = await broker.ConnectAsync("c");
        await client.PublishAsync(deep, "x", QualityOfService.AtLeastOnce, 1);
        (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Reason.ShouldBe(ReasonCode.TopicNameInvalid);
        (await client.SubscribeAsync(deep)).Reasons.ShouldBe([ReasonCode.TopicFilterInvalid]);
        await client.ExpectNothingAsync();
    }

    [Fact]
    public async Task Retained_flood_ends_at_the_limit()
    {
        await using var broker = await TestBroker.StartAsync(o => o.RetainedMessages = 10);
        var client = await broker.ConnectAsync("c");
        for (var i = 0; i < 50; i++) { await client.PublishAsync($"r/{i}", "x", retain: true); }
        await client.ExpectNothingAsync();
        var figures = broker.Server.Figures();
        figures.Retained.ShouldBe(10);
        figures.Dropped[DropReason.RetainedFull].ShouldBe(40);
    }

    [Fact]
    public async Task Sessions_without_end_are_bounded_per_owner()
    {
        await using var broker = await TestBroker.StartAsync(o => o.SessionsPerOwner = 5);
        for (var i = 0; i < 20; i++)
        {
            var client = await broker.ConnectAsync($"s{i}", expiry: uint.MaxValue, with: c => c with { UserName = "owner" });
            await client.BreakAsync();
        }

        broker.Server.Figures().Sessions.ShouldBe(5);
    }

    [Fact]
    public async Task Connections_from_one_address_are_bounded()
    {
        await using var broker = await TestBroker.StartAsync(o => o.ConnectionsPerAddress = 3);
        var open = Enumerable.Range(0, 5).Select(_ => broker.Open(remote: "10.0.0.1")).ToList();
        await Eventually.TrueAsync(() => broker.Server.Figures().RefusedConnects == 2);
        open.Count(c => c.Served.IsCompleted).ShouldBe(2);
        await (await broker.ConnectAsync("canary")).ExpectNothingAsync();
        foreach (var client in open.Where(c => !c.Served.IsCompleted)) { await client.BreakAsync(); }
        var again = broker.Open(remote: "10.0.0.1");
        await again.SendAsync(Connect311);
        (await again.ReceiveAsync(PacketType.ConnAck)).ShouldNotBeNull();
    }

    [Theory]
    [InlineData(0, ReasonCode.TopicAliasInvalid)]
    [InlineData(17, ReasonCode.TopicAliasInvalid)]
    [InlineData(5, ReasonCode.ProtocolError)]
    public async Task Topic_alias_that_is_wrong_ends_the_connection(ushort alias, ReasonCode reason)
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("c");
        client.ConnAck.TopicAliasMaximum.ShouldBe((ushort)16);
        await client.SendAsync(0x30, 6, 0, 0, 3, 0x23, 0, (byte)alias);
        (await client.ReceiveDisconnectAsync()).Reason.ShouldBe(reason);
    }

    [Fact]
    public async Task Rights_are_checked_on_the_resolved_topic_when_an_alias_is_pointed_elsewhere()
    {
        var access = new TestAccess();
        access.RefusedTopics.Add("forbidden/#");
        await using var broker = await TestBroker.StartAsync(access: access);
        var watcher = await broker.ConnectAsync("w");
        await watcher.SubscribeAsync("#");
        var client = await broker.ConnectAsync("c");
        await client.PublishAsync("allowed", "1", QualityOfService.AtLeastOnce, 1, alias: 1);
        (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Reason.ShouldBe(ReasonCode.Success);
        await client.PublishAsync("forbidden/x", "2", QualityOfService.AtLeastOnce, 2, alias: 1);
        (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Reason.ShouldBe(ReasonCode.NotAuthorized);
        await client.PublishAsync("", "3", QualityOfService.AtLeastOnce, 3, alias: 1, omitTopic: true);
        (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Reason.ShouldBe(ReasonCode.NotAuthorized);
        (await watcher.ReceivePublishAsync()).Payload.ShouldBe("1");
        await watcher.ExpectNothingAsync();
    }

    [Fact]
    public async Task Alias_stands_for_its_topic_when_set_before()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("c");
        await client.SubscribeAsync("t");
        await client.PublishAsync("t", "1", alias: 3);
        await client.PublishAsync("", "2", alias: 3, omitTopic: true);
        (await client.ReceivePublishAsync()).Payload.ShouldBe("1");
        var second = await client.ReceivePublishAsync();
        second.Topic.ShouldBe("t");
        second.Payload.ShouldBe("2");
    }
}
