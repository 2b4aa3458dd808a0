using Headwater.Storage.Connections;
using Headwater.Storage.Embedded;
using Headwater.Storage.Migrations;
using Headwater.Storage.Partitions;
using Headwater.TestKit;
using NodaTime;
using Xunit.Abstractions;

namespace Headwater.Storage.Tests.Partitions;

/// <summary>Needs a PostgreSQL with TimescaleDB built from source: HEADWATER_TIMESCALE_BIN names its bin folder.</summary>
public sealed class HypertableTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly LogCapture _log = new(output);

    public void Dispose()
    {
        _folder.Dispose();
        _log.Dispose();
    }

    [SkippableFact]
    public async Task Table_becomes_a_hypertable_with_the_same_bounds_and_retention_when_TimescaleDB_is_installed()
    {
        var programs = Environment.GetEnvironmentVariable("HEADWATER_TIMESCALE_BIN");
        ExternalService.SkipUnless(Directory.Exists(programs), "HEADWATER_TIMESCALE_BIN names no PostgreSQL with TimescaleDB; it has to be built from source.");
        var options = new StoreOptions { Embedded = new EmbeddedPostgresOptions { DataFolder = _folder["data"], BinariesFolder = programs, MaxSharedBuffersBytes = 64 << 20 } };
        await using (var before = await Store.OpenAsync(options, TimeProvider.System, _log, CancellationToken.None))
        {
            before.Timescale.ShouldBe(TimescaleState.Available); // offered, not preloaded
        }
        await File.WriteAllTextAsync(Path.Combine(_folder["data"], "cluster", "local.conf"), "shared_preload_libraries = 'timescaledb'\ntimescaledb.telemetry_level = off\n");
        await using var store = await Store.OpenAsync(options, TimeProvider.System, _log, CancellationToken.None);
        store.Timescale.ShouldBe(TimescaleState.Installed);

        var sets = new[] { new MigrationSet("stage", typeof(HypertableTests).Assembly, "Headwater.Storage.Tests.Sql.Layout.") };
        var layout = (await MigrationRunner.RunAsync(store.Primary, sets, store.Timescale == TimescaleState.Installed, TimeProvider.System, _log.ForTest(), CancellationToken.None)).Layout;
        layout.ShouldBe(TimeLayout.Hypertables);

        var time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.Zero));
        var upkeep = new PartitionMaintenance(store.Primary, layout, [new PartitionedTable("stage", "reading", "at", PartitionPeriod.Month, KeepDays: 60, AheadDays: 62)], new PartitionOptions(), time, _log.ForTest());
        (await upkeep.RunOnceAsync(CancellationToken.None)).Tables[0].Created.ShouldBe(["reading"]);
        var bounds = upkeep.BoundsOf("stage.reading");
        bounds.Contains(Instant.FromUtc(2026, 9, 21, 0, 0)).ShouldBeTrue();
        bounds.Contains(Instant.FromUtc(2026, 9, 20, 23, 59)).ShouldBeFalse();
        bounds.Contains(Instant.FromUtc(2027, 1, 21, 23, 59)).ShouldBeTrue();
        bounds.Contains(Instant.FromUtc(2027, 1, 22, 0, 0)).ShouldBeFalse();

        await using (var insert = store.Primary.CreateCommand("INSERT INTO stage.reading SELECT at, 1 FROM generate_series('2026-09-21'::timestamptz, '2027-01-21', '1 day') at"))
        {
            await insert.ExecuteNonQueryAsync();
        }
        var filled = (await upkeep.RunOnceAsync(CancellationToken.None)).Tables[0];
        filled.Trouble.ShouldBeNull();
        filled.Partitions.ShouldBeGreaterThan(3);

        time.Advance(TimeSpan.FromDays(100));
        var after = (await upkeep.RunOnceAsync(CancellationToken.None)).Tables[0];
        after.Dropped.ShouldNotBeEmpty();
        after.Partitions.ShouldBe(filled.Partitions - after.Dropped.Count);
        await using var oldest = store.Primary.CreateCommand("SELECT min(at) FROM stage.reading");
        ((DateTime)(await oldest.ExecuteScalarAsync())!).ShouldBeGreaterThan(new DateTime(2026, 9, 21, 0, 0, 0, DateTimeKind.Utc));
    }
}
