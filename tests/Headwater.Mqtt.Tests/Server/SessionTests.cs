using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Server;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Server;

public sealed class SessionTests
{
    [Fact]
    public async Task Queued_messages_arrive_in_order_when_a_persistent_client_returns()
    {
        await using var broker = await TestBroker.StartDurableAsync();
        var first = await broker.ConnectAsync("p", expiry: 3600);
        await first.SubscribeAsync("t", QualityOfService.AtLeastOnce);
        await first.BreakAsync();
        var publisher = await broker.ConnectAsync("pub");
        for (ushort i = 1; i <= 50; i++)
        {
            await publisher.PublishAsync("t", $"m{i}", QualityOfService.AtLeastOnce, i);
            await publisher.ReceiveAcknowledgementAsync(PacketType.PubAck);
        }

        var second = await broker.ConnectAsync("p", clean: false, expiry: 3600);
        second.ConnAck.SessionPresent.ShouldBeTrue();
        for (var i = 1; i <= 50; i++)
        {
            var message = await second.ReceivePublishAsync();
            message.Payload.ShouldBe($"m{i}");
            message.Duplicate.ShouldBeFalse();
            await second.AcknowledgeAsync(PacketType.PubAck, message.PacketId);
        }

        await second.ExpectNothingAsync();
    }

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public async Task Unacknowledged_messages_are_sent_again_with_DUP_and_the_same_ids_when_the_client_returns(ProtocolVersion version)
    {
        await using var broker = await TestBroker.StartAsync();
        var first = await broker.ConnectAsync("p", version, clean: false, expiry: 3600);
        await first.SubscribeAsync("t", QualityOfService.ExactlyOnce);
        var publisher = await broker.ConnectAsync("pub");
        await publisher.PublishAsync("t", "one", QualityOfService.AtLeastOnce, 1);
        await publisher.PublishAsync("t", "two", QualityOfService.ExactlyOnce, 2);
        await publisher.PublishAsync("t", "three", QualityOfService.ExactlyOnce, 3);
        var one = await first.ReceivePublishAsync();
        var two = await first.ReceivePublishAsync();
        var three = await first.ReceivePublishAsync();
        await first.AcknowledgeAsync(PacketType.PubRec, two.PacketId);
        await first.ReceiveAcknowledgementAsync(PacketType.PubRel);
        await first.BreakAsync();

        var second = await broker.ConnectAsync("p", version, clean: false, expiry: 3600);
        var again = await second.ReceivePublishAsync();
        again.ShouldBe(one with { Duplicate = true, Identifiers = again.Identifiers, Properties = again.Properties });
        (await second.ReceiveAcknowledgementAsync(PacketType.PubRel)).Id.ShouldBe(two.PacketId);
        var last = await second.ReceivePublishAsync();
        last.ShouldBe(three with { Duplicate = true, Identifiers = last.Identifiers, Properties = last.Properties });
    }

