using System.Buffers;
using Headwater.TestKit;
using Xunit.Abstractions;

namespace Headwater.Mqtt.Tests.Server;

/// <summary>A canary's round trip while others misbehave, in relation to its round trip before.</summary>
/// <remarks>The attackers share the machine's cores with the server, so the bound is generous: it finds a server that stalls, not a slow one.</remarks>
public sealed class CanaryTests(ITestOutputHelper output)
{
    private const int RoundTrips = 60;
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(100);

    private static readonly Dictionary<string, Func<TestBroker, int, Task>> Attacks = new(StringComparer.Ordinal)
    {
        ["bytes that are no CONNECT"] = async (broker, i) =>
        {
            var client = broker.Open();
            await client.SendAsync((byte)(0x20 + (i % 200)), 0xFF, 0xFF, 0xFF, 0x7F);
            await client.ExpectClosedAsync();
        },
        ["half a CONNECT, then the end"] = async (broker, _) =>
        {
            var client = broker.Open();
            await client.SendAsync(0x10, 60, 0, 4, (byte)'M');
            await client.BreakAsync();
        },
        ["connects and breaks"] = async (broker, i) => await (await broker.ConnectAsync($"storm{i % 50}", clean: i % 2 == 0, expiry: 5)).BreakAsync(),
        ["take-overs of one id"] = async (broker, _) => await broker.ConnectAsync("contested", clean: false, expiry: 5),
        ["retained flood"] = async (broker, i) =>
        {
            var client = await broker.ConnectAsync($"r{i}");
            await client.SendAsync(o =>
            {
                for (var n = 0; n < 200; n++) { client.WritePublish(o, $"flood/{i}/{n}", "x", QualityOfService.AtMostOnce, 0, retain: true); }
            });
            await client.ExpectNothingAsync();
            await client.DisconnectAsync();
        },
        ["a topic of ten thousand levels"] = async (broker, i) =>
        {
            var client = await broker.ConnectAsync($"deep{i}");
            await client.PublishAsync(new string('/', 10_000), "x", QualityOfService.AtLeastOnce, 1);
            await client.ReceiveAsync();
            await client.BreakAsync();
        },
        ["subscriptions by the hundred"] = async (broker, i) =>
        {
            var client = await broker.ConnectAsync($"many{i}");
            await client.SubscribeAsync(null, [.. Enumerable.Range(0, 100).Select(n => new Headwater.Mqtt.Packets.TopicSubscription($"+/{i}/{n}/#"))]);
            await client.BreakAsync();
        },
    };

    public static IEnumerable<object[]> Names() => Attacks.Keys.Select(static name => new object[] { name });

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Canary_keeps_its_latency_when_under(string attack)
    {
        await using var broker = await TestBroker.StartAsync(o => o.TakeOversBeforeDelay = 1000);
        var canary = await broker.ConnectAsync("canary");
        await canary.SubscribeAsync("canary");
        await MeasureAsync(canary); // warm
        var before = await MeasureAsync(canary);
        using var stop = new CancellationTokenSource();
        var made = 0;
        var attacking = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested) { await Attacks[attack](broker, Interlocked.Increment(ref made)); }
        });
        await Eventually.TrueAsync(() => Volatile.Read(ref made) > 5 || attacking.IsCompleted);
        var during = await MeasureAsync(canary);
        await stop.CancelAsync();
        await attacking.Within();
        output.WriteLine($"{attack}: {before.TotalMilliseconds:0.00} ms before, {during.TotalMilliseconds:0.00} ms under {made} of them");
        during.ShouldBeLessThan((before * 10) + Slack);
        await canary.ExpectNothingAsync();
        await Eventually.TrueAsync(() => broker.Server.Figures().Connections <= 2); // the canary, and the last who took the contested id over
    }

    /// <summary>Median of some round trips.</summary>
    private static async Task<TimeSpan> MeasureAsync(TestClient canary)
    {
        var times = new List<TimeSpan>();
        for (var i = 0; i < RoundTrips; i++)
        {
            var began = TimeProvider.System.GetTimestamp();
            await canary.PublishAsync("canary", $"{i}");
            (await canary.ReceivePublishAsync()).Payload.ShouldBe($"{i}");
            times.Add(TimeProvider.System.GetElapsedTime(began));
        }

        times.Sort();
        return times[RoundTrips / 2];
    }
}
