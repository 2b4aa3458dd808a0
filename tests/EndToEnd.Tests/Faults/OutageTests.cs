using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using EndToEnd.Tests.Running;
using Headwater.Mqtt.Client;
using Headwater.TestKit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Faults;

/// <summary>The database is away while meters report and others flood: nothing is acknowledged, nothing is lost, memory stays bounded.</summary>
/// <remarks>FLOOD_CONNECTIONS sets the size of the flood; small here, 2,000 and more as the long form.</remarks>
public sealed partial class OutageTests(ITestOutputHelper output)
{
    private static readonly TimeSpan BackWithin = TimeSpan.FromSeconds(10);

    /// <summary>Growth of resident memory allowed: what the lane may queue (256 MiB), held up to three times over (packets, rows, log
    /// bytes), and what the runtime keeps beside it. Far below what the flood would write without a bound.</summary>
    private const long MemoryBound = 1_000L << 20;

    private long _sent;

    private static int Connections => int.Parse(Environment.GetEnvironmentVariable("FLOOD_CONNECTIONS") ?? "150", CultureInfo.InvariantCulture);

    [Fact]
    public Task Nothing_is_acknowledged_or_lost_when_the_database_hangs() => RunAsync(
        static async server =>
        {
            var frozen = await FrozenPostgres.FreezeAsync(server.Postmaster);
            return async () => await frozen.DisposeAsync();
        });

    [Fact]
    public Task Nothing_is_acknowledged_or_lost_when_the_database_is_gone_and_cannot_be_started() => RunAsync(
        static async server =>
        {
            var settings = Path.Combine(server.PostgresFolder, "cluster", "local.conf");
            var kept = await File.ReadAllTextAsync(settings);
            await File.WriteAllTextAsync(settings, kept + "no_such_setting = on\n");
            server.KillPostgres();
            return async () => await File.WriteAllTextAsync(settings, kept);
        });

    private async Task RunAsync(Func<ServerProcess, Task<Func<Task>>> takeAway)
    {
        using var folder = new TemporaryFolder();
        await using var server = new ServerProcess(folder["data"], "--register-automatically");
        await server.StartAsync();
        var (userName, secret) = await MakeCredentialAsync(server);
        Reporters reporters;
        await using (reporters = new Reporters(server.OpenPort, count: 6))
        {
            reporters.Start();
            await reporters.NextAcknowledgementAsync(TimeSpan.FromSeconds(30));
            var before = server.ResidentBytes;
            var giveBack = await takeAway(server);
            long acknowledged;
            try
            {
                await Eventually.TrueAsync(async () => (await server.HealthAsync()).Status == 503, TimeSpan.FromSeconds(20));
                output.WriteLine("health: " + (await server.HealthAsync()).Words);
                (await server.HealthAsync()).Words.ShouldContain("not acknowledged");
                acknowledged = reporters.Acknowledged;

                await using var flood = await Flood.ConnectAsync(server.OpenPort, Connections);
                flood.Start();
                await StandsStillAsync(() => flood.SentBytes);
                output.WriteLine($"{flood.Count} clients paused after {flood.SentBytes >> 20} MiB, at most {flood.MostBytes >> 10} KiB each; server {before >> 20} -> {server.ResidentBytes >> 20} MiB");
                (server.ResidentBytes - before).ShouldBeLessThan(MemoryBound);
                // Their keep-alive of 1 s has run out long ago, but it is the server that does not read.
                flood.Cut.ShouldBe(0);
                flood.Acknowledged.ShouldBe(0);
                reporters.Acknowledged.ShouldBe(acknowledged);
                await SignInAsync(server, userName, secret);
                (server.ResidentBytes - before).ShouldBeLessThan(MemoryBound);

                var returned = Stopwatch.GetTimestamp();
                await giveBack();
                giveBack = static () => Task.CompletedTask;
                await reporters.NextAcknowledgementAsync(TimeSpan.FromSeconds(60));
                var back = Stopwatch.GetElapsedTime(returned);
                output.WriteLine($"first acknowledgement {back.TotalSeconds:F2} s after the return");
                await flood.EndAsync();
                await Eventually.TrueAsync(() => flood.Acknowledged == flood.SentMessages || flood.Cut > 0, TimeSpan.FromSeconds(90));
                flood.Cut.ShouldBe(0);
                (await server.HealthAsync()).Status.ShouldBe(200);
                back.ShouldBeLessThan(BackWithin);
                _sent = flood.SentMessages;
            }
            catch (Exception e) when (e is TimeoutException or ShouldAssertException)
            {
                throw new InvalidOperationException($"{e.Message}\n{reporters.Words}\n{server.LastLines(40)}", e);
            }
            finally
            {
                await giveBack();
            }
        }

        (await server.StopAsync()).ShouldBe(0);
        await StoredReadings.CompareAsync(
            server.PostgresFolder, reporters.AcknowledgedByDevice, output,
            async source => (await StoredReadings.CountAsync(
                source, "select count(*) from headend.reading r join headend.device d using (device_id) where d.text_id like 'flood-%'")).ShouldBe(_sent));
    }

