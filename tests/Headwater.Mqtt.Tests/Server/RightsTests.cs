using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Server;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Server;

public sealed class RightsTests
{
    [Theory]
    [InlineData(ProtocolVersion.V5)]
    [InlineData(ProtocolVersion.V311)]
    public async Task Publish_without_the_right_is_refused_in_MQTT_5_and_stored_in_quarantine_in_3_1_1(ProtocolVersion version)
    {
        var access = new TestAccess();
        access.RefusedTopics.Add("secret");
        await using var broker = await TestBroker.StartDurableAsync(access: access);
        var watcher = await broker.ConnectAsync("w");
        await watcher.SubscribeAsync("#");
        var client = await broker.ConnectAsync("c", version);
        await client.PublishAsync("secret", "x", QualityOfService.AtLeastOnce, 1);
        var answer = await client.ReceiveAcknowledgementAsync(PacketType.PubAck);
        answer.Reason.ShouldBe(version == ProtocolVersion.V5 ? ReasonCode.NotAuthorized : ReasonCode.Success);
        broker.Controlled.Stored.Count.ShouldBe(version == ProtocolVersion.V5 ? 0 : 1);
        broker.Server.Figures().RefusedPublishes.ShouldBe(1);
        await watcher.ExpectNothingAsync();
    }

    [Fact]
    public async Task Subscription_without_the_right_is_refused_also_behind_a_share_name()
    {
        var access = new TestAccess();
        access.RefusedFilters.Add("secret/#");
        await using var broker = await TestBroker.StartAsync(access: access);
        var client = await broker.ConnectAsync("c");
        (await client.SubscribeAsync(new TopicSubscription("secret/#"), new TopicSubscription("$share/g/secret/#"), new TopicSubscription("open")))
            .Reasons.ShouldBe([ReasonCode.NotAuthorized, ReasonCode.NotAuthorized, ReasonCode.Success]);
    }

    [Fact]
    public async Task Will_aimed_at_a_forbidden_topic_refuses_the_connection()
    {
        var access = new TestAccess();
        access.RefusedTopics.Add("secret");
        await using var broker = await TestBroker.StartAsync(access: access);
        var client = broker.Open();
        await client.SendAsync(o => ConnectPacket.Write(o, new ConnectPacket { Version = ProtocolVersion.V5, ClientId = "c", Will = new WillMessage { Topic = "secret" } }));
        (await client.ReceiveConnAckAsync()).Reason.ShouldBe(ReasonCode.NotAuthorized);
        await client.ExpectClosedAsync();
    }

    [Fact]
    public async Task Subscriptions_queue_and_will_go_when_rights_are_removed_while_the_session_lives()
    {
        var access = new TestAccess();
        await using var broker = await TestBroker.StartDurableAsync(access: access);
        var client = await broker.ConnectAsync("p", expiry: 3600, with: c => c with { Will = new WillMessage { Topic = "bye" } });
        await client.SubscribeAsync(new TopicSubscription("a", QualityOfService.AtLeastOnce), new TopicSubscription("b", QualityOfService.AtLeastOnce));
        await client.BreakAsync();
        await broker.Server.PublishAsync("a", "queued a"u8.ToArray());
        await broker.Server.PublishAsync("b", "queued b"u8.ToArray());
        access.RefusedFilters.Add("a");
        access.HiddenTopics.Add("a");
        access.RefusedTopics.Add("bye");
        access.Identity("p").RightsChanged();

        await broker.Server.PublishAsync("a", "later"u8.ToArray());
        var back = await broker.ConnectAsync("p", clean: false, expiry: 3600);
        (await back.ReceivePublishAsync()).Payload.ShouldBe("queued b");
        await back.ExpectNothingAsync();
        broker.Server.ListSubscriptions(null, 0, 10).Items.Single().Subscription.Filter.ShouldBe("b");
        broker.Controlled.Survived().Subscriptions["p"].Single().Filter.ShouldBe("b");
    }

