using Headwater.Storage.Migrations;
using Headwater.TestKit;
using Npgsql;
using Xunit.Abstractions;

namespace Headwater.Storage.Tests.Migrations;

public sealed class MigrationRunnerTests(PostgresFixture postgres, ITestOutputHelper output) : IClassFixture<PostgresFixture>, IAsyncLifetime
{
    private readonly LogCapture _log = new(output);
    private NpgsqlDataSource _database = null!;

    public async Task InitializeAsync() => _database = NpgsqlDataSource.Create(await postgres.CreateDatabaseAsync());

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        _log.Dispose();
    }

    [Fact]
    public async Task Every_file_is_applied_once_when_run_twice_and_the_new_one_when_the_program_grows()
    {
        (await RunAsync("First")).Applied.ShouldBe(1);
        (await RunAsync("First")).Applied.ShouldBe(0);
        (await RunAsync("Second")).Applied.ShouldBe(1);
        (await ScalarAsync("SELECT name FROM stage.meter WHERE address IS NULL")).ShouldBe("one;two");
        (await ScalarAsync("SELECT string_agg(version || name || length(checksum), ',' ORDER BY version) FROM storage.migration WHERE stage = 'stage'")).ShouldBe("1meter64,2address64");
    }

    [Fact]
    public async Task Every_file_is_applied_once_when_several_servers_start_together()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => RunAsync("Second"))).Within();
        outcomes.Sum(static o => o.Applied).ShouldBe(2);
    }

    [Fact]
    public async Task Run_is_refused_and_nothing_touched_when_a_released_file_changed()
    {
        await RunAsync("First");
        (await Should.ThrowAsync<StoreRefusedException>(() => RunAsync("Changed"))).Message.ShouldContain("0001_meter");
        (await ScalarAsync("SELECT data_type FROM information_schema.columns WHERE table_name = 'meter' AND column_name = 'name'")).ShouldBe("text");
    }

    [Fact]
    public async Task Run_is_refused_when_the_database_is_newer_than_the_program()
    {
        await RunAsync("Second");
        (await Should.ThrowAsync<StoreRefusedException>(() => RunAsync("First"))).Message.ShouldContain("newer than this program");
    }

    [Fact]
    public async Task Failed_file_leaves_nothing_and_names_its_file_when_a_statement_fails()
    {
        var refusal = await Should.ThrowAsync<StoreRefusedException>(() => RunAsync("Broken"));
        refusal.Message.ShouldContain("0002_half");
        refusal.Message.ShouldContain("no_such_column");
        (await ScalarAsync("SELECT to_regclass('stage.half')::text")).ShouldBe(DBNull.Value);
        (await ScalarAsync("SELECT max(version) FROM storage.migration WHERE stage = 'stage'")).ShouldBe(1);
        (await RunAsync("Second")).Applied.ShouldBe(1);
    }

    [Theory]
    [InlineData(false, 'p')]
    [InlineData(true, 'r')]
    public async Task Conditional_lines_follow_the_layout_and_the_layout_stays_when_it_is_recorded(bool timescale, char kind)
    {
        (await RunAsync("Layout", timescale)).Layout.ShouldBe(timescale ? TimeLayout.Hypertables : TimeLayout.Partitions);
        (await ScalarAsync("SELECT relkind FROM pg_class WHERE oid = 'stage.reading'::regclass")).ShouldBe(kind);
        if (timescale) { (await Should.ThrowAsync<StoreRefusedException>(() => RunAsync("Layout", timescale: false))).Message.ShouldContain("TimescaleDB"); }
        else { (await RunAsync("Layout", timescale: true)).Layout.ShouldBe(TimeLayout.Partitions); }
    }

    [Fact]
    public async Task Run_gives_up_in_words_when_another_server_holds_the_lock_too_long()
    {
        await using var other = await _database.OpenConnectionAsync();
        await using var take = new NpgsqlCommand("SELECT pg_advisory_lock(x'6865616477747201'::bigint)", other);
        await take.ExecuteNonQueryAsync();
        var refusal = await Should.ThrowAsync<StoreRefusedException>(() => MigrationRunner.RunAsync(_database, [Set("First")], false, TimeProvider.System, _log.ForTest(), CancellationToken.None, TimeSpan.FromMilliseconds(200)).Within());
        refusal.Message.ShouldContain("Another server");
    }

    private static MigrationSet Set(string folder) => new("stage", typeof(MigrationRunnerTests).Assembly, $"Headwater.Storage.Tests.Sql.{folder}.");

    private Task<MigrationOutcome> RunAsync(string folder, bool timescale = false) => MigrationRunner.RunAsync(_database, [Set(folder)], timescale, TimeProvider.System, _log.ForTest(), CancellationToken.None);

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
