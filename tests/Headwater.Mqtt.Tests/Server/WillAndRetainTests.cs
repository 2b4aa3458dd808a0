using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Server;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Server;

public sealed class WillAndRetainTests
{
    private static Func<ConnectPacket, ConnectPacket> WithWill(uint delay = 0, bool retain = false, string topic = "state") =>
        connect => connect with { Will = new WillMessage { Topic = topic, Payload = "offline"u8.ToArray(), QualityOfService = QualityOfService.AtLeastOnce, Retain = retain, DelayInterval = delay } };

    [Fact]
    public async Task Will_is_published_when_the_connection_breaks_and_not_after_a_good_bye()
    {
        await using var broker = await TestBroker.StartAsync();
        var watcher = await broker.ConnectAsync("w");
        await watcher.SubscribeAsync("state");
        var polite = await broker.ConnectAsync("polite", with: WithWill());
        await polite.DisconnectAsync();
        await watcher.ExpectNothingAsync();
        var broken = await broker.ConnectAsync("broken", with: WithWill());
        await broken.BreakAsync();
        (await watcher.ReceivePublishAsync()).Payload.ShouldBe("offline");
        var asks = await broker.ConnectAsync("asks", with: WithWill());
        await asks.DisconnectAsync(ReasonCode.DisconnectWithWill);
        (await watcher.ReceivePublishAsync()).Payload.ShouldBe("offline");
    }

    [Fact]
    public async Task Will_waits_for_its_delay_and_is_dropped_when_the_client_returns()
    {
        await using var broker = await TestBroker.StartAsync();
        var watcher = await broker.ConnectAsync("w", with: c => c with { KeepAlive = 0 });
        await watcher.SubscribeAsync("state");
        var client = await broker.ConnectAsync("c", expiry: 100, with: WithWill(delay: 20));
        await client.BreakAsync();
        broker.Pass(TimeSpan.FromSeconds(10));
        client = await broker.ConnectAsync("c", clean: false, expiry: 100, with: WithWill(delay: 20));
        broker.Pass(TimeSpan.FromSeconds(30));
        await watcher.ExpectNothingAsync();
        await client.BreakAsync();
        broker.Pass(TimeSpan.FromSeconds(21));
        (await watcher.ReceivePublishAsync()).Payload.ShouldBe("offline");
    }

    [Fact]
    public async Task Will_is_published_when_the_session_expires_before_its_delay()
    {
        await using var broker = await TestBroker.StartAsync();
        var watcher = await broker.ConnectAsync("w");
        await watcher.SubscribeAsync("state");
        var client = await broker.ConnectAsync("c", expiry: 5, with: WithWill(delay: 50));
        await client.BreakAsync();
        broker.Pass(TimeSpan.FromSeconds(3));
        await watcher.ExpectNothingAsync();
        broker.Pass(TimeSpan.FromSeconds(7));
        (await watcher.ReceivePublishAsync()).Payload.ShouldBe("offline");
    }

    [Fact]
    public async Task Will_of_the_old_connection_is_published_when_a_new_one_takes_over()
    {
        await using var broker = await TestBroker.StartAsync();
        var watcher = await broker.ConnectAsync("w");
        await watcher.SubscribeAsync("state");
        await broker.ConnectAsync("c", expiry: 100, with: WithWill());
        await broker.ConnectAsync("c", clean: false, expiry: 100);
        (await watcher.ReceivePublishAsync()).Payload.ShouldBe("offline");
    }

    [Fact]
    public async Task Retained_message_is_sent_to_a_new_subscriber_and_cleared_by_an_empty_one()
    {
        await using var broker = await TestBroker.StartAsync();
        var publisher = await broker.ConnectAsync("p");
        await publisher.PublishAsync("r/1", "kept", QualityOfService.AtLeastOnce, 1, retain: true);
        await publisher.ReceiveAcknowledgementAsync(PacketType.PubAck);
        var subscriber = await broker.ConnectAsync("s");
        await subscriber.SubscribeAsync("r/#", QualityOfService.AtLeastOnce);
        var message = await subscriber.ReceivePublishAsync();
        message.Retain.ShouldBeTrue();
        message.Payload.ShouldBe("kept");
        await publisher.PublishAsync("r/1", "", QualityOfService.AtLeastOnce, 2, retain: true);
        await publisher.ReceiveAcknowledgementAsync(PacketType.PubAck);
        (await subscriber.ReceivePublishAsync()).ShouldSatisfyAllConditions(m => m.Payload.ShouldBe(""), m => m.Retain.ShouldBeFalse());
        broker.Server.Figures().Retained.ShouldBe(0);
    }

    [Theory]
    [InlineData(QualityOfService.AtMostOnce)]
    [InlineData(QualityOfService.AtLeastOnce)]
    public async Task All_retained_messages_arrive_at_the_clients_pace_when_they_are_more_than_its_queue_takes(QualityOfService level)
    {
        await using var broker = await TestBroker.StartAsync(o => o.QueueMessages = 300);
        for (var i = 0; i < 2_000; i++) { await broker.Server.PublishAsync($"r/{i}", new byte[100], QualityOfService.AtLeastOnce, retain: true); }
        var client = await broker.ConnectAsync("c", writeBuffer: 8_192);
        await client.SubscribeAsync("r/#", level);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (seen.Count < 2_000)
        {
            var receiving = client.ReceivePublishAsync();
            while (!receiving.IsCompleted)
            {
                await Task.WhenAny(receiving, Task.Delay(5));
                broker.Pass(TimeSpan.FromMilliseconds(20));
            }

            var message = await receiving;
            seen.Add(message.Topic).ShouldBeTrue();
            if (level == QualityOfService.AtLeastOnce) { await client.AcknowledgeAsync(PacketType.PubAck, message.PacketId); }
        }

        broker.Server.Figures().Dropped.Values.Sum().ShouldBe(0);
    }

