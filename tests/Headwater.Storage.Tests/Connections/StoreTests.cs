using Headwater.Storage.Connections;
using Headwater.Storage.Embedded;
using Headwater.TestKit;
using Npgsql;
using Xunit.Abstractions;

namespace Headwater.Storage.Tests.Connections;

public sealed class StoreTests(PostgresFixture postgres, ITestOutputHelper output) : IClassFixture<PostgresFixture>, IDisposable
{
    private readonly LogCapture _log = new(output);

    public void Dispose() => _log.Dispose();

    [Fact]
    public async Task Sessions_are_in_UTC_with_own_plans_and_time_outs_when_opened()
    {
        await using var store = await OpenAsync(new StoreOptions { ConnectionString = postgres.ConnectionString });
        (await ShowAsync(store, "TimeZone")).ShouldBe("UTC");
        (await ShowAsync(store, "plan_cache_mode")).ShouldBe("force_custom_plan");
        (await ShowAsync(store, "statement_timeout")).ShouldBe("30s");
        (await ShowAsync(store, "idle_in_transaction_session_timeout")).ShouldBe("1min");
        store.ServerMajor.ShouldBeGreaterThanOrEqualTo(15);
        store.Warning.ShouldBeNull();
        store.ReadSource().ShouldBeSameAs(store.Primary);
        var health = await store.GetHealthAsync(CancellationToken.None);
        health.IsWritable.ShouldBeTrue();
        health.DatabaseBytes!.Value.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Database_is_refused_when_it_confirms_commits_before_they_are_on_the_disk_and_warned_of_when_allowed()
    {
        var database = await postgres.CreateDatabaseAsync();
        await using (var source = NpgsqlDataSource.Create(database))
        {
            await using var command = source.CreateCommand($"ALTER DATABASE {new NpgsqlConnectionStringBuilder(database).Database} SET synchronous_commit = off");
            await command.ExecuteNonQueryAsync();
        }
        (await Should.ThrowAsync<StoreRefusedException>(() => OpenAsync(new StoreOptions { ConnectionString = database }))).Message.ShouldContain("synchronous_commit = off");

        await using var allowed = await OpenAsync(new StoreOptions { ConnectionString = database, AllowUnsafeDurability = true });
        allowed.Warning!.ShouldContain("synchronous_commit = off");
        (await allowed.GetHealthAsync(CancellationToken.None)).Warning.ShouldBe(allowed.Warning);
    }

    [Fact]
    public async Task Cluster_is_refused_when_fsync_is_off()
    {
        using var folder = new TemporaryFolder();
        var options = new StoreOptions { Embedded = new EmbeddedPostgresOptions { DataFolder = folder["data"], BinariesFolder = PostgresCluster.Binaries(), MaxSharedBuffersBytes = 32 << 20 } };
        await (await OpenAsync(options)).DisposeAsync();
        await File.WriteAllTextAsync(Path.Combine(folder["data"], "cluster", "local.conf"), "fsync = off\nfull_page_writes = off\n");
        File.SetUnixFileMode(Path.Combine(folder["data"], "cluster", "local.conf"), (UnixFileMode)0b110_100_100);
        var refusal = await Should.ThrowAsync<StoreRefusedException>(() => OpenAsync(options));
        refusal.Message.ShouldContain("fsync = off, full_page_writes = off");
        File.Exists(Path.Combine(folder["data"], "cluster", "postmaster.pid")).ShouldBeFalse();
    }

    [Theory]
    [InlineData("Host=/nowhere;Username=x;Database=y", "not reached")]
    [InlineData("Nonsense=1", "cannot be read")]
    [InlineData("", "No database is named")]
    public async Task Opening_is_refused_in_words_when_the_database_cannot_be_reached(string connectionString, string words) =>
        (await Should.ThrowAsync<StoreRefusedException>(() => OpenAsync(new StoreOptions { ConnectionString = connectionString, OpenTimeout = TimeSpan.FromMilliseconds(300) }).Within())).Message.ShouldContain(words);

    [Fact]
    public async Task All_settings_out_of_range_are_told_at_once_when_opened()
    {
        var refusal = await Should.ThrowAsync<StoreRefusedException>(() => OpenAsync(new StoreOptions { ConnectionString = postgres.ConnectionString, MaxConnections = 0, StatementTimeout = TimeSpan.Zero }));
        refusal.Message.ShouldContain("MaxConnections is 0");
        refusal.Message.ShouldContain("StatementTimeout is 00:00:00");
    }

    [Fact]
    public async Task Health_is_told_at_once_when_every_connection_is_taken()
    {
        await using var store = await OpenAsync(new StoreOptions { ConnectionString = postgres.ConnectionString, MaxConnections = 5 });
        var taken = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => store.Primary.OpenConnectionAsync().AsTask()));
        (await store.GetHealthAsync(CancellationToken.None).Within(TimeSpan.FromSeconds(12))).IsWritable.ShouldBeTrue();
        foreach (var connection in taken) { await connection.DisposeAsync(); }
    }

    [Fact]
    public async Task Health_says_so_within_its_bound_when_the_database_is_stopped_in_its_tracks()
    {
        using var folder = new TemporaryFolder();
        await using var store = await OpenAsync(new StoreOptions { Embedded = new EmbeddedPostgresOptions { DataFolder = folder["data"], BinariesFolder = PostgresCluster.Binaries(), MaxSharedBuffersBytes = 32 << 20 } });
        const int Stop = 19, Continue = 18; // signals of Linux: a stopped postmaster takes connections and never answers, as a host that vanished
        var pid = store.Embedded!.ProcessId;
        Posix.Signal(pid, Stop).ShouldBeTrue();
        try
        {
            var health = await store.GetHealthAsync(CancellationToken.None).Within(TimeSpan.FromSeconds(12));
            health.IsWritable.ShouldBeFalse();
            health.Words.ShouldContain("does not answer");
        }
        finally
        {
            Posix.Signal(pid, Continue);
        }
        await Eventually.TrueAsync(async () => (await store.GetHealthAsync(CancellationToken.None)).IsWritable);
    }

    [Fact]
    public async Task Health_tells_the_outage_and_statements_work_again_when_the_database_was_killed_and_came_back()
    {
        using var folder = new TemporaryFolder();
        await using var store = await OpenAsync(new StoreOptions { Embedded = new EmbeddedPostgresOptions { DataFolder = folder["data"], BinariesFolder = PostgresCluster.Binaries(), MaxSharedBuffersBytes = 32 << 20, WatchInterval = TimeSpan.FromSeconds(2) } });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => ShowAsync(store, "fsync")));
        Posix.Signal(store.Embedded!.ProcessId, Posix.SigKill).ShouldBeTrue();
        await Eventually.TrueAsync(async () => !(await store.GetHealthAsync(CancellationToken.None)).IsWritable);
        await Eventually.TrueAsync(async () => (await store.GetHealthAsync(CancellationToken.None)).IsWritable);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => ShowAsync(store, "fsync"))).Within();
    }

    [Fact]
    public async Task Reads_go_to_the_replica_only_while_its_lag_is_below_the_bound()
    {
        using var folder = new TemporaryFolder();
        var (here, there) = (Cluster(folder["primary"]), Cluster(folder["replica"]));
        await (await EmbeddedPostgres.StartAsync(here, TimeProvider.System, _log.ForTest())).DisposeAsync();
        // A cleanly stopped cluster's copy is a base backup.
        CopyTree(folder["primary"], folder["replica"]);
        await using var primary = await EmbeddedPostgres.StartAsync(here, TimeProvider.System, _log.ForTest());
        var connection = new NpgsqlConnectionStringBuilder(primary.ConnectionString);
        var local = Path.Combine(folder["replica"], "cluster", "local.conf");
        await File.WriteAllTextAsync(local, $"primary_conninfo = 'host={connection.Host} port={connection.Port} user={connection.Username} password={connection.Password}'\n");
        await File.WriteAllTextAsync(Path.Combine(folder["replica"], "cluster", "standby.signal"), string.Empty);
        File.SetUnixFileMode(local, (UnixFileMode)0b110_100_100);
        await using var replica = await EmbeddedPostgres.StartAsync(there, TimeProvider.System, _log.ForTest());

        (await Should.ThrowAsync<StoreRefusedException>(() => OpenAsync(new StoreOptions { ConnectionString = replica.ConnectionString }))).Message.ShouldContain("read-only replica");
        await using var store = await OpenAsync(new StoreOptions { ConnectionString = primary.ConnectionString, ReplicaConnectionString = replica.ConnectionString, ReplicaLagBound = TimeSpan.FromSeconds(3) });
        await Eventually.TrueAsync(() => store.ReadSource() == store.Replica);
        store.ReadSource(mustBeFresh: true).ShouldBeSameAs(store.Primary);

        await ExecuteAsync(store.Replica, "SELECT pg_wal_replay_pause()");
        await ExecuteAsync(store.Primary, "CREATE TABLE later (value int)");
        await Eventually.TrueAsync(() => store.ReadSource() == store.Primary);
        (await store.GetHealthAsync(CancellationToken.None)).Words.ShouldContain("reads go to the primary");

        await ExecuteAsync(store.Replica, "SELECT pg_wal_replay_resume()");
        await Eventually.TrueAsync(() => store.ReadSource() == store.Replica);
        await ExecuteAsync(store.ReadSource(), "SELECT value FROM later");
    }

    private static EmbeddedPostgresOptions Cluster(string folder) => new() { DataFolder = folder, BinariesFolder = PostgresCluster.Binaries(), MaxSharedBuffersBytes = 32 << 20 };

    private Task<Store> OpenAsync(StoreOptions options) => Store.OpenAsync(options, TimeProvider.System, _log, CancellationToken.None);

    private static void CopyTree(string from, string to)
    {
        Directory.CreateDirectory(to, File.GetUnixFileMode(from));
        Own(from, to);
        foreach (var entry in new DirectoryInfo(from).EnumerateFileSystemInfos())
        {
            var target = Path.Combine(to, entry.Name);
            if (entry is DirectoryInfo) { CopyTree(entry.FullName, target); }
            else
            {
                File.Copy(entry.FullName, target);
                Own(entry.FullName, target);
            }
        }
    }

    private static void Own(string like, string path)
    {
        var (uid, gid) = Posix.Owner(like)!.Value;
        Posix.ChangeOwner(path, uid, gid);
    }

    private static async Task<object?> ShowAsync(Store store, string name)
    {
        await using var command = store.Primary.CreateCommand("SHOW " + name);
        return await command.ExecuteScalarAsync();
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
