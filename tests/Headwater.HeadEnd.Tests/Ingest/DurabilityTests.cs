using System.Diagnostics;
using Headwater.Storage.Embedded;
using Headwater.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit.Abstractions;

namespace Headwater.HeadEnd.Tests.Ingest;

/// <summary>What an acknowledgement rests on: the disk. Clusters of their own, since others' work would be counted too.</summary>
public sealed class DurabilityTests(ITestOutputHelper output)
{
    private static readonly DateTimeOffset Day = new(TimeProvider.System.GetUtcNow().UtcDateTime.Date.AddDays(-1), TimeSpan.Zero);

    private static string Reading(string meter, int number) =>
        FormattableString.Invariant($$"""{"meter_id":"{{meter}}","reading":{{number}},"created_at":"{{Day.AddSeconds(number):yyyy-MM-ddTHH:mm:ssZ}}"}""");

    [Fact]
    public async Task Log_is_synchronised_at_least_once_for_each_single_acknowledgement()
    {
        const int messages = 200;
        using var folder = new TemporaryFolder();
        await using var postgres = await StartAsync(folder["data"]);
        await using var direct = NpgsqlDataSource.Create(postgres.ConnectionString);
        await using (var bench = await IngestBench.StartAsync(postgres.ConnectionString))
        {
            var meter = await bench.AddMeterAsync("sync-1");
            await bench.CommitAsync(bench.Plain(meter, Reading("sync-1", 0)));
            await ExecuteAsync(direct, "select pg_stat_reset_shared('io')");
            for (var number = 1; number <= messages; number++) { await bench.CommitAsync(bench.Plain(meter, Reading("sync-1", number))); }
        }

        // A backend hands its counts in when it ends, which the lane's has with its pool.
        long synchronised = 0;
        await Eventually.TrueAsync(async () => (synchronised = await ScalarAsync<long>(direct, "select coalesce(sum(fsyncs), 0)::bigint from pg_stat_io where object = 'wal'")) >= messages);
        output.WriteLine($"{messages} acknowledgements, {synchronised} synchronisations of the log");
    }

    [SkippableFact]
    public async Task Nothing_is_acknowledged_while_the_disk_is_full_and_it_goes_on_by_itself_when_there_is_room()
    {
        using var folder = new TemporaryFolder();
        var disk = folder["disk"];
        Directory.CreateDirectory(disk);
        ExternalService.SkipUnless(Environment.IsPrivilegedProcess && await MountAsync(disk), "a small file system for the test can be mounted by root only");
        try
        {
            await FillAndMakeRoomAsync(disk);
        }
        finally
        {
            (await RunAsync("umount", disk)).ShouldBe(0);
        }
    }

    private async Task FillAndMakeRoomAsync(string disk)
    {
        await using var postgres = await StartAsync(Path.Combine(disk, "data"));
        var run = new List<TestRun>();
        await using (var bench = await IngestBench.StartAsync(postgres.ConnectionString, changeCommit: static o => o.LongestRetryDelay = TimeSpan.FromMilliseconds(200)))
        {
            var meter = await bench.AddMeterAsync("full-1");
            var number = 0;
            await bench.CommitAsync(bench.Plain(meter, Reading("full-1", number++)));
            var ballast = Path.Combine(disk, "ballast");
            await FillAsync(ballast);

            // Somewhere in here a page or a segment of the log no longer fits.
            TestRun stuck;
            do
            {
                stuck = bench.Plain(meter, [.. Enumerable.Range(0, 500).Select(_ => Reading("full-1", number++))]);
                run.Add(stuck);
                bench.Lane.Submit(stuck);
                await Eventually.TrueAsync(() => stuck.Done.IsCompleted || bench.Lane.Trouble is not null);
            }
            while (stuck.Done.IsCompleted && number < 2_000_000);

            output.WriteLine($"after {number} readings: {bench.Lane.Trouble}");
            bench.Lane.Trouble.ShouldNotBeNull();
            bench.Lane.Trouble.ShouldContain("disk", Case.Insensitive);
            stuck.Completions.ShouldBe(0);

            File.Delete(ballast);
            var freed = Stopwatch.GetTimestamp();
            await stuck.Done.WaitAsync(TimeSpan.FromSeconds(60));
            output.WriteLine($"acknowledged {Stopwatch.GetElapsedTime(freed).TotalSeconds:F2} s after there was room");
            bench.Lane.Trouble.ShouldBeNull();
            run.ShouldAllBe(static r => r.Completions == 1);
            await using var direct = NpgsqlDataSource.Create(postgres.ConnectionString);
            (await ScalarAsync<long>(direct, "select count(*) from headend.reading")).ShouldBe(number);
            (await ScalarAsync<long>(direct, "select count(*) from headend.uplink_log")).ShouldBe(run.Count + 1);
        }
    }

    private static async Task<EmbeddedPostgres> StartAsync(string folder)
    {
        var postgres = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataFolder = folder, BinariesFolder = PostgresCluster.Binaries(), MaxSharedBuffersBytes = 32 << 20 }, TimeProvider.System, NullLogger.Instance);
        await IngestFixture.PrepareAsync(postgres.ConnectionString, timescaleInstalled: false);
        return postgres;
    }

    private static async Task FillAsync(string file)
    {
        await using var stream = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var block = new byte[64 << 10];
        try
        {
            while (true) { await stream.WriteAsync(block); }
        }
        catch (IOException)
        {
            // Full: that is what is wanted.
        }
    }

    private static async Task<bool> MountAsync(string folder) => await RunAsync("mount", "-t", "tmpfs", "-o", "size=180m", "none", folder) == 0;

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        return process.ExitCode;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<T> ScalarAsync<T>(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }
}
