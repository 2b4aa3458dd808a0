using System.Diagnostics;
using System.Globalization;
using EndToEnd.Tests.Running;
using Headwater.Storage.Embedded;
using Headwater.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
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
                    throw new TimeoutException($"Round {round}: no acknowledgement came.\n{reporters.Words}\n{server.Output}", e);
                }

                var back = Stopwatch.GetElapsedTime(killed);
                longest = back > longest ? back : longest;
                output.WriteLine($"round {round}: {(kind == 0 ? "server" : kind == 1 ? "database" : "both")} killed, first acknowledgement after {back.TotalSeconds:F2} s, {reporters.Acknowledged} acknowledged");
            }
        }

        (await server.StopAsync()).ShouldBe(0);
        await CompareAsync(server, reporters);
        longest.ShouldBeLessThan(BackWithin);
    }

    private async Task CompareAsync(ServerProcess server, Reporters reporters)
    {
        await using var postgres = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataFolder = server.PostgresFolder }, TimeProvider.System, NullLogger.Instance);
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        long acknowledged = 0;
        long stored = 0;
        foreach (var (device, numbers) in reporters.AcknowledgedByDevice)
        {
            var rows = await ReadNumbersAsync(source, device);
            rows.Count.ShouldBe(rows.Distinct().Count(), $"{device} has a reading twice");
            var missing = numbers.Except(rows).Order().ToList();
            missing.ShouldBeEmpty($"{device}: acknowledged but not stored");
            acknowledged += numbers.Count;
            stored += rows.Count;
        }

        output.WriteLine($"{acknowledged} acknowledged, {stored} stored (those beyond were stored but their acknowledgement was cut off)");
        acknowledged.ShouldBeGreaterThan(100);
        await using var quarantine = source.CreateCommand("select count(*) from headend.quarantine");
        ((long)(await quarantine.ExecuteScalarAsync())!).ShouldBe(0);
        await using var conflicts = source.CreateCommand("select count(*) from headend.reading_conflict");
        ((long)(await conflicts.ExecuteScalarAsync())!).ShouldBe(0);
    }

    private static async Task<List<int>> ReadNumbersAsync(NpgsqlDataSource source, string device)
    {
        await using var command = source.CreateCommand(
            "select r.value from headend.reading r join headend.device d using (device_id) where d.text_id = $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = device });
        await using var row = await command.ExecuteReaderAsync();
        var numbers = new List<int>();
        while (await row.ReadAsync()) { numbers.Add((int)(row.GetInt64(0) / 1000)); }
        return numbers;
    }
}
