using Headwater.TestKit;
using Npgsql;

namespace Headwater.HeadEnd.Tests.Ingest;

/// <summary>The connection to the database is lost around COMMIT: acknowledged once, stored once, whatever had happened.</summary>
public sealed class LostConnectionTests(IngestFixture fixture) : IClassFixture<IngestFixture>
{
    private static readonly DateTimeOffset Day = new(TimeProvider.System.GetUtcNow().UtcDateTime.Date.AddDays(-1), TimeSpan.Zero);

    private static string Reading(string meter, int number) =>
        FormattableString.Invariant($$"""{"meter_id":"{{meter}}","reading":{{number}},"created_at":"{{Day.AddMinutes(number):yyyy-MM-ddTHH:mm:ssZ}}"}""");

    [Theory]
    [InlineData(CommitFault.CutBefore)]
    [InlineData(CommitFault.SwallowAnswer)]
    public async Task Group_is_stored_and_acknowledged_once_when_the_connection_is_lost_around_commit(CommitFault fault)
    {
        var database = await fixture.CreateDatabaseAsync();
        await using var direct = NpgsqlDataSource.Create(database);
        await using var proxy = new LossyProxy(database);
        await using var bench = await IngestBench.StartAsync(proxy.ConnectionString);
        var meter = await bench.AddMeterAsync("lost-1");
        await bench.CommitAsync(bench.Plain(meter, Reading("lost-1", 1)));
        var before = await CountAsync(direct, "select count(*) from headend.uplink_log");

        proxy.Next = fault;
        var run = bench.Plain(meter, Reading("lost-1", 2), Reading("lost-1", 3), "garbage");
        await bench.CommitAsync(run);

        proxy.Happened.ShouldBe(1);
        run.Completions.ShouldBe(1);
        (await CountAsync(direct, "select count(*) from headend.uplink_log")).ShouldBe(before + 1);
        (await CountAsync(direct, "select count(*) from headend.reading")).ShouldBe(3);
        (await CountAsync(direct, "select count(*) from headend.quarantine")).ShouldBe(1);
        // What is told of the run leads to its bytes.
        (await CountAsync(direct, FormattableString.Invariant($"select count(*) from headend.uplink_log where commit_number = {run.CommitNumber}"))).ShouldBe(1);
        (await CountAsync(direct, FormattableString.Invariant($"select count(*) from headend.reading where commit_number = {run.CommitNumber}"))).ShouldBe(2);
        bench.Lane.Trouble.ShouldBeNull();
    }

    [Fact]
    public async Task Group_is_stored_once_when_its_backend_is_ended_between_copy_and_commit()
    {
        var database = await fixture.CreateDatabaseAsync();
        await using var direct = NpgsqlDataSource.Create(database);
        await using var proxy = new LossyProxy(database);
        await using var bench = await IngestBench.StartAsync(proxy.ConnectionString);
        var meter = await bench.AddMeterAsync("lost-2");
        await bench.CommitAsync(bench.Plain(meter, Reading("lost-2", 1)));
        long ended = 0;
        proxy.BeforeCommit = async () => Volatile.Write(ref ended, await CountAsync(
            direct, "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'"));
        var run = bench.Plain(meter, Reading("lost-2", 2));
        await bench.CommitAsync(run);
        // The lane may have written again before the answer to the ending is here.
        await Headwater.TestKit.Eventually.TrueAsync(() => Volatile.Read(ref ended) > 0);
        run.Completions.ShouldBe(1);
        (await CountAsync(direct, "select count(*) from headend.uplink_log")).ShouldBe(2);
        (await CountAsync(direct, "select count(*) from headend.reading")).ShouldBe(2);
    }

    [Fact]
    public async Task Every_group_is_stored_once_when_connections_are_lost_again_and_again()
    {
        var database = await fixture.CreateDatabaseAsync();
        await using var direct = NpgsqlDataSource.Create(database);
        await using var proxy = new LossyProxy(database);
        await using var bench = await IngestBench.StartAsync(proxy.ConnectionString, changeCommit: static o => o.FirstRetryDelay = TimeSpan.FromMilliseconds(1));
        var meter = await bench.AddMeterAsync("lost-3");
        var runs = new List<TestRun>();
        for (var number = 0; number < 60; number++)
        {
            proxy.Next = (CommitFault)(number % 3);
            runs.Add(bench.Plain(meter, Reading("lost-3", number)));
            await bench.CommitAsync(runs[^1]);
        }

        runs.ShouldAllBe(static r => r.Completions == 1);
        (await CountAsync(direct, "select count(*) from headend.uplink_log")).ShouldBe(60);
        (await CountAsync(direct, "select count(*) from headend.reading")).ShouldBe(60);
        (await CountAsync(direct, "select count(distinct commit_number) from headend.reading")).ShouldBe(60);
        proxy.Happened.ShouldBe(40);
    }

    [Fact]
    public async Task Lane_is_full_at_its_bound_and_takes_more_when_commits_go_through_again()
    {
        var database = await fixture.CreateDatabaseAsync();
        await using var direct = NpgsqlDataSource.Create(database);
        await using var bench = await IngestBench.StartAsync(database, changeCommit: static o =>
        {
            o.QueueLimitBytes = 1 << 20;
            o.BatchLimitBytes = 64 << 10;
            o.SlowAttempt = TimeSpan.FromMilliseconds(100);
        });
        var meter = await bench.AddMeterAsync("lost-4");
        var runs = new List<TestRun>();
        await using (var blocker = await direct.OpenConnectionAsync())
        {
            // Whoever holds the commit lock holds up every lane: a database that answers and commits nothing.
            await using var hold = new NpgsqlCommand("select pg_advisory_lock(x'4857434D'::bigint)", blocker);
            await hold.ExecuteNonQueryAsync();
            var padding = new string(' ', 4_000);
            for (var number = 0; number < 5_000 && !bench.Lane.IsFull; number++)
            {
                runs.Add(bench.Plain(meter, Reading("lost-4", number) + padding));
                bench.Lane.Submit(runs[^1]);
            }

            bench.Lane.IsFull.ShouldBeTrue();
            bench.Lane.QueueBytes.ShouldBeLessThan((1 << 20) + (64 << 10));
            var room = bench.Lane.WaitForRoomAsync(CancellationToken.None).AsTask();
            await Eventually.TrueAsync(() => bench.Lane.Trouble is not null);
            bench.Lane.Trouble!.ShouldContain("has not answered");
            runs.ShouldAllBe(static r => r.Completions == 0);
            room.IsCompleted.ShouldBeFalse();
            await using var release = new NpgsqlCommand("select pg_advisory_unlock_all()", blocker);
            await release.ExecuteNonQueryAsync();
            await room.Within();
        }

        await Task.WhenAll(runs.Select(static r => r.Done)).Within();
        runs.ShouldAllBe(static r => r.Completions == 1);
        (await CountAsync(direct, "select count(*) from headend.reading")).ShouldBe(runs.Count);
        bench.Lane.Trouble.ShouldBeNull();
        await Eventually.TrueAsync(() => bench.Lane.QueueBytes == 0);
    }

    private static async Task<long> CountAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