    [Fact]
    public async Task Session_is_forgotten_when_its_expiry_passes()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("p", expiry: 10);
        await client.SubscribeAsync("t");
        await client.BreakAsync();
        broker.Pass(TimeSpan.FromSeconds(9));
        broker.Server.FindSession("p").ShouldNotBeNull();
        broker.Pass(TimeSpan.FromSeconds(2));
        broker.Server.FindSession("p").ShouldBeNull();
        broker.Server.Figures().Subscriptions.ShouldBe(0);
    }

    [Fact]
    public async Task Expiry_given_at_disconnect_counts_when_the_connection_ends()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("p", expiry: 3600);
        await client.DisconnectAsync(expiry: 0);
        broker.Server.FindSession("p").ShouldBeNull();
    }

    [Fact]
    public async Task Expiry_raised_from_zero_at_disconnect_is_a_protocol_error()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("p");
        await client.SendAsync(o => DisconnectPacket.Write(o, new DisconnectPacket { SessionExpiryInterval = 5 }, ProtocolVersion.V5));
        (await client.ReceiveDisconnectAsync()).Reason.ShouldBe(ReasonCode.ProtocolError);
    }

    [Fact]
    public async Task Old_connection_is_told_when_its_session_is_taken_over()
    {
        await using var broker = await TestBroker.StartAsync();
        var old = await broker.ConnectAsync("same", expiry: 100);
        await old.SubscribeAsync("t");
        var fresh = await broker.ConnectAsync("same", clean: false, expiry: 100);
        fresh.ConnAck.SessionPresent.ShouldBeTrue();
        (await old.ReceiveDisconnectAsync()).Reason.ShouldBe(ReasonCode.SessionTakenOver);
        await old.ExpectClosedAsync();
        await fresh.PublishAsync("t", "x");
        (await fresh.ReceivePublishAsync()).Payload.ShouldBe("x");
        broker.Server.Figures().ConnectedSessions.ShouldBe(1);
    }

    [Fact]
    public async Task Client_id_of_another_owner_is_refused_and_its_session_stays()
    {
        await using var broker = await TestBroker.StartAsync();
        var owner = await broker.ConnectAsync("device-1");
        var thief = broker.Open();
        await thief.SendAsync(o => ConnectPacket.Write(o, new ConnectPacket { Version = ProtocolVersion.V5, ClientId = "device-1", UserName = "device-2" }));
        (await thief.ReceiveConnAckAsync()).Reason.ShouldBe(ReasonCode.ClientIdentifierNotValid);
        await thief.ExpectClosedAsync();
        await owner.ExpectNothingAsync();
    }

    [Fact]
    public async Task Two_clients_with_one_id_are_slowed_and_reported_when_they_kick_each_other()
    {
        await using var broker = await TestBroker.StartAsync();
        await broker.ConnectAsync("twin");
        for (var i = 0; i < 5; i++) { await broker.ConnectAsync("twin"); }
        var late = broker.Open();
        await late.SendAsync(o => ConnectPacket.Write(o, new ConnectPacket { Version = ProtocolVersion.V5, ClientId = "twin", CleanStart = true }));
        await Eventually.TrueAsync(() => broker.Server.LatestEvents(10).Any(e => e.Kind == ConnectionEventKind.Contested));
        var answer = late.ReceiveConnAckAsync();
        answer.IsCompleted.ShouldBeFalse();
        while (!answer.IsCompleted)
        {
            broker.Pass(TimeSpan.FromMilliseconds(100));
            await Task.WhenAny(answer, Task.Delay(5));
        }

        (await answer).Reason.ShouldBe(ReasonCode.Success);
        broker.Log.Entries.ShouldContain(e => e.EventId.Id == 1004);
    }

    [Fact]
    public async Task Message_expiry_counts_down_and_drops_when_it_passes()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("p", expiry: 3600);
        await client.SubscribeAsync("t", QualityOfService.AtLeastOnce);
        await client.BreakAsync();
        var publisher = await broker.ConnectAsync("pub");
        await publisher.PublishAsync("t", "short", QualityOfService.AtLeastOnce, 1, properties: new PublishProperties { MessageExpiryInterval = 5 });
        await publisher.PublishAsync("t", "long", QualityOfService.AtLeastOnce, 2, properties: new PublishProperties { MessageExpiryInterval = 50 });
        await publisher.ReceiveAcknowledgementAsync(PacketType.PubAck);
        await publisher.ReceiveAcknowledgementAsync(PacketType.PubAck);
        broker.Pass(TimeSpan.FromSeconds(20));
        var back = await broker.ConnectAsync("p", clean: false, expiry: 3600);
        var message = await back.ReceivePublishAsync();
        message.Payload.ShouldBe("long");
        message.Expiry.ShouldBe(30u);
    }

    [Fact]
    public async Task Newest_message_is_refused_when_the_queue_is_full_and_the_publisher_hears_it()
    {
        await using var broker = await TestBroker.StartDurableAsync(o => o.QueueMessages = 2);
        var client = await broker.ConnectAsync("p", expiry: 3600);
        await client.SubscribeAsync("t", QualityOfService.AtLeastOnce);
        await client.BreakAsync();
        var publisher = await broker.ConnectAsync("pub");
        var reasons = new List<ReasonCode>();
        for (ushort i = 1; i <= 3; i++)
        {
            await publisher.PublishAsync("t", $"{i}", QualityOfService.AtLeastOnce, i);
            reasons.Add((await publisher.ReceiveAcknowledgementAsync(PacketType.PubAck)).Reason);
        }

        reasons.ShouldBe([ReasonCode.Success, ReasonCode.Success, ReasonCode.QuotaExceeded]);
        var back = await broker.ConnectAsync("p", clean: false, expiry: 3600);
        (await back.ReceivePublishAsync()).Payload.ShouldBe("1");
        (await back.ReceivePublishAsync()).Payload.ShouldBe("2");
    }

    [Fact]
    public async Task Receive_maximum_of_the_client_is_kept_when_many_messages_wait()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("p", with: c => c with { ReceiveMaximum = 2 });
        await client.SubscribeAsync("t", QualityOfService.AtLeastOnce);
        var publisher = await broker.ConnectAsync("pub");
        for (ushort i = 1; i <= 4; i++) { await publisher.PublishAsync("t", $"{i}", QualityOfService.AtLeastOnce, i); }
        var one = await client.ReceivePublishAsync();
        await client.ReceivePublishAsync();
        for (var i = 0; i < 4; i++) { await publisher.ReceiveAcknowledgementAsync(PacketType.PubAck); }
        await client.ExpectNothingAsync();
        await client.AcknowledgeAsync(PacketType.PubAck, one.PacketId);
        (await client.ReceivePublishAsync()).Payload.ShouldBe("3");
    }

    [Fact]
    public async Task Message_larger_than_the_client_takes_is_not_sent()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("p", with: c => c with { MaximumPacketSize = 50 });
        await client.SubscribeAsync(new TopicSubscription("t", QualityOfService.AtLeastOnce));
        var publisher = await broker.ConnectAsync("pub");
        await publisher.PublishAsync("t", new string('x', 60), QualityOfService.AtLeastOnce, 1);
        await publisher.PublishAsync("t", new string('x', 60));
        await publisher.PublishAsync("t", "small", QualityOfService.AtLeastOnce, 2);
        (await client.ReceivePublishAsync()).Payload.ShouldBe("small");
        broker.Server.Figures().Dropped[DropReason.TooLargeForClient].ShouldBe(2);
    }
}