    /// <summary>Waits until a count has not changed over a span in which it would have.</summary>
    private static async Task StandsStillAsync(Func<long> count)
    {
        var last = -1L;
        var since = Stopwatch.GetTimestamp();
        await Eventually.TrueAsync(
            () =>
            {
                var now = count();
                if (now != last) { (last, since) = (now, Stopwatch.GetTimestamp()); }
                return now > 0 && Stopwatch.GetElapsedTime(since) > TimeSpan.FromSeconds(4);
            },
            TimeSpan.FromSeconds(90));
    }

    private static async Task<(string UserName, string Secret)> MakeCredentialAsync(ServerProcess server)
    {
        var words = Password().Match(server.Output);
        words.Success.ShouldBeTrue(server.Output);
        using var handler = new HttpClientHandler { UseCookies = true };
        using var http = new HttpClient(handler) { BaseAddress = new Uri(server.Page) };
        http.DefaultRequestHeaders.Add("X-Headwater", "1");
        using var signedIn = await http.PostAsJsonAsync("/api/v1/session", new { name = words.Groups["name"].Value, password = words.Groups["password"].Value });
        signedIn.IsSuccessStatusCode.ShouldBeTrue(await signedIn.Content.ReadAsStringAsync());
        using var made = await http.PostAsJsonAsync(
            "/api/v1/broker/credentials", new { userName = "watcher", publishFilters = new[] { "watch/#" }, subscribeFilters = new[] { "watch/#" } });
        made.IsSuccessStatusCode.ShouldBeTrue(await made.Content.ReadAsStringAsync());
        using var secret = JsonDocument.Parse(await made.Content.ReadAsStringAsync());
        return (secret.RootElement.GetProperty("userName").GetString()!, secret.RootElement.GetProperty("secret").GetString()!);
    }

    /// <summary>Sign-in is judged from what the server remembers, right and wrong alike.</summary>
    private static async Task SignInAsync(ServerProcess server, string userName, string secret)
    {
        foreach (var isRight in (bool[])[true, false])
        {
            var state = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var client = new MqttClient(new MqttClientOptions
            {
                Port = server.MqttPort,
                ClientId = isRight ? "watcher-1" : "watcher-2",
                UserName = userName,
                Password = System.Text.Encoding.UTF8.GetBytes(isRight ? secret : "wrong"),
            })
            {
                StateChanged = (_, now, reason) =>
                {
                    if (now == ClientState.Connected || reason.Length > 0) { state.TrySetResult($"{now} {reason}"); }
                },
            };
            client.Start();
            var seen = await state.Task.WaitAsync(TimeSpan.FromSeconds(20));
            seen.StartsWith("Connected", StringComparison.Ordinal).ShouldBe(isRight, seen);
        }
    }

    [GeneratedRegex(@"Sign in as (?<name>\S+) with the password (?<password>\S+) ", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Password();
}
