using System.Reflection;
using Headwater.Storage.Embedded;
using Headwater.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit.Abstractions;

namespace Headwater.HeadEnd.Tests.Ingest;

/// <summary>The whole of the ingest's tests again, on hypertables. HEADWATER_TIMESCALE_BIN names a PostgreSQL with TimescaleDB built from source.</summary>
public sealed class HypertableIngestTests(ITestOutputHelper output)
{
    /// <summary>A database with TimescaleDB in a cluster of its own.</summary>
    private sealed class HypertableFixture(string template) : IngestFixture
    {
        private readonly string _template = template;

        public override async Task InitializeAsync()
        {
            ConnectionString = _template;
            DataSource = NpgsqlDataSource.Create(ConnectionString);
            await ExecuteAsync("create extension if not exists timescaledb");
            await PrepareAsync(ConnectionString, timescaleInstalled: true);
        }

        public override async Task DisposeAsync() => await DataSource.DisposeAsync();
    }

    [SkippableFact]
    public async Task Ingest_behaves_the_same_when_its_tables_are_hypertables()
    {
        var programs = Environment.GetEnvironmentVariable("HEADWATER_TIMESCALE_BIN");
        ExternalService.SkipUnless(Directory.Exists(programs), "HEADWATER_TIMESCALE_BIN names no PostgreSQL with TimescaleDB; it has to be built from source.");
        using var folder = new TemporaryFolder();
        var options = new EmbeddedPostgresOptions { DataFolder = folder["data"], BinariesFolder = programs, MaxSharedBuffersBytes = 64 << 20 };
        await using (await EmbeddedPostgres.StartAsync(options, TimeProvider.System, NullLogger.Instance)) { }
        await File.WriteAllTextAsync(Path.Combine(folder["data"], "cluster", "local.conf"), "shared_preload_libraries = 'timescaledb'\ntimescaledb.telemetry_level = off\n");
        await using var postgres = await EmbeddedPostgres.StartAsync(options, TimeProvider.System, NullLogger.Instance);
        var fixture = new HypertableFixture(postgres.ConnectionString);
        await fixture.InitializeAsync();
        (await fixture.ScalarAsync<long>("select count(*) from timescaledb_information.hypertables where hypertable_schema = 'headend'")).ShouldBe(3);
        var failures = new List<string>();
        var run = 0;
        foreach (var type in (Type[])[typeof(UplinkLaneTests), typeof(UplinkFormsTests), typeof(QuarantineReplayTests)])
        {
            foreach (var method in type.GetMethods().Where(static m => m.GetCustomAttribute<FactAttribute>() is not null))
            {
                try
                {
                    await ((Task)method.Invoke(Activator.CreateInstance(type, fixture), null)!).WaitAsync(TimeSpan.FromSeconds(60));
                    run++;
                }
                catch (Exception e)
                {
                    failures.Add($"{type.Name}.{method.Name}: {e.Message}");
                }
            }
        }

        await fixture.DisposeAsync();
        output.WriteLine($"{run} tests on hypertables");
        failures.ShouldBeEmpty();
        run.ShouldBeGreaterThan(15);
    }
}