    [Fact]
    public async Task Cached_route_is_asked_again_when_rights_change()
    {
        var access = new TestAccess();
        await using var broker = await TestBroker.StartAsync(access: access);
        var client = await broker.ConnectAsync("c");
        for (ushort i = 1; i <= 3; i++)
        {
            await client.PublishAsync("t", "x", QualityOfService.AtLeastOnce, i);
            (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Reason.ShouldBe(ReasonCode.Success);
        }

        access.Routed.Count(t => t == "t").ShouldBe(1);
        access.RefusedTopics.Add("t");
        access.Identity("c").RightsChanged();
        await client.PublishAsync("t", "x", QualityOfService.AtLeastOnce, 4);
        (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Reason.ShouldBe(ReasonCode.NotAuthorized);
    }

    [Fact]
    public async Task Live_sessions_end_when_a_credential_is_revoked()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("c");
        var other = await broker.ConnectAsync("other");
        broker.Server.Disconnect((_, identity) => identity.Name == "c", ReasonCode.NotAuthorized, "credential revoked").ShouldBe(1);
        (await client.ReceiveDisconnectAsync()).Reason.ShouldBe(ReasonCode.NotAuthorized);
        await client.ExpectClosedAsync();
        await other.ExpectNothingAsync();
    }

    [Fact]
    public async Task Guesser_is_slowed_and_others_are_not()
    {
        var access = new TestAccess { Password = "right" };
        await using var broker = await TestBroker.StartAsync(access: access);
        for (var i = 0; i < 10; i++) { (await TryAsync("victim", "wrong", "10.0.0.9")).Reason.ShouldBe(ReasonCode.BadUserNameOrPassword); }
        var slowed = TryAsync("victim", "wrong", "10.0.0.9");
        (await TryAsync("honest", "right", "10.0.0.1")).Reason.ShouldBe(ReasonCode.Success);
        slowed.IsCompleted.ShouldBeFalse();
        access.SignIns.ShouldBe(11);
        while (!slowed.IsCompleted)
        {
            broker.Pass(TimeSpan.FromMilliseconds(100));
            await Task.WhenAny(slowed, Task.Delay(5));
        }

        (await slowed).Reason.ShouldBe(ReasonCode.BadUserNameOrPassword);

        async Task<ConnAckPacket> TryAsync(string user, string password, string remote)
        {
            var client = broker.Open(remote: remote);
            await client.SendAsync(o => ConnectPacket.Write(o, new ConnectPacket
            {
                Version = ProtocolVersion.V5,
                ClientId = user,
                UserName = user,
                Password = System.Text.Encoding.UTF8.GetBytes(password),
                CleanStart = true,
            }));
            return await client.ReceiveConnAckAsync();
        }
    }

    [Fact]
    public async Task Log_is_not_flooded_when_thousands_are_refused()
    {
        await using var broker = await TestBroker.StartAsync();
        for (var i = 0; i < 200; i++)
        {
            var client = broker.Open();
            await client.SendAsync(0xC0, 0);
            await client.ExpectClosedAsync();
        }

        broker.Log.Entries.Count(e => e.EventId.Id == 1002).ShouldBe(10);
    }

    [Fact]
    public async Task Enhanced_authentication_is_refused_with_its_reason()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = broker.Open();
        await client.SendAsync(o => ConnectPacket.Write(o, new ConnectPacket { Version = ProtocolVersion.V5, ClientId = "c", AuthenticationMethod = "SCRAM" }));
        (await client.ReceiveConnAckAsync()).Reason.ShouldBe(ReasonCode.BadAuthenticationMethod);
    }

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public async Task Rule_of_the_open_listener_refuses_a_subscription_also_behind_a_share_name_and_leaves_the_others(ProtocolVersion version)
    {
        await using var broker = await TestBroker.StartAsync(o => o.RefusedTopicFilter = "test/nosubscribe");
        var client = await broker.ConnectAsync("c", version);
        (await client.SubscribeAsync("test/nosubscribe", QualityOfService.ExactlyOnce)).Reasons.ShouldBe([ReasonCode.UnspecifiedError]);
        (await client.SubscribeAsync("$share/g/test/nosubscribe")).Reasons.ShouldBe([ReasonCode.UnspecifiedError]);
        var others = await client.SubscribeAsync(new TopicSubscription("#"), new TopicSubscription("test/other"), new TopicSubscription("test/nosubscribe/x"));
        others.Reasons.ShouldBe([ReasonCode.Success, ReasonCode.Success, ReasonCode.Success]);
    }

    [Fact]
    public async Task Rule_of_the_open_listener_refuses_a_topic_and_nobody_publishes_figures()
    {
        await using var broker = await TestBroker.StartAsync(o => o.RefusedTopicFilter = "test/nosubscribe");
        var client = await broker.ConnectAsync("c");
        await client.PublishAsync("test/nosubscribe", "x", QualityOfService.AtLeastOnce, 1);
        (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Reason.ShouldBe(ReasonCode.NotAuthorized);
        await client.PublishAsync("$SYS/broker/clients/connected", "x", QualityOfService.AtLeastOnce, 2);
        (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Reason.ShouldBe(ReasonCode.NotAuthorized);
    }
}
