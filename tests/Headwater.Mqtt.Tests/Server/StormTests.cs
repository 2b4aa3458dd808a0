using System.Collections.Concurrent;
using Headwater.Mqtt.Packets;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Server;

/// <summary>Many things at once: nothing is lost, nothing is left behind, and a canary goes on.</summary>
public sealed class StormTests
{
    /// <summary>QoS 2 messages of which the PUBREL has not come; xunit makes one object per test.</summary>
    private readonly ConcurrentDictionary<ushort, string> _open = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Every_acknowledged_message_reaches_a_subscriber_that_keeps_breaking(int seed)
    {
        const int Publishers = 4;
        const int Each = 150;
        await using var broker = await TestBroker.StartDurableAsync(o => o.TakeOversBeforeDelay = 1000, commitAtOnce: false);
        using var stop = new CancellationTokenSource();
        var committer = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                broker.Controlled.CommitAll();
                await Task.Yield();
            }

            broker.Controlled.CommitAll();
        });
        var random = new Random(seed);
        var got = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var subscriber = await broker.ConnectAsync("sub", clean: false, expiry: 3600);
        await subscriber.SubscribeAsync("t/#", QualityOfService.ExactlyOnce);
        var publishing = Task.WhenAll(Enumerable.Range(0, Publishers).Select(p => Task.Run(() => PublishAllAsync(broker, p, Each))));

        while (!publishing.IsCompleted || got.Count < Publishers * Each)
        {
            await ReceiveSomeAsync(subscriber, got, random.Next(1, 60), publishing);
            if (got.Count >= Publishers * Each) { break; }
            if (random.Next(2) == 0) { await subscriber.BreakAsync(); }
            subscriber = await broker.ConnectAsync("sub", clean: false, expiry: 3600);
            subscriber.ConnAck.SessionPresent.ShouldBeTrue();
        }

        await publishing.Within();
        got.Count.ShouldBe(Publishers * Each);
        got.Where(g => g.Key.StartsWith("t/2", StringComparison.Ordinal) && g.Value != 1).ShouldBeEmpty("QoS 2 arrives exactly once");
        await subscriber.DisconnectAsync();
        await stop.CancelAsync();
        await committer.Within();
        broker.Controlled.Survived().Queue.Count(e => !Done(broker, e)).ShouldBe(0);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(26)]
    [InlineData(58)]
    public async Task Every_acknowledged_message_is_delivered_and_QoS_2_once_when_the_server_crashes_again_and_again(int seed)
    {
        var random = new Random(seed);
        var got = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var sent = 0;
        Headwater.Mqtt.Server.StoredSessions? survived = null;
        var brokers = new List<TestBroker>();
        for (var round = 0; round < 12; round++)
        {
            var broker = await TestBroker.StartDurableAsync(stored: survived);
            brokers.Add(broker);
            var subscriber = await broker.ConnectAsync("sub", clean: false, expiry: 3600);
            subscriber.ConnAck.SessionPresent.ShouldBe(round > 0);
            if (round == 0) { await subscriber.SubscribeAsync("t/#", QualityOfService.ExactlyOnce); }
            for (var i = 0; i < 20 && round < 11; i++)
            {
                var level = (QualityOfService)random.Next(1, 3);
                await broker.Server.PublishAsync($"t/{(int)level}", System.Text.Encoding.UTF8.GetBytes($"{++sent}"), level);
                if (random.Next(4) == 0) { await ReceiveSomeAsync(subscriber, got, random.Next(1, 12), Task.CompletedTask, patience: 100); }
                if (random.Next(12) == 0) { broker.Pass(TimeSpan.FromSeconds(1)); }
            }

            for (var i = 0; i < 2_000 && round == 11 && got.Count < sent; i++) { await ReceiveSomeAsync(subscriber, got, 1, Task.CompletedTask, patience: 5_000); }
            if (round == 11) { await ReceiveSomeAsync(subscriber, got, 1_000, Task.CompletedTask, patience: 300); }
            survived = broker.Controlled.Survived();
        }

        got.Count.ShouldBe(sent, string.Join(", ", Enumerable.Range(1, sent).Where(n => !got.ContainsKey($"t/1 {n}") && !got.ContainsKey($"t/2 {n}"))));
        got.Where(g => g.Key.StartsWith("t/2", StringComparison.Ordinal) && g.Value != 1).ShouldBeEmpty("QoS 2 arrives exactly once");
        foreach (var broker in brokers) { await broker.DisposeAsync(); }
    }

    [Fact]
    public async Task Nothing_is_left_behind_after_storms_of_connects_take_overs_and_wills()
    {
        await using var broker = await TestBroker.StartAsync(o => o.TakeOversBeforeDelay = 1000);
        var canary = await broker.ConnectAsync("canary");
        await canary.SubscribeAsync("canary");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < 40; i++)
            {
                var client = broker.Open();
                await client.SendAsync(o => ConnectPacket.Write(o, new ConnectPacket
                {
                    Version = ProtocolVersion.V5,
                    ClientId = worker % 2 == 0 ? "contested" : $"c{worker}",
                    CleanStart = i % 3 == 0,
                    SessionExpiryInterval = i % 2 == 0 ? 0u : 5u,
                    KeepAlive = 60,
                    Will = new WillMessage { Topic = $"will/{worker}", Payload = "gone"u8.ToArray(), Retain = true },
                }));
                if (await client.ReceiveAsync() is null) { continue; } // taken over before its CONNACK was written
                await client.SendSubscribeAsync(null, new TopicSubscription($"own/{worker}/#", QualityOfService.AtLeastOnce), new TopicSubscription("will/+"));
                await client.PublishAsync($"own/{worker}/x", "y", QualityOfService.AtLeastOnce, 1);
                if (i % 2 == 0) { await client.BreakAsync(); }
                else { await client.SendAsync(0xE0, 0); }
            }
        }))).Within(TimeSpan.FromSeconds(60));
        await broker.Server.PublishAsync("canary", "alive"u8.ToArray());
        (await canary.ReceivePublishAsync()).Payload.ShouldBe("alive");
        await Eventually.TrueAsync(() => broker.Server.Figures().Connections == 1);
        broker.Pass(TimeSpan.FromSeconds(10));
        await canary.ExpectNothingAsync();
        var figures = broker.Server.Figures();
        figures.ShouldSatisfyAllConditions(
            () => figures.Sessions.ShouldBe(1),
            () => figures.ConnectedSessions.ShouldBe(1),
            () => figures.Subscriptions.ShouldBe(1),
            () => figures.Queued.ShouldBe(0),
            () => figures.QueuedBytes.ShouldBe(0),
            () => figures.OutboundWaiting.ShouldBe(0));
    }

    private static bool Done(TestBroker broker, Headwater.Mqtt.Server.StoredQueueEntry entry) =>
        broker.Controlled.Survived().Progress.TryGetValue(entry.ClientId, out var progress) && entry.Message.Number <= progress.AcknowledgedThrough;

    private static async Task PublishAllAsync(TestBroker broker, int publisher, int count)
    {
        var client = await broker.ConnectAsync($"pub{publisher}");
        var level = publisher % 2 == 0 ? QualityOfService.AtLeastOnce : QualityOfService.ExactlyOnce;
        for (ushort i = 1; i <= count; i++)
        {
            await client.PublishAsync($"t/{(int)level}/{publisher}", $"{i}", level, i);
            if (level == QualityOfService.AtLeastOnce)
            {
                (await client.ReceiveAcknowledgementAsync(PacketType.PubAck)).Reason.ShouldBe(ReasonCode.Success);
                continue;
            }

            (await client.ReceiveAcknowledgementAsync(PacketType.PubRec)).Reason.ShouldBe(ReasonCode.Success);
            await client.AcknowledgeAsync(PacketType.PubRel, i);
            await client.ReceiveAcknowledgementAsync(PacketType.PubComp);
        }
    }

    /// <summary>Works off some packets; a QoS 2 message counts when its PUBREL has come, as a careful receiver does it.</summary>
    private async Task ReceiveSomeAsync(TestClient client, ConcurrentDictionary<string, int> got, int packets, Task publishing, int? patience = null)
    {
        for (var i = 0; i < packets; i++)
        {
            var receiving = client.NextAsync();
            if (await Task.WhenAny(receiving, Task.Delay(patience ?? (publishing.IsCompleted ? 2_000 : 200))) != receiving) { return; }
            if (await client.TakeNextAsync() is not { } packet) { return; }
            switch (packet.Type)
            {
                case PacketType.Publish:
                    PublishPacket.TryParse(packet.Body, packet.Flags, ProtocolVersion.V5, out var publish).IsOk.ShouldBeTrue();
                    var key = $"{System.Text.Encoding.UTF8.GetString(publish.Topic)} {System.Text.Encoding.UTF8.GetString(publish.Payload)}";
                    var (id, level) = (publish.PacketId, publish.QualityOfService);
                    if (level == QualityOfService.AtLeastOnce)
                    {
                        got.AddOrUpdate(key, 1, (_, n) => n + 1);
                        await client.AcknowledgeAsync(PacketType.PubAck, id);
                        break;
                    }

                    // Stored by id: a repeat under the same id before its PUBREL is the same message.
                    _open[id] = key;
                    await client.AcknowledgeAsync(PacketType.PubRec, id);
                    break;
                case PacketType.PubRel:
                    AcknowledgementPacket.TryParse(PacketType.PubRel, packet.Body, ProtocolVersion.V5, out var release).IsOk.ShouldBeTrue();
                    if (_open.TryRemove(release.PacketId, out var opened)) { got.AddOrUpdate(opened, 1, (_, n) => n + 1); }
                    await client.AcknowledgeAsync(PacketType.PubComp, release.PacketId);
                    break;
                default: break;
            }
        }
    }
}
