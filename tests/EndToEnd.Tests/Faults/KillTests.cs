using System.Diagnostics;
using System.Globalization;
using EndToEnd.Tests.Running;
using Headwater.TestKit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Faults;

/// <summary>kill -9 of the server, of PostgreSQL and of both, at random moments under load at QoS 1 and 2.</summary>
/// <remarks>Short here; <c>bench/faults ROUNDS</c> runs the same for as many rounds as wanted (FAULT_ROUNDS).</remarks>
public sealed class KillTests(ITestOutputHelper output)
{
    private static readonly TimeSpan BackWithin = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Everything_acknowledged_is_stored_once_when_server_and_database_are_killed()
    {
        var rounds = int.Parse(Environment.GetEnvironmentVariable("FAULT_ROUNDS") ?? "6", CultureInfo.InvariantCulture);
        var seed = int.Parse(Environment.GetEnvironmentVariable("FAULT_SEED") ?? "20261120", CultureInfo.InvariantCulture);
        var random = new Random(seed);
        output.WriteLine($"{rounds} rounds, seed {seed}");
        using var folder = new TemporaryFolder();
        await using var server = new ServerProcess(folder["data"], "--register-automatically");
        await server.StartAsync();
        var longest = TimeSpan.Zero;
        Reporters reporters;
        await using (reporters = new Reporters(server.OpenPort, count: 12))
        {
            reporters.Start();
            await reporters.NextAcknowledgementAsync(TimeSpan.FromSeconds(30));
            for (var round = 0; round < rounds; round++)
            {
                // The moment of the fault is what is random here; nothing waits for this delay to have had an effect.
                await Task.Delay(random.Next(200, 1_500));
                var killed = Stopwatch.GetTimestamp();
                var kind = round % 3;
                if (kind != 0) { server.KillPostgres(); }
                if (kind != 1)
                {
                    await server.KillAsync();
                    killed = Stopwatch.GetTimestamp();
                    await server.StartAsync();
                }

                try
                {
                    await reporters.NextAcknowledgementAsync(TimeSpan.FromSeconds(60));
                }
                catch (TimeoutException e)
                {
                    throw new TimeoutException($"Round {round}: no acknowledgement came.\n{reporters.Words}\n{server.LastLines(40)}", e);
                }

                var back = Stopwatch.GetElapsedTime(killed);
                longest = back > longest ? back : longest;
                output.WriteLine($"round {round}: {(kind == 0 ? "server" : kind == 1 ? "database" : "both")} killed, first acknowledgement after {back.TotalSeconds:F2} s, {reporters.Acknowledged} acknowledged");
            }
        }

        (await server.StopAsync()).ShouldBe(0);
        await StoredReadings.CompareAsync(server.PostgresFolder, reporters.AcknowledgedByDevice, output);
        longest.ShouldBeLessThan(BackWithin);
    }
}
