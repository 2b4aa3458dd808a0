using System.Collections.Concurrent;
using System.Globalization;
using Headwater.Storage.Embedded;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Headwater.TestKit;

/// <summary>The one private cluster of this test process. Started when first asked for, stopped and removed when the process ends.</summary>
public static class PostgresCluster
{
    private const string Prefix = "headwater-test-";
    private static readonly Lazy<Task<EmbeddedPostgres>> Started = new(StartAsync);
    private static readonly ConcurrentDictionary<string, Lazy<Task<string>>> Templates = new(StringComparer.Ordinal);
    private static int _databases;

    /// <summary>The running cluster.</summary>
    public static Task<EmbeddedPostgres> GetAsync() => Started.Value;

    /// <summary>Makes a database of its own and returns its connection string.</summary>
    /// <param name="template">Name of a template; the same name is prepared once in a process.</param>
    /// <param name="prepare">Fills the template, for example by running the migrations. Given its connection string.</param>
    public static async Task<string> CreateDatabaseAsync(string? template = null, Func<string, Task>? prepare = null)
    {
        var cluster = await GetAsync();
        var from = template is null ? "template0" : await Templates.GetOrAdd(template, name => new Lazy<Task<string>>(() => PrepareAsync(cluster, name, prepare))).Value;
        return await CreateFromAsync(cluster, string.Create(CultureInfo.InvariantCulture, $"test_{Interlocked.Increment(ref _databases)}"), from);
    }

    /// <summary>Drops a database made here, ending its sessions.</summary>
    public static async Task DropDatabaseAsync(string connectionString)
    {
        await using var pool = new NpgsqlConnection(connectionString);
        NpgsqlConnection.ClearPool(pool);
        await ExecuteAsync(await GetAsync(), $"DROP DATABASE IF EXISTS {new NpgsqlConnectionStringBuilder(connectionString).Database} WITH (FORCE)");
    }

    private static async Task<string> PrepareAsync(EmbeddedPostgres cluster, string name, Func<string, Task>? prepare)
    {
        var database = "template_" + name;
        var connectionString = await CreateFromAsync(cluster, database, "template0");
        if (prepare is not null) { await prepare(connectionString); }
        // CREATE DATABASE needs a template without sessions.
        await using (var pool = new NpgsqlConnection(connectionString)) { NpgsqlConnection.ClearPool(pool); }
        await ExecuteAsync(cluster, $"ALTER DATABASE {database} ALLOW_CONNECTIONS false");
        await ExecuteAsync(cluster, $"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database}'");
        return database;
    }

    private static async Task<string> CreateFromAsync(EmbeddedPostgres cluster, string database, string template)
    {
        await ExecuteAsync(cluster, $"CREATE DATABASE {database} TEMPLATE {template}");
        return new NpgsqlConnectionStringBuilder(cluster.ConnectionString) { Database = database }.ConnectionString;
    }

    private static async Task ExecuteAsync(EmbeddedPostgres cluster, string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(cluster.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<EmbeddedPostgres> StartAsync()
    {
        await RemoveLeftoversAsync();
        var folder = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..6]}"));
        var cluster = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataFolder = folder, MaxConnections = 300, MaxSharedBuffersBytes = 128 << 20, BinariesFolder = Binaries() }, TimeProvider.System, NullLogger.Instance);
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            // The runtime is going down: this is the one place where nothing can be awaited.
            cluster.DisposeAsync().AsTask().GetAwaiter().GetResult();
            Directory.Delete(folder, recursive: true);
        };
        return cluster;
    }

    /// <summary>PostgreSQL's programs for tests: the setting, else the repository's tools folder.</summary>
    public static string? Binaries()
    {
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable("HEADWATER_POSTGRES_BIN"))) { return null; }
        var tools = Repository.PathTo(".tools", "postgres");
        return Directory.Exists(tools) ? tools : null;
    }

    /// <summary>A test process that was killed leaves its cluster alive: adopt it, stop it, remove it.</summary>
    private static async Task RemoveLeftoversAsync()
    {
        foreach (var folder in Directory.EnumerateDirectories(Path.GetTempPath(), Prefix + "*"))
        {
            var owner = Path.GetFileName(folder)[Prefix.Length..].Split('-')[0];
            if (!int.TryParse(owner, CultureInfo.InvariantCulture, out _) || Directory.Exists("/proc/" + owner)) { continue; }
            try
            {
                if (File.Exists(Path.Combine(folder, "cluster", "postmaster.pid")))
                {
                    var left = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions { DataFolder = folder, BinariesFolder = Binaries() }, TimeProvider.System, NullLogger.Instance);
                    await left.DisposeAsync();
                }
                // The runner may end the process before the folder of the socket is removed; it is empty then.
                var record = Path.Combine(folder, "socket-folder.txt");
                if (File.Exists(record) && (await File.ReadAllTextAsync(record)).Trim() is var socket && Directory.Exists(socket)) { Directory.Delete(socket); }
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or Storage.StoreRefusedException)
            {
                // Another test process removes it at the same moment, or it belongs to another user.
            }
        }
    }
}
