using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Server;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Server;

public sealed class DurabilityTests
{
    [Fact]
    public async Task Reading_pauses_when_the_window_is_full_and_goes_on_after_the_commit()
    {
        await using var broker = await TestBroker.StartDurableAsync(o => o.InboundWindowMessages = 10, commitAtOnce: false);
        var client = await broker.ConnectAsync("meter", ProtocolVersion.V311);
        await client.SendAsync(o =>
        {
            for (ushort i = 1; i <= 100; i++) { client.WritePublish(o, "up/1", $"{i}", QualityOfService.AtLeastOnce, i); }
        });
        await Eventually.TrueAsync(() => broker.Server.FindSession("meter")!.Uncommitted == 10);

        // The keep-alive clock stands while the server does not read: an hour without a database ends no connection.
        broker.Pass(TimeSpan.FromHours(1));
        broker.Server.FindSession("meter")!.IsConnected.ShouldBeTrue();
        broker.Server.FindSession("meter")!.Uncommitted.ShouldBe(10);
        broker.Controlled.Stored.ShouldBeEmpty();

        broker.Controlled.CommitsAtOnce = true;
        broker.Controlled.CommitAll();
        for (ushort i = 1; i <= 100; i++) { (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Id.ShouldBe(i); }
        broker.Controlled.Stored.Select(s => s.Payload).ShouldBe(Enumerable.Range(1, 100).Select(i => $"{i}"));
    }

    [Fact]
    public async Task Reading_pauses_when_the_lane_is_full()
    {
        await using var broker = await TestBroker.StartDurableAsync();
        var client = await broker.ConnectAsync("meter");
        broker.Controlled.IsFull = true;
        await client.PublishAsync("up/1", "1", QualityOfService.AtLeastOnce, 1);
        await client.ReceiveAcknowledgementAsync(PacketType.PubAck);
        await client.PublishAsync("up/1", "2", QualityOfService.AtLeastOnce, 2);
        broker.Pass(TimeSpan.FromMinutes(10));
        broker.Controlled.Stored.Count.ShouldBe(1);
        broker.Controlled.IsFull = false;
        (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Id.ShouldBe((ushort)2);
    }

    [Fact]
    public async Task What_follows_an_uplink_keeps_its_place_when_the_commit_waits()
    {
        await using var broker = await TestBroker.StartDurableAsync(commitAtOnce: false);
        var watcher = await broker.ConnectAsync("w");
        await watcher.SubscribeAsync("#");
        var client = await broker.ConnectAsync("meter");
        await client.PublishAsync("up/1", "first", QualityOfService.AtLeastOnce, 1);
        await Eventually.TrueAsync(() => broker.Controlled.Waiting == 1);
        await client.PublishAsync("other", "second", QualityOfService.AtLeastOnce, 2);
        await Eventually.TrueAsync(() => broker.Controlled.Waiting == 2);
        await watcher.ExpectNothingAsync();
        broker.Controlled.CommitAll();
        (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Id.ShouldBe((ushort)1);
        (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Id.ShouldBe((ushort)2);
        (await watcher.ReceivePublishAsync()).Payload.ShouldBe("first");
        (await watcher.ReceivePublishAsync()).Payload.ShouldBe("second");
    }

    [Fact]
    public async Task Publish_is_acknowledged_after_a_durable_queue_has_committed_and_survives_a_restart()
    {
        await using var broker = await TestBroker.StartDurableAsync();
        var client = await broker.ConnectAsync("p", expiry: 3600);
        await client.SubscribeAsync(5, new TopicSubscription("cmd", QualityOfService.AtLeastOnce));
        await client.BreakAsync();
        var publisher = await broker.ConnectAsync("pub");
        broker.Controlled.CommitsAtOnce = false;
        await publisher.PublishAsync("cmd", "open", QualityOfService.AtLeastOnce, 1);
        await Eventually.TrueAsync(() => broker.Controlled.Waiting == 1);
        await publisher.ExpectNothingAsync();
        broker.Controlled.Survived().Queue.ShouldBeEmpty();
        broker.Controlled.CommitAll();
        await publisher.ReceiveAcknowledgementAsync(PacketType.PubAck);

        await using var restarted = await TestBroker.StartDurableAsync(stored: broker.Controlled.Survived());
        var back = await restarted.ConnectAsync("p", clean: false, expiry: 3600);
        back.ConnAck.SessionPresent.ShouldBeTrue();
        var message = await back.ReceivePublishAsync();
        message.ShouldSatisfyAllConditions(m => m.Payload.ShouldBe("open"), m => m.Identifiers.ShouldBe([5u]));
        await back.AcknowledgeAsync(PacketType.PubAck, message.PacketId);
        await back.ExpectNothingAsync();
        restarted.Pass(TimeSpan.FromSeconds(2));
        restarted.Controlled.Survived().Queue.ShouldBeEmpty();
        await restarted.Server.PublishAsync("cmd", "again"u8.ToArray());
        (await back.ReceivePublishAsync()).Payload.ShouldBe("again");
    }

    [Fact]
    public async Task Outgoing_QoS_2_id_is_saved_before_the_first_transfer_and_the_same_after_a_restart()
    {
        await using var broker = await TestBroker.StartDurableAsync();
        var client = await broker.ConnectAsync("p", expiry: 3600);
        await client.SubscribeAsync("cmd", QualityOfService.ExactlyOnce);
        await broker.Server.PublishAsync("cmd", "one"u8.ToArray(), QualityOfService.ExactlyOnce);
        var first = await client.ReceivePublishAsync();
        await broker.Server.PublishAsync("cmd", "two"u8.ToArray(), QualityOfService.ExactlyOnce);
        var second = await client.ReceivePublishAsync();
        await client.AcknowledgeAsync(PacketType.PubRec, first.PacketId);
        (await client.ReceiveAcknowledgementAsync(PacketType.PubRel)).Id.ShouldBe(first.PacketId);
        var crash = broker.Controlled.Survived();

        await using var restarted = await TestBroker.StartDurableAsync(stored: crash);
        var back = await restarted.ConnectAsync("p", clean: false, expiry: 3600);
        (await back.ReceiveAcknowledgementAsync(PacketType.PubRel)).Id.ShouldBe(first.PacketId);
        var again = await back.ReceivePublishAsync();
        again.ShouldSatisfyAllConditions(m => m.PacketId.ShouldBe(second.PacketId), m => m.Duplicate.ShouldBeTrue(), m => m.Payload.ShouldBe("two"));
    }

    [Fact]
    public async Task Outgoing_QoS_2_message_is_not_sent_before_its_id_has_committed()
    {
        await using var broker = await TestBroker.StartDurableAsync();
        var client = await broker.ConnectAsync("p", expiry: 3600);
        await client.SubscribeAsync("cmd", QualityOfService.ExactlyOnce);
        broker.Controlled.CommitsAtOnce = false;
        var published = broker.Server.PublishAsync("cmd", "one"u8.ToArray(), QualityOfService.ExactlyOnce);
        broker.Controlled.Commit();
        await published.Within();
        await Eventually.TrueAsync(() => broker.Controlled.Waiting == 1);
        await client.ExpectNothingAsync();
        broker.Controlled.CommitAll();
        (await client.ReceivePublishAsync()).Payload.ShouldBe("one");
    }

    [Fact]
    public async Task Incoming_QoS_2_uplink_is_stored_each_time_and_delivered_once_when_its_id_repeats()
    {
        await using var broker = await TestBroker.StartDurableAsync();
        var watcher = await broker.ConnectAsync("w");
        await watcher.SubscribeAsync("up/#");
        var client = await broker.ConnectAsync("meter", expiry: 3600);
        await client.PublishAsync("up/1", "1", QualityOfService.ExactlyOnce, 4);
        await client.ReceiveAcknowledgementAsync(PacketType.PubRec);
        await client.PublishAsync("up/1", "1", QualityOfService.ExactlyOnce, 4, duplicate: true);
        await client.ReceiveAcknowledgementAsync(PacketType.PubRec);
        broker.Controlled.Stored.Count.ShouldBe(2);
        (await watcher.ReceivePublishAsync()).Payload.ShouldBe("1");
        await watcher.ExpectNothingAsync();
    }

    [Fact]
    public async Task Removal_of_an_incoming_QoS_2_id_commits_before_PUBCOMP()
    {
        await using var broker = await TestBroker.StartDurableAsync();
        var client = await broker.ConnectAsync("meter", expiry: 3600);
        await client.PublishAsync("up/1", "1", QualityOfService.ExactlyOnce, 4);
        await client.ReceiveAcknowledgementAsync(PacketType.PubRec);
        broker.Controlled.CommitsAtOnce = false;
        await client.AcknowledgeAsync(PacketType.PubRel, 4);
        await Eventually.TrueAsync(() => broker.Controlled.Waiting >= 1);
        await client.ExpectNothingAsync();

        // A crash here: the id is still open, the client repeats PUBREL and gets its PUBCOMP.
        await using (var crashed = await TestBroker.StartDurableAsync(stored: broker.Controlled.Survived()))
        {
            var back = await crashed.ConnectAsync("meter", clean: false, expiry: 3600);
            await back.AcknowledgeAsync(PacketType.PubRel, 4);
            (await back.ReceiveAcknowledgementAsync(PacketType.PubComp)).Reason.ShouldBe(ReasonCode.Success);
        }

        broker.Controlled.CommitAll();
        (await client.ReceiveAcknowledgementAsync(PacketType.PubComp)).Id.ShouldBe((ushort)4);

        // A crash now: the same id is a new message, delivered.
        await using var later = await TestBroker.StartDurableAsync(stored: broker.Controlled.Survived());
        var watcher = await later.ConnectAsync("w");
        await watcher.SubscribeAsync("up/#");
        var again = await later.ConnectAsync("meter", clean: false, expiry: 3600);
        await again.PublishAsync("up/1", "2", QualityOfService.ExactlyOnce, 4);
        (await watcher.ReceivePublishAsync()).Payload.ShouldBe("2");
    }

    [Fact]
    public async Task Subscriptions_and_retained_messages_survive_a_restart()
    {
        await using var broker = await TestBroker.StartDurableAsync();
        var client = await broker.ConnectAsync("p", ProtocolVersion.V311, clean: false);
        await client.SubscribeAsync("a/+", QualityOfService.AtLeastOnce);
        await client.SubscribeAsync("b", QualityOfService.AtLeastOnce);
        await client.UnsubscribeAsync("b");
        await client.PublishAsync("kept", "r", QualityOfService.AtLeastOnce, 1, retain: true);
        await client.ReceiveAcknowledgementAsync(PacketType.PubAck);

        await using var restarted = await TestBroker.StartDurableAsync(stored: broker.Controlled.Survived());
        restarted.Server.ListSubscriptions(null, 0, 10).Items.Select(s => s.Subscription.Filter).ShouldBe(["a/+"]);
        restarted.Server.ListRetained(null, 0, 10).Items.Single().Topic.ShouldBe("kept");
        var back = await restarted.ConnectAsync("p", ProtocolVersion.V311, clean: false);
        back.ConnAck.SessionPresent.ShouldBeTrue();
        await restarted.Server.PublishAsync("a/x", "m"u8.ToArray());
        (await back.ReceivePublishAsync()).Payload.ShouldBe("m");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Will_of_a_connection_that_lived_at_a_crash_is_published_unless_the_client_is_back(bool returns)
    {
        await using var broker = await TestBroker.StartDurableAsync();
        var client = await broker.ConnectAsync("meter", with: c => c with
        {
            Will = new WillMessage { Topic = "up/state", Payload = "offline"u8.ToArray(), Retain = true, QualityOfService = QualityOfService.AtLeastOnce },
        });
        await client.PublishAsync("up/state", "online", QualityOfService.AtLeastOnce, 1, retain: true);
        await client.ReceiveAcknowledgementAsync(PacketType.PubAck);

        await using var restarted = await TestBroker.StartDurableAsync(stored: broker.Controlled.Survived());
        State().ShouldBe("online");
        restarted.Pass(TimeSpan.FromSeconds(20));
        if (returns) { await restarted.ConnectAsync("meter"); }
        restarted.Pass(TimeSpan.FromSeconds(12));
        State().ShouldBe(returns ? "online" : "offline");
        restarted.Controlled.Survived().Sessions.Count.ShouldBe(0);
        if (!returns) { restarted.Controlled.Stored.ShouldContain(s => s.Payload == "offline"); }

        string State() => System.Text.Encoding.UTF8.GetString(restarted.Server.ListRetained("up/state", 0, 1).Items.Single().Beginning.Span);
    }

    [Fact]
    public async Task Client_is_let_in_when_the_store_does_not_answer()
    {
        await using var broker = await TestBroker.StartDurableAsync(commitAtOnce: false);
        var client = broker.Open();
        await client.SendAsync(o => ConnectPacket.Write(o, new ConnectPacket { Version = ProtocolVersion.V5, ClientId = "p", SessionExpiryInterval = 100 }));
        var answer = client.ReceiveConnAckAsync();
        while (!answer.IsCompleted)
        {
            broker.Pass(TimeSpan.FromMilliseconds(200));
            await Task.WhenAny(answer, Task.Delay(5));
        }

        (await answer).Reason.ShouldBe(ReasonCode.Success);
    }

    [Fact]
    public async Task Suback_of_a_persistent_session_waits_for_the_commit()
    {
        await using var broker = await TestBroker.StartDurableAsync();
        var client = await broker.ConnectAsync("p", expiry: 100);
        broker.Controlled.CommitsAtOnce = false;
        await client.SendSubscribeAsync(null, new TopicSubscription("t"));
        await Eventually.TrueAsync(() => broker.Controlled.Waiting == 1);
        var answer = client.ReceiveSubAckAsync();
        answer.IsCompleted.ShouldBeFalse();
        broker.Controlled.CommitAll();
        (await answer).Reasons.ShouldBe([ReasonCode.Success]);
    }

    [Theory]
    [InlineData(ProtocolVersion.V5)]
    [InlineData(ProtocolVersion.V311)]
    public async Task Quota_spent_is_said_in_MQTT_5_and_closes_in_3_1_1(ProtocolVersion version)
    {
        await using var broker = await TestBroker.StartDurableAsync();
        broker.Controlled.Judge = _ => (PublishOutcome.OverQuota, "quarantine budget spent");
        var client = await broker.ConnectAsync("meter", version);
        await client.PublishAsync("up/1", "bad", QualityOfService.AtLeastOnce, 1);
        if (version == ProtocolVersion.V311)
        {
            await client.ExpectClosedAsync();
            broker.Server.LatestEvents(1).Single().Words.ShouldBe("quarantine budget spent");
            return;
        }

        var answer = await client.ReceiveAcknowledgementAsync(PacketType.PubAck);
        answer.Reason.ShouldBe(ReasonCode.QuotaExceeded);
        answer.Words.ShouldBe("quarantine budget spent");
    }

    [Fact]
    public async Task Messages_are_delivered_after_a_publisher_died_before_the_commit()
    {
        await using var broker = await TestBroker.StartDurableAsync();
        var watcher = await broker.ConnectAsync("w");
        await watcher.SubscribeAsync("up/#");
        var client = await broker.ConnectAsync("meter");
        broker.Controlled.CommitsAtOnce = false;
        await client.PublishAsync("up/1", "last words", QualityOfService.AtLeastOnce, 1);
        await Eventually.TrueAsync(() => broker.Controlled.Waiting == 1);
        await client.BreakAsync();
        broker.Controlled.CommitAll();
        (await watcher.ReceivePublishAsync()).Payload.ShouldBe("last words");
    }

    [Fact]
    public async Task Message_done_out_of_order_is_not_delivered_again_when_the_server_crashes_twice()
    {
        var first = await TestBroker.StartDurableAsync();
        var client = await first.ConnectAsync("sub", clean: false, expiry: 3600);
        await client.SubscribeAsync("t/#", QualityOfService.ExactlyOnce);
        await first.Server.PublishAsync("t", "held back"u8.ToArray(), QualityOfService.AtLeastOnce);
        await first.Server.PublishAsync("t", "done"u8.ToArray(), QualityOfService.ExactlyOnce);
        (await client.ReceivePublishAsync()).Payload.ShouldBe("held back");
        var done = await client.ReceivePublishAsync();
        await client.AcknowledgeAsync(PacketType.PubRec, done.PacketId);
        await client.ReceiveAcknowledgementAsync(PacketType.PubRel);
        await client.AcknowledgeAsync(PacketType.PubComp, done.PacketId);
        await client.ExpectNothingAsync();
        first.Pass(TimeSpan.FromSeconds(2)); // progress is saved once a second

        var second = await TestBroker.StartDurableAsync(stored: first.Controlled.Survived());
        client = await second.ConnectAsync("sub", clean: false, expiry: 3600);
        (await client.ReceivePublishAsync()).Payload.ShouldBe("held back");
        await client.ExpectNothingAsync();

        // A change of progress that does not pass the held message: what is written now must still know what was done before the first crash.
        await second.Server.PublishAsync("t", "third"u8.ToArray(), QualityOfService.ExactlyOnce);
        (await client.ReceivePublishAsync()).Payload.ShouldBe("third");

        var third = await TestBroker.StartDurableAsync(stored: second.Controlled.Survived());
        client = await third.ConnectAsync("sub", clean: false, expiry: 3600);
        (await client.ReceivePublishAsync()).Payload.ShouldBe("held back");
        (await client.ReceivePublishAsync()).Payload.ShouldBe("third");
        await client.ExpectNothingAsync();
        await third.DisposeAsync();
        await second.DisposeAsync();
        await first.DisposeAsync();
    }
}
