using System.Diagnostics;
using System.Globalization;
using Headwater.Storage.Embedded;
using Headwater.TestKit;
using Npgsql;
using Xunit.Abstractions;

namespace Headwater.Storage.Tests.Embedded;

public sealed class EmbeddedPostgresTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly LogCapture _log = new(output);

    public void Dispose()
    {
        _folder.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task Data_is_there_and_the_second_start_is_quick_when_started_again_in_the_same_folder()
    {
        await using (var first = await StartAsync())
        {
            await ExecuteAsync(first, "CREATE TABLE kept (value int); INSERT INTO kept VALUES (42)");
        }
        var clock = Stopwatch.StartNew();
        await using var second = await StartAsync();
        output.WriteLine($"second start: {clock.ElapsedMilliseconds} ms");
        (await ScalarAsync(second, "SELECT value FROM kept")).ShouldBe(42);
        second.WasAdopted.ShouldBeFalse();
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(15)); // planned: 1.5 s on an idle machine
    }

    [Fact]
    public async Task Durability_and_logical_log_level_are_on_and_nothing_listens_on_TCP()
    {
        await using var postgres = await StartAsync();
        foreach (var (name, value) in ((string, string)[])[("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on"), ("wal_level", "logical"), ("listen_addresses", ""), ("data_checksums", "on"), ("server_encoding", "UTF8"), ("TimeZone", "UTC")])
        {
            (await ScalarAsync(postgres, "SHOW " + name)).ShouldBe(value, name);
        }
        var socket = (string)(await ScalarAsync(postgres, "SHOW unix_socket_directories"))!;
        (socket + "/.s.PGSQL.65535").Length.ShouldBeLessThan(100);
        File.GetUnixFileMode(socket).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [Fact]
    public async Task Sign_in_is_refused_when_the_password_is_wrong()
    {
        await using var postgres = await StartAsync();
        var wrong = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Password = "guess", Pooling = false };
        await using var connection = new NpgsqlConnection(wrong.ConnectionString);
        (await Should.ThrowAsync<PostgresException>(connection.OpenAsync)).SqlState.ShouldBe(PostgresErrorCodes.InvalidPassword);
    }

    [Fact]
    public async Task Postmaster_is_adopted_when_an_earlier_process_left_it()
    {
        var first = await StartAsync();
        var pid = first.ProcessId;
        await first.AbandonAsync();

        await using var second = await StartAsync();
        second.WasAdopted.ShouldBeTrue();
        second.ProcessId.ShouldBe(pid);
        (await ScalarAsync(second, "SELECT 1")).ShouldBe(1);
    }

    [Fact]
    public async Task Left_postmaster_is_restarted_when_its_settings_are_not_the_wanted_ones()
    {
        var first = await StartAsync();
        var pid = first.ProcessId;
        await first.AbandonAsync();

        await using var second = await EmbeddedPostgres.StartAsync(Options() with { MaxConnections = 50 }, TimeProvider.System, _log.ForTest());
        second.ProcessId.ShouldNotBe(pid);
        (await ScalarAsync(second, "SHOW max_connections")).ShouldBe("50");
    }

    [Fact]
    public async Task Folder_is_refused_when_another_process_of_ours_uses_it()
    {
        await using var first = await StartAsync();
        (await Should.ThrowAsync<StoreRefusedException>(StartAsync)).Message.ShouldContain("in use by another Headwater");
    }

    [Fact]
    public async Task Folder_is_refused_when_another_major_version_made_it()
    {
        await using (await StartAsync()) { }
        var version = Path.Combine(_folder["data"], "cluster", "PG_VERSION");
        await File.WriteAllTextAsync(version, "14\n");
        var refusal = await Should.ThrowAsync<StoreRefusedException>(StartAsync);
        refusal.Message.ShouldContain("made by PostgreSQL 14");
        (await File.ReadAllTextAsync(version)).ShouldBe("14\n");
    }

    [Fact]
    public async Task Postmaster_comes_back_with_everything_committed_when_it_is_killed_beside_a_busy_backend()
    {
        var seen = new List<EmbeddedPostgresState>();
        await using var postgres = await EmbeddedPostgres.StartAsync(Options() with { OrphanTimeout = TimeSpan.FromSeconds(1) }, TimeProvider.System, _log.ForTest(), s => { lock (seen) { seen.Add(s.State); } });
        await ExecuteAsync(postgres, "CREATE TABLE kept (value int); INSERT INTO kept VALUES (7)");
        var pid = postgres.ProcessId;

        // A back-end in a computation does not notice its postmaster's death: it is the one that has to be awaited.
        var busy = Task.Run(async () =>
        {
            try { await ExecuteAsync(postgres, "SELECT count(*) FROM generate_series(1, 200000000) a WHERE md5(a::text) = ''"); }
            catch (NpgsqlException) { /* it is killed with the cluster */ }
        });
        await Eventually.TrueAsync(async () => (long)(await ScalarAsync(postgres, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%generate_series%' AND state = 'active' AND pid <> pg_backend_pid()"))! > 0);

        var clock = Stopwatch.StartNew();
        Posix.Signal(pid, Posix.SigKill).ShouldBeTrue();
        await Eventually.TrueAsync(() => postgres.Status.State == EmbeddedPostgresState.Running && postgres.ProcessId != pid, TimeSpan.FromSeconds(30));
        output.WriteLine($"back after {clock.ElapsedMilliseconds} ms");
        (await ScalarAsync(postgres, "SELECT value FROM kept")).ShouldBe(7);
        PostmasterFile.LivesIn(pid, postgres.ClusterPath).ShouldBeFalse();
        lock (seen) { seen.ShouldContain(EmbeddedPostgresState.Restarting); }
        postgres.Status.Restarts.ShouldBe(1);
        await busy.Within();
    }

    [Fact]
    public async Task Start_goes_on_when_a_crash_left_lock_files_and_a_half_made_cluster()
    {
        string socket;
        await using (var first = await StartAsync()) { socket = new NpgsqlConnectionStringBuilder(first.ConnectionString).Host!; }
        Directory.Exists(socket).ShouldBeFalse();
        var cluster = Path.Combine(_folder["data"], "cluster");
        // Our own process number: alive, but no PostgreSQL.
        await File.WriteAllTextAsync(Path.Combine(cluster, "postmaster.pid"), string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n{cluster}\n1\n5432\n{socket}\n\n  1 2\nready\n"));
        Directory.CreateDirectory(Path.Combine(_folder["data"], "cluster.partial", "base"));
        await using var second = await StartAsync();
        (await ScalarAsync(second, "SELECT 1")).ShouldBe(1);
    }

    [Fact]
    public async Task PostgreSQL_runs_as_another_user_when_this_process_is_root()
    {
        await using var postgres = await StartAsync();
        var owner = Posix.Owner($"/proc/{postgres.ProcessId}")!.Value.Uid;
        if (Posix.IsRoot) { owner.ShouldNotBe(0); }
        else { owner.ShouldBe(Posix.EffectiveUserId); }
    }

    private EmbeddedPostgresOptions Options() => new() { DataFolder = _folder["data"], BinariesFolder = PostgresCluster.Binaries(), MaxSharedBuffersBytes = 64 << 20, SharedFolder = _folder["shared"] };

    private Task<EmbeddedPostgres> StartAsync() => EmbeddedPostgres.StartAsync(Options(), TimeProvider.System, _log.ForTest());

    private static async Task ExecuteAsync(EmbeddedPostgres postgres, string sql)
    {
        await using var connection = await OpenAsync(postgres);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 120 };
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<object?> ScalarAsync(EmbeddedPostgres postgres, string sql)
    {
        await using var connection = await OpenAsync(postgres);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    private static async Task<NpgsqlConnection> OpenAsync(EmbeddedPostgres postgres)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
