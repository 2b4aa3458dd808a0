using Headwater.Storage.Migrations;
using Headwater.Storage.Partitions;
using Headwater.TestKit;
using NodaTime;
using Npgsql;
using NpgsqlTypes;
using Xunit.Abstractions;

namespace Headwater.Storage.Tests.Partitions;

public sealed class PartitionMaintenanceTests(PostgresFixture postgres, ITestOutputHelper output) : IClassFixture<PostgresFixture>, IAsyncLifetime
{
    private static readonly PartitionedTable Reading = new("headend", "reading", "at", PartitionPeriod.Month, KeepDays: 400, AheadDays: 62);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.Zero));
    private readonly LogCapture _log = new(output);
    private NpgsqlDataSource _database = null!;

    public async Task InitializeAsync()
    {
        _database = NpgsqlDataSource.Create(await postgres.CreateDatabaseAsync());
        await ExecuteAsync("CREATE SCHEMA headend; CREATE TABLE headend.reading (device bigint NOT NULL, register bigint NOT NULL, at timestamptz NOT NULL, value bigint NOT NULL DEFAULT 5, PRIMARY KEY (device, register, at)) PARTITION BY RANGE (at)");
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        _log.Dispose();
    }

    [Fact]
    public async Task Partitions_cover_what_is_kept_and_what_is_ahead_when_the_first_round_has_run()
    {
        var upkeep = Upkeep(Reading);
        upkeep.BoundsOf("headend.reading").ShouldBe(PartitionBounds.Empty);
        var report = await upkeep.RunOnceAsync(CancellationToken.None);

        report.IsWell.ShouldBeTrue();
        report.Tables[0].Partitions.ShouldBe(16); // October 2025 to January 2027
        var bounds = upkeep.BoundsOf("headend.reading");
        bounds.Earliest.ShouldBe(Instant.FromUtc(2025, 10, 1, 0, 0));
        bounds.Latest.ShouldBe(Instant.FromUtc(2027, 2, 1, 0, 0));
        (await upkeep.RunOnceAsync(CancellationToken.None)).Tables[0].Created.ShouldBeEmpty();
        (await ScalarAsync("SELECT count(*)::int FROM pg_index WHERE indrelid = 'headend.reading_202611'::regclass AND indisprimary")).ShouldBe(1);
        (await ScalarAsync("SELECT count(*)::int FROM pg_constraint WHERE contype = 'c' AND conrelid = 'headend.reading_202611'::regclass AND conname LIKE '%span'")).ShouldBe(0);
    }

    [Fact]
    public async Task Bounds_are_exactly_what_the_table_stores_when_rows_lie_at_their_edges()
    {
        var upkeep = Upkeep(Reading);
        await upkeep.RunOnceAsync(CancellationToken.None);
        var bounds = upkeep.BoundsOf("headend.reading");
        var microsecond = Duration.FromNanoseconds(1000);
        foreach (var at in (Instant[])[bounds.Earliest - microsecond, bounds.Earliest, bounds.Latest - microsecond, bounds.Latest])
        {
            var stored = true;
            try { await InsertAsync(at.ToDateTimeUtc()); }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.CheckViolation) { stored = false; }
            stored.ShouldBe(bounds.Contains(at), at.ToString());
            bounds.Contains(at.ToDateTimeUtc()).ShouldBe(stored);
        }
    }

    [Fact]
    public async Task Old_partition_leaves_the_bounds_first_and_is_dropped_a_day_later_when_time_passes()
    {
        var upkeep = Upkeep(Reading);
        await upkeep.RunOnceAsync(CancellationToken.None);
        await InsertAsync(new DateTime(2025, 10, 31, 0, 0, 0, DateTimeKind.Utc));

        _time.AdvanceTo(new DateTimeOffset(2026, 12, 6, 0, 0, 1, TimeSpan.Zero)); // 400 days after 2025-11-01
        var report = await upkeep.RunOnceAsync(CancellationToken.None);
        report.Tables[0].Dropped.ShouldBeEmpty();
        report.Tables[0].Created.ShouldBe(["reading_202702"]);
        upkeep.BoundsOf("headend.reading").Earliest.ShouldBe(Instant.FromUtc(2025, 11, 1, 0, 0));
        (await ScalarAsync("SELECT count(*)::int FROM headend.reading")).ShouldBe(1);

        _time.Advance(TimeSpan.FromDays(1));
        (await upkeep.RunOnceAsync(CancellationToken.None)).Tables[0].Dropped.ShouldBe(["reading_202510"]);
        (await ScalarAsync("SELECT count(*)::int FROM headend.reading")).ShouldBe(0);
        (await ScalarAsync("SELECT to_regclass('headend.reading_202510')::text")).ShouldBe(DBNull.Value);
    }

    [Fact]
    public async Task Writers_go_on_without_an_error_when_partitions_are_attached_and_dropped_beside_them()
    {
        var days = Reading with { Period = PartitionPeriod.Day, KeepDays = 5, AheadDays = 2 };
        var upkeep = Upkeep(days);
        await upkeep.RunOnceAsync(CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var written = 0;
        var longest = TimeSpan.Zero;
        var writer = Task.Run(async () =>
        {
            await using var connection = await _database.OpenConnectionAsync();
            for (var device = 1L; !stop.IsCancellationRequested; device++)
            {
                var bounds = upkeep.BoundsOf("headend.reading"); // once a batch, as the ingest does
                var (earliest, span) = (bounds.Earliest.ToDateTimeUtc(), bounds.Latest - bounds.Earliest);
                var began = TimeProvider.System.GetTimestamp();
                await using (var copy = await connection.BeginBinaryImportAsync("COPY headend.reading (device, register, at) FROM STDIN (FORMAT binary)"))
                {
                    for (var i = 0; i < 200; i++)
                    {
                        await copy.StartRowAsync();
                        await copy.WriteAsync(device, NpgsqlDbType.Bigint);
                        await copy.WriteAsync((long)i, NpgsqlDbType.Bigint);
                        await copy.WriteAsync(earliest + (span / 200 * i).ToTimeSpan(), NpgsqlDbType.TimestampTz);
                    }
                    await copy.CompleteAsync();
                }
                var took = TimeProvider.System.GetElapsedTime(began);
                longest = took > longest ? took : longest;
                Interlocked.Add(ref written, 200);
            }
        });
        var dropped = 0;
        for (var day = 0; day < 12; day++)
        {
            _time.Advance(TimeSpan.FromDays(1));
            var seen = Volatile.Read(ref written);
            await Eventually.TrueAsync(() => Volatile.Read(ref written) > seen || writer.IsCompleted);
            var report = await upkeep.RunOnceAsync(CancellationToken.None).Within();
            report.Tables[0].Trouble.ShouldBeNull();
            dropped += report.Tables[0].Dropped.Count;
        }
        await stop.CancelAsync();
        await writer.Within();
        output.WriteLine($"{written} rows, {dropped} partitions dropped, longest group {longest.TotalMilliseconds:0} ms");
        dropped.ShouldBeGreaterThanOrEqualTo(10);
    }

    [Fact]
    public async Task Table_that_stays_locked_is_told_in_words_and_done_in_the_next_round()
    {
        await using var other = await _database.OpenConnectionAsync();
        await using (var holder = await other.BeginTransactionAsync())
        {
            await using var take = new NpgsqlCommand("LOCK TABLE headend.reading IN SHARE UPDATE EXCLUSIVE MODE", other);
            await take.ExecuteNonQueryAsync();
            var blocked = new PartitionMaintenance(_database, TimeLayout.Partitions, [Reading with { KeepDays = 1, AheadDays = 1 }], new PartitionOptions { LockTimeout = TimeSpan.FromMilliseconds(100), LockTries = 1 }, TimeProvider.System, _log.ForTest());
            var report = await blocked.RunOnceAsync(CancellationToken.None).Within();
            report.IsWell.ShouldBeFalse();
            report.Tables[0].Trouble!.ShouldContain("stayed locked");
            await holder.RollbackAsync();
            (await blocked.RunOnceAsync(CancellationToken.None).Within()).IsWell.ShouldBeTrue();
        }
    }

    [Fact]
    public async Task Detach_is_finished_in_the_next_round_when_a_long_reader_held_it_up()
    {
        var days = Reading with { Period = PartitionPeriod.Day, KeepDays = 2, AheadDays = 1 };
        var upkeep = new PartitionMaintenance(_database, TimeLayout.Partitions, [days], new PartitionOptions { DetachTimeout = TimeSpan.FromMilliseconds(300), LockTimeout = TimeSpan.FromMilliseconds(100), LockTries = 1 }, _time, _log.ForTest());
        await upkeep.RunOnceAsync(CancellationToken.None);
        await using var reader = await _database.OpenConnectionAsync();
        await using (var transaction = await reader.BeginTransactionAsync())
        {
            await using var read = new NpgsqlCommand("SELECT count(*) FROM headend.reading", reader);
            await read.ExecuteScalarAsync();
            _time.Advance(TimeSpan.FromDays(2));
            var held = await upkeep.RunOnceAsync(CancellationToken.None).Within();
            held.Tables[0].Trouble!.ShouldContain("could not be detached");
            upkeep.BoundsOf("headend.reading").Contains(_time.GetUtcNow().UtcDateTime).ShouldBeTrue();
            await transaction.RollbackAsync();
        }
        var after = await upkeep.RunOnceAsync(CancellationToken.None).Within();
        after.Tables[0].Trouble.ShouldBeNull();
        after.Tables[0].Dropped.ShouldNotBeEmpty();
    }

    [Fact]
    public async Task Second_server_reads_the_same_bounds_when_the_first_keeps_the_partitions()
    {
        var (first, second) = (Upkeep(Reading), Upkeep(Reading));
        var reports = await Task.WhenAll(first.RunOnceAsync(CancellationToken.None), second.RunOnceAsync(CancellationToken.None)).Within();
        reports.Sum(static r => r.Tables[0].Created.Count).ShouldBe(16);
        second.BoundsOf("headend.reading").ShouldBe(first.BoundsOf("headend.reading"));
    }

    [Fact]
    public async Task Rounds_repeat_by_the_clock_when_the_loop_runs()
    {
        var upkeep = Upkeep(Reading);
        await upkeep.RunOnceAsync(CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var loop = upkeep.RunAsync(stop.Token);
        var before = upkeep.LastReport!.At;
        await Eventually.TrueAsync(() => _time.ActiveTimers > 0);
        _time.Advance(TimeSpan.FromMinutes(10));
        await Eventually.TrueAsync(() => upkeep.LastReport!.At > before);
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => loop.Within());
    }

    private PartitionMaintenance Upkeep(PartitionedTable table) => new(_database, TimeLayout.Partitions, [table], new PartitionOptions(), _time, _log.ForTest());

    private Task InsertAsync(DateTime at) => ExecuteAsync(FormattableString.Invariant($"INSERT INTO headend.reading VALUES (1, 1, '{at:yyyy-MM-dd HH:mm:ss.ffffff}+00')"));

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
