using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Headwater.Mqtt.Client;
using Headwater.Mqtt.Packets;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Client;

/// <summary>The client against a foreign server.</summary>
public sealed class MqttClientTests(MosquittoServer server) : IClassFixture<MosquittoServer>
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    public static TheoryData<ProtocolVersion, QualityOfService, ClientTransport> Ways()
    {
        var ways = new TheoryData<ProtocolVersion, QualityOfService, ClientTransport>();
        foreach (var version in Enum.GetValues<ProtocolVersion>())
        {
            foreach (var qos in Enum.GetValues<QualityOfService>())
            {
                ways.Add(version, qos, ClientTransport.Tcp);
                ways.Add(version, qos, ClientTransport.Tls);
                ways.Add(version, qos, ClientTransport.WebSocket);
            }
        }

        return ways;
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Messages_arrive_once_and_in_order_when_published(ProtocolVersion version, QualityOfService qos, ClientTransport transport)
    {
        if (server.Missing())
        {
            return;
        }

        var received = Channel.CreateUnbounded<ReceivedMessage>();
        await using var subscriber = new MqttClient(server.Options(transport) with { Version = version })
        {
            MessageReceived = message => received.Writer.WriteAsync(message),
        };
        (await subscriber.ConnectAsync().WaitAsync(Bound)).Reason.ShouldBe(ReasonCode.Success);
        var topic = $"t/{Guid.NewGuid()}";
        ((byte)await subscriber.SubscribeAsync(topic + "/#", QualityOfService.ExactlyOnce).WaitAsync(Bound)).ShouldBe((byte)2);

        await using var publisher = new MqttClient(server.Options(transport) with { Version = version, MaximumInFlight = 8 });
        await publisher.ConnectAsync().WaitAsync(Bound);
        var results = new List<Task<PublishResult>>();
        for (var i = 0; i < 200; i++)
        {
            results.Add(publisher.PublishAsync($"{topic}/{i}", Encoding.UTF8.GetBytes(i.ToString(CultureInfo.InvariantCulture)), qos).AsTask());
        }

        (await Task.WhenAll(results).WaitAsync(Bound)).ShouldAllBe(result => result.IsSuccess);
        for (var i = 0; i < 200; i++)
        {
            var message = await received.Reader.ReadAsync().AsTask().WaitAsync(Bound);
            message.Topic.ShouldBe($"{topic}/{i}");
            message.QualityOfService.ShouldBe(qos);
            Encoding.UTF8.GetString(message.Payload.Span).ShouldBe(i.ToString(CultureInfo.InvariantCulture));
        }

        publisher.InFlight.ShouldBe(0);
        await publisher.DisconnectAsync().WaitAsync(Bound);
        publisher.State.ShouldBe(ClientState.Stopped);
    }

    [SkippableFact]
    public async Task Properties_pass_through_when_both_speak_version_5()
    {
        server.Require();

        var received = Channel.CreateUnbounded<ReceivedMessage>();
        await using var client = new MqttClient(server.Options() with { TopicAliasMaximum = 10 }) { MessageReceived = message => received.Writer.WriteAsync(message) };
        await client.ConnectAsync().WaitAsync(Bound);
        var topic = $"p/{Guid.NewGuid()}";
        await client.SubscribeAsync([new TopicSubscription(topic, QualityOfService.AtLeastOnce)], identifier: 77).WaitAsync(Bound);
        await client.PublishAsync(topic, new byte[] { 1, 2 }, properties: new PublishProperties
        {
            ContentType = "application/senml+json",
            ResponseTopic = "answers/here",
            CorrelationData = new byte[] { 9, 8, 7 },
            PayloadIsText = false,
            MessageExpiryInterval = 600,
            UserProperties = [new("a", "1"), new("a", "2"), new("ключ", "값")],
        }).AsTask().WaitAsync(Bound);
        var message = await received.Reader.ReadAsync().AsTask().WaitAsync(Bound);
        message.SubscriptionIdentifiers.ShouldBe([77u]);
        var properties = message.Properties.ShouldNotBeNull();
        properties.ContentType.ShouldBe("application/senml+json");
        properties.ResponseTopic.ShouldBe("answers/here");
        properties.CorrelationData!.Value.ToArray().ShouldBe([9, 8, 7]);
        properties.MessageExpiryInterval!.Value.ShouldBeInRange(590u, 600u);
        properties.UserProperties.ShouldBe([new("a", "1"), new("a", "2"), new("ключ", "값")]);
        (await client.UnsubscribeAsync([topic, "never/had"]).WaitAsync(Bound)).Reasons.ShouldBe([ReasonCode.Success, ReasonCode.NoSubscriptionExisted]);
    }

    [Theory]
    [InlineData(ProtocolVersion.V311, true)]
    [InlineData(ProtocolVersion.V311, false)]
    [InlineData(ProtocolVersion.V5, true)]
    [InlineData(ProtocolVersion.V5, false)]
    public async Task Will_is_published_when_the_line_is_cut_but_not_after_a_good_bye(ProtocolVersion version, bool cut)
    {
        if (server.Missing())
        {
            return;
        }

        var received = Channel.CreateUnbounded<ReceivedMessage>();
        await using var watcher = new MqttClient(server.Options()) { MessageReceived = message => received.Writer.WriteAsync(message) };
        await watcher.ConnectAsync().WaitAsync(Bound);
        var topic = $"hw/v1/{Guid.NewGuid()}/up/state";
        await watcher.SubscribeAsync(topic).WaitAsync(Bound);

        var device = new MqttClient(server.Options() with
        {
            Version = version,
            Reconnect = false,
            Will = new WillMessage { Topic = topic, Payload = "offline"u8.ToArray(), QualityOfService = QualityOfService.AtLeastOnce },
        });
        await device.ConnectAsync().WaitAsync(Bound);
        if (cut)
        {
            device.Abort();
        }
        else
        {
            await device.DisconnectAsync().WaitAsync(Bound);
            await watcher.PublishAsync(topic, "after"u8.ToArray()).AsTask().WaitAsync(Bound);
        }

        var message = await received.Reader.ReadAsync().AsTask().WaitAsync(Bound);
        Encoding.UTF8.GetString(message.Payload.Span).ShouldBe(cut ? "offline" : "after");
        await device.DisposeAsync();
    }

    [Theory]
    [InlineData(ProtocolVersion.V311, QualityOfService.AtLeastOnce)]
    [InlineData(ProtocolVersion.V311, QualityOfService.ExactlyOnce)]
    [InlineData(ProtocolVersion.V5, QualityOfService.AtLeastOnce)]
    [InlineData(ProtocolVersion.V5, QualityOfService.ExactlyOnce)]
    public async Task Every_message_is_acknowledged_when_the_line_is_cut_again_and_again(ProtocolVersion version, QualityOfService qos)
    {
        if (server.Missing())
        {
            return;
        }

        var counts = new ConcurrentDictionary<int, int>();
        await using var subscriber = new MqttClient(server.Options())
        {
            PublishObserved = (scoped in PublishPacket packet, scoped ReadOnlySpan<byte> _) =>
                counts.AddOrUpdate(int.Parse(packet.Payload, CultureInfo.InvariantCulture), 1, (_, count) => count + 1),
        };
        await subscriber.ConnectAsync().WaitAsync(Bound);
        var topic = $"cut/{Guid.NewGuid()}";
        await subscriber.SubscribeAsync(topic, QualityOfService.ExactlyOnce).WaitAsync(Bound);

        await using var publisher = new MqttClient(server.Options() with
        {
            Version = version,
            CleanStart = false,
            SessionExpiryInterval = 300,
            ReconnectDelay = TimeSpan.FromMilliseconds(1),
            MaximumReconnectDelay = TimeSpan.FromMilliseconds(20),
        });
        await publisher.ConnectAsync().WaitAsync(Bound);
        var results = new List<Task<PublishResult>>();
        for (var i = 0; i < 600; i++)
        {
            results.Add(publisher.PublishAsync(topic, Encoding.UTF8.GetBytes(i.ToString(CultureInfo.InvariantCulture)), qos).AsTask());
            if (i % 60 == 30)
            {
                await results[i - 25].WaitAsync(Bound);
                publisher.Abort();
            }
        }

        (await Task.WhenAll(results).WaitAsync(Bound)).ShouldAllBe(result => result.IsSuccess);
        await publisher.DisconnectAsync().WaitAsync(Bound);
        await Until(() => counts.Count == 600);
        if (qos == QualityOfService.ExactlyOnce)
        {
            counts.Values.ShouldAllBe(count => count == 1);
        }
    }

    [SkippableFact]
    public async Task Message_comes_again_when_it_was_not_acknowledged_by_hand()
    {
        server.Require();

        var received = Channel.CreateUnbounded<ReceivedMessage>();
        await using var client = new MqttClient(server.Options() with { ManualAcknowledgement = true, SessionExpiryInterval = 300 })
        {
            MessageReceived = message => received.Writer.WriteAsync(message),
        };
        await client.ConnectAsync().WaitAsync(Bound);
        var topic = $"manual/{Guid.NewGuid()}";
        await client.SubscribeAsync(topic, QualityOfService.ExactlyOnce).WaitAsync(Bound);
        await client.PublishAsync(topic, "one"u8.ToArray(), QualityOfService.AtLeastOnce).AsTask().WaitAsync(Bound);
        var first = await received.Reader.ReadAsync().AsTask().WaitAsync(Bound);
        first.Duplicate.ShouldBeFalse();
        client.Abort();
        var second = await received.Reader.ReadAsync().AsTask().WaitAsync(Bound);
        second.Duplicate.ShouldBeTrue();
        first.Acknowledge(); // of the old connection: without effect
        second.Acknowledge();

        await client.PublishAsync(topic, "two"u8.ToArray(), QualityOfService.ExactlyOnce).AsTask().WaitAsync(Bound);
        var third = await received.Reader.ReadAsync().AsTask().WaitAsync(Bound);
        client.Abort();
        await Until(() => client.State != ClientState.Connected);
        await client.WaitConnectedAsync().WaitAsync(Bound);
        third.Acknowledge(); // QoS 2: the session was resumed, the id still means this message
        await client.PublishAsync(topic, "three"u8.ToArray(), QualityOfService.ExactlyOnce).AsTask().WaitAsync(Bound);
        var fourth = await received.Reader.ReadAsync().AsTask().WaitAsync(Bound);
        Encoding.UTF8.GetString(fourth.Payload.Span).ShouldBe("three");
    }

    [SkippableFact]
    public async Task Subscriptions_come_back_when_the_server_lost_the_session()
    {
        using var own = new MosquittoServer();
        own.Require();

        await own.InitializeAsync();
        var received = Channel.CreateUnbounded<ReceivedMessage>();
        await using var client = new MqttClient(own.Options()) { MessageReceived = message => received.Writer.WriteAsync(message) };
        await client.ConnectAsync().WaitAsync(Bound);
        await client.SubscribeAsync("a/+").WaitAsync(Bound);
        await own.KillAsync();
        await Until(() => client.State != ClientState.Connected);
        var waiting = client.PublishAsync("a/b", "kept while away"u8.ToArray()).AsTask();
        (await client.PublishAsync("a/c", "dropped"u8.ToArray(), QualityOfService.AtMostOnce)).Reason.ShouldBe(ReasonCode.ServerUnavailable);
        await own.StartAsync();
        (await waiting.WaitAsync(Bound)).IsSuccess.ShouldBeTrue();
        Encoding.UTF8.GetString((await received.Reader.ReadAsync().AsTask().WaitAsync(Bound)).Payload.Span).ShouldBe("kept while away");
        await own.DisposeAsync();
    }

    [SkippableFact]
    public async Task Pipelined_publishes_call_back_once_each_when_acknowledged()
    {
        server.Require();

        await using var client = new MqttClient(server.Options() with { MaximumInFlight = 500 });
        await client.ConnectAsync().WaitAsync(Bound);
        var message = EncodedPublish.Encode("load/one", "12345678"u8);
        var done = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        PublishCompleted completed = (_, result) =>
        {
            result.IsSuccess.ShouldBeTrue();
            if (Interlocked.Increment(ref done) == 20_000)
            {
                all.TrySetResult();
            }
        };
        var sent = 0;
        using var bound = new CancellationTokenSource(Bound);
        while (sent < 20_000)
        {
            if (client.TryPublish(message, QualityOfService.AtLeastOnce, completed: completed))
            {
                sent++;
            }
            else
            {
                await Task.Yield();
                bound.Token.ThrowIfCancellationRequested();
            }
        }

        await all.Task.WaitAsync(Bound);
        done.ShouldBe(20_000);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Server_is_refused_when_its_certificate_is_not_trusted_or_ours_is_missing(bool wrongRoot)
    {
        if (server.Missing())
        {
            return;
        }

        var options = server.Options(ClientTransport.Tls);
        options = wrongRoot ? options with { TrustedRoots = null } : options with { ClientCertificate = null };
        await using var client = new MqttClient(options);
        await Should.ThrowAsync<MqttClientException>(() => client.ConnectAsync().WaitAsync(Bound));
        client.State.ShouldBe(ClientState.Stopped);
    }

    private static async Task Until(Func<bool> condition, Func<string>? otherwise = null)
    {
        using var bound = new CancellationTokenSource(Bound);
        while (!condition())
        {
            bound.IsCancellationRequested.ShouldBeFalse(otherwise?.Invoke());
            await Task.Delay(5);
        }
    }
}