    [Fact]
    public async Task Retain_handling_decides_when_a_subscription_is_made_again()
    {
        await using var broker = await TestBroker.StartAsync();
        await broker.Server.PublishAsync("r", "kept"u8.ToArray(), retain: true);
        var client = await broker.ConnectAsync("s");
        await client.SubscribeAsync(new TopicSubscription("r", RetainHandling: RetainHandling.SendIfNew));
        await client.ReceivePublishAsync();
        await client.SubscribeAsync(new TopicSubscription("r", RetainHandling: RetainHandling.SendIfNew));
        await client.ExpectNothingAsync();
        await client.SubscribeAsync(new TopicSubscription("r", RetainHandling: RetainHandling.SendAlways));
        await client.ReceivePublishAsync();
        await client.SubscribeAsync(new TopicSubscription("r", RetainHandling: RetainHandling.DoNotSend));
        await client.ExpectNothingAsync();
    }

    [Fact]
    public async Task Retain_as_published_and_no_local_and_identifiers_are_honoured()
    {
        await using var broker = await TestBroker.StartAsync();
        var client = await broker.ConnectAsync("c");
        await client.SubscribeAsync(7, new TopicSubscription("a/#", RetainAsPublished: true, NoLocal: true));
        var other = await broker.ConnectAsync("o");
        await other.SubscribeAsync(1, new TopicSubscription("a/+", QualityOfService.AtLeastOnce));
        await other.SubscribeAsync(2, new TopicSubscription("a/b", RetainAsPublished: true));
        await client.PublishAsync("a/b", "x", QualityOfService.AtLeastOnce, 1, retain: true);
        await client.ReceiveAcknowledgementAsync(PacketType.PubAck);
        await client.ExpectNothingAsync();
        var once = await other.ReceivePublishAsync();
        once.Identifiers.Order().ShouldBe([1u, 2u]);
        once.QualityOfService.ShouldBe(QualityOfService.AtLeastOnce);
        once.Retain.ShouldBeTrue();
        await other.ExpectNothingAsync();
        await other.PublishAsync("a/c", "y", retain: true);
        (await client.ReceivePublishAsync()).ShouldSatisfyAllConditions(m => m.Retain.ShouldBeTrue(), m => m.Identifiers.ShouldBe([7u]));
    }

    [Fact]
    public async Task Shared_subscription_gives_each_message_to_one_member()
    {
        await using var broker = await TestBroker.StartAsync();
        var one = await broker.ConnectAsync("one");
        var two = await broker.ConnectAsync("two");
        await one.SubscribeAsync("$share/g/t", QualityOfService.AtLeastOnce);
        await two.SubscribeAsync("$share/g/t", QualityOfService.AtLeastOnce);
        var publisher = await broker.ConnectAsync("p");
        for (ushort i = 1; i <= 10; i++)
        {
            await publisher.PublishAsync("t", $"{i}", QualityOfService.AtLeastOnce, i);
            await publisher.ReceiveAcknowledgementAsync(PacketType.PubAck);
        }

        for (var i = 0; i < 5; i++)
        {
            await one.ReceivePublishAsync();
            await two.ReceivePublishAsync();
        }

        await one.ExpectNothingAsync();
        await two.ExpectNothingAsync();
    }

    [Fact]
    public async Task Properties_pass_through_in_order_when_a_request_is_published()
    {
        await using var broker = await TestBroker.StartAsync();
        var responder = await broker.ConnectAsync("r");
        await responder.SubscribeAsync("request");
        var asker = await broker.ConnectAsync("a");
        var properties = new PublishProperties
        {
            PayloadIsText = true,
            ContentType = "text/plain",
            ResponseTopic = "answer/a",
            CorrelationData = new byte[] { 1, 2, 3 },
            UserProperties = [new("k", "1"), new("k", "2"), new("a", "3")],
        };
        await asker.PublishAsync("request", "?", properties: properties);
        var got = (await responder.ReceivePublishAsync()).Properties.ShouldNotBeNull();
        got.PayloadIsText.ShouldBe(true);
        got.ContentType.ShouldBe("text/plain");
        got.ResponseTopic.ShouldBe("answer/a");
        got.CorrelationData!.Value.ToArray().ShouldBe([1, 2, 3]);
        got.UserProperties.ShouldBe(properties.UserProperties);
    }

    [Fact]
    public async Task Figures_are_published_to_operators_only()
    {
        await using var broker = await TestBroker.StartAsync();
        var operators = await broker.ConnectAsync("operator-1");
        var device = await broker.ConnectAsync("device");
        await operators.SubscribeAsync("$SYS/#");
        await device.SubscribeAsync("$SYS/#");
        broker.Pass(TimeSpan.FromSeconds(11));
        (await operators.ReceivePublishAsync()).Topic.ShouldStartWith("$SYS/broker/");
        await device.ExpectNothingAsync();
    }
}
