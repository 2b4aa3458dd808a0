using Headwater.Mqtt.Packets;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Server;

public sealed class BasicFlowTests
{
    public static TheoryData<ProtocolVersion, QualityOfService, QualityOfService> Levels()
    {
        var data = new TheoryData<ProtocolVersion, QualityOfService, QualityOfService>();
        foreach (var version in Enum.GetValues<ProtocolVersion>())
        {
            foreach (var published in Enum.GetValues<QualityOfService>())
            {
                foreach (var subscribed in Enum.GetValues<QualityOfService>()) { data.Add(version, published, subscribed); }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public async Task Message_arrives_at_the_lower_level_when_published_and_subscribed(ProtocolVersion version, QualityOfService published, QualityOfService subscribed)
    {
        await using var broker = await TestBroker.StartAsync();
        var subscriber = await broker.ConnectAsync("subscriber", version);
        var publisher = await broker.ConnectAsync("publisher", version);
        (await subscriber.SubscribeAsync("a/+", subscribed)).Reasons.ShouldBe([(ReasonCode)subscribed]);

        await publisher.PublishAsync("a/b", "hello", published, published == QualityOfService.AtMostOnce ? (ushort)0 : (ushort)7);
        if (published == QualityOfService.AtLeastOnce) { (await publisher.ReceiveAcknowledgementAsync(PacketType.PubAck)).Id.ShouldBe((ushort)7); }
        if (published == QualityOfService.ExactlyOnce)
        {
            (await publisher.ReceiveAcknowledgementAsync(PacketType.PubRec)).Id.ShouldBe((ushort)7);
            await publisher.AcknowledgeAsync(PacketType.PubRel, 7);
            (await publisher.ReceiveAcknowledgementAsync(PacketType.PubComp)).Id.ShouldBe((ushort)7);
        }

        var received = await subscriber.ReceivePublishAsync();
        received.ShouldSatisfyAllConditions(
            () => received.Topic.ShouldBe("a/b"),
            () => received.Payload.ShouldBe("hello"),
            () => received.QualityOfService.ShouldBe(published < subscribed ? published : subscribed),
            () => received.Retain.ShouldBeFalse(),
            () => received.Duplicate.ShouldBeFalse());
        switch (received.QualityOfService)
        {
            case QualityOfService.AtLeastOnce: await subscriber.AcknowledgeAsync(PacketType.PubAck, received.PacketId); break;
            case QualityOfService.ExactlyOnce:
                await subscriber.AcknowledgeAsync(PacketType.PubRec, received.PacketId);
                (await subscriber.ReceiveAcknowledgementAsync(PacketType.PubRel)).Id.ShouldBe(received.PacketId);
                await subscriber.AcknowledgeAsync(PacketType.PubComp, received.PacketId);
                break;
            default: break;
        }

        await subscriber.ExpectNothingAsync();
        broker.Server.Statistics.Snapshot().Queued.ShouldBe(0);
    }

    [Fact]
    public async Task Ping_is_answered_when_connected()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("c");
        await client.ExpectNothingAsync();
    }

    [Fact]
    public async Task Publish_split_byte_by_byte_is_taken_whole()
    {
        await using var broker = await TestBroker.StartAsync();
        var subscriber = await broker.ConnectAsync("s");
        await subscriber.SubscribeAsync("t");
        var publisher = await broker.ConnectAsync("p", ProtocolVersion.V311);
        var bytes = new System.Buffers.ArrayBufferWriter<byte>();
        publisher.WritePublish(bytes, "t", "payload", QualityOfService.AtLeastOnce, 3);
        foreach (var one in bytes.WrittenMemory.ToArray()) { await publisher.SendAsync(one); }
        (await publisher.ReceiveAcknowledgementAsync(PacketType.PubAck)).Id.ShouldBe((ushort)3);
        (await subscriber.ReceivePublishAsync()).Payload.ShouldBe("payload");
    }

    [Fact]
    public async Task Connection_ends_without_spinning_when_closed_within_a_packet()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("half");
        await client.SendAsync(0x30, 20, 0, 1);
        await client.BreakAsync();
        broker.Server.Figures().ConnectedSessions.ShouldBe(0);
    }

    [Fact]
    public async Task Unsubscribe_ends_delivery_and_says_whether_there_was_a_subscription()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("c");
        await client.SubscribeAsync("t");
        (await client.UnsubscribeAsync("t", "never")).Reasons.ShouldBe([ReasonCode.Success, ReasonCode.NoSubscriptionExisted]);
        await client.PublishAsync("t", "x");
        await client.ExpectNothingAsync();
    }

    [Fact]
    public async Task Server_assigns_a_client_id_when_the_client_has_none()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("");
        client.ConnAck.AssignedClientIdentifier.ShouldNotBeNull();
        broker.Server.FindSession(client.ConnAck.AssignedClientIdentifier).ShouldNotBeNull();
    }

    [Fact]
    public async Task Clients_are_told_when_the_server_stops()
    {
        var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("c");
        await broker.DisposeAsync();
        (await client.ReceiveDisconnectAsync()).Reason.ShouldBe(ReasonCode.ServerShuttingDown);
        await client.ExpectClosedAsync();
    }

    [Fact]
    public async Task Uplink_is_acknowledged_after_the_commit_and_not_before()
    {
        await using var broker = await TestBroker.StartDurableAsync(commitAtOnce: false);
        var subscriber = await broker.ConnectAsync("s");
        await subscriber.SubscribeAsync("up/#", QualityOfService.AtLeastOnce);
        var client = await broker.ConnectAsync("meter");
        await client.PublishAsync("up/1", "42", QualityOfService.AtLeastOnce, 1);
        await Eventually.TrueAsync(() => broker.Controlled.Waiting == 1);
        await client.ExpectNothingAsync();
        await subscriber.ExpectNothingAsync();

        broker.Controlled.CommitAll();

        (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Id.ShouldBe((ushort)1);
        (await subscriber.ReceivePublishAsync()).Payload.ShouldBe("42");
        broker.Controlled.Stored.ShouldBe([("meter", "up/1", "42", (ushort)1)]);
    }
}
