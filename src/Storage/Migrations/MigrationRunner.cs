using System.Reflection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.Storage.Migrations;

/// <summary>Brings a database to this program's schema, one numbered file after the other.</summary>
/// <remarks>
/// Servers that start together wait for each other on an advisory lock. Each file and the record of it commit together, so a crash
/// between two files is continued at the next start. Records lie in <c>storage.migration</c>.
/// </remarks>
public static class MigrationRunner
{
    /// <summary>Key of the advisory lock: "headwtr" and 1 in ASCII, so that other programs of the same database do not take it by chance.</summary>
    private const long LockKey = 0x6865_6164_7774_7201;

    /// <summary>Applies what is missing.</summary>
    /// <param name="dataSource">The primary.</param>
    /// <param name="sets">Stages in the order of the data's way: a later one may refer to an earlier one.</param>
    /// <param name="timescaleInstalled">Whether a database made now uses hypertables; an existing one keeps its recorded layout.</param>
    /// <param name="time">Clock for records and waits.</param>
    /// <param name="logger">Log.</param>
    /// <param name="cancellationToken">Stops between files; the file under way is rolled back.</param>
    /// <param name="lockTimeout">How long another server's migrations are awaited. Default 2 min: they may build an index.</param>
    /// <returns>The layout, and how many files were applied.</returns>
    /// <exception cref="StoreRefusedException">A recorded file differs from ours, the database is newer than this program, or a file failed.</exception>
    public static async Task<MigrationOutcome> RunAsync(NpgsqlDataSource dataSource, IReadOnlyList<MigrationSet> sets, bool timescaleInstalled, TimeProvider time, ILogger logger, CancellationToken cancellationToken, TimeSpan? lockTimeout = null)
    {
        var planned = sets.Select(static s => (s.Schema, Migrations: s.Read())).ToList();
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await ExecuteAsync(connection, "SET statement_timeout = 0", cancellationToken);
        await TakeLockAsync(connection, time, lockTimeout ?? TimeSpan.FromMinutes(2), cancellationToken);
        try
        {
            var layout = await PrepareAsync(connection, timescaleInstalled, cancellationToken);
            var applied = 0;
            foreach (var (schema, migrations) in planned)
            {
                var recorded = await ReadRecordedAsync(connection, schema, cancellationToken);
                Verify(schema, migrations, recorded);
                foreach (var migration in migrations.Skip(recorded.Count))
                {
                    await ApplyAsync(connection, migration, layout, time, cancellationToken);
                    logger.Applied(migration.Schema, migration.Version, migration.Name);
                    applied++;
                }
            }
            return new MigrationOutcome(layout, applied);
        }
        finally
        {
            // Also given back when the connection closes; this keeps a pooled one clean.
            if (connection.State == System.Data.ConnectionState.Open) { await ExecuteAsync(connection, $"SELECT pg_advisory_unlock({LockKey}); RESET statement_timeout", CancellationToken.None); }
        }
    }

    private static async Task TakeLockAsync(NpgsqlConnection connection, TimeProvider time, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            await using (var command = new NpgsqlCommand($"SELECT pg_try_advisory_lock({LockKey})", connection))
            {
                if (await command.ExecuteScalarAsync(cancellationToken) is true) { return; }
            }
            if (time.GetElapsedTime(began) > timeout) { throw new StoreRefusedException($"Another server has been changing this database's schema for more than {timeout.TotalSeconds:0} s. Wait for it, or end its session if it is stuck (pg_locks, locktype advisory)."); }
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
        }
    }

    private static async Task<TimeLayout> PrepareAsync(NpgsqlConnection connection, bool timescaleInstalled, CancellationToken cancellationToken)
    {
        const string Tables = """
            CREATE SCHEMA IF NOT EXISTS storage;
            CREATE TABLE IF NOT EXISTS storage.migration (
                stage text NOT NULL,
                version int NOT NULL,
                name text NOT NULL,
                checksum text NOT NULL,
                program text NOT NULL,
                applied_at timestamptz NOT NULL,
                PRIMARY KEY (stage, version));
            CREATE TABLE IF NOT EXISTS storage.layout (
                only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
                time_layout smallint NOT NULL);
            """;
        await ExecuteAsync(connection, Tables, cancellationToken);
        var fresh = timescaleInstalled ? TimeLayout.Hypertables : TimeLayout.Partitions;
        await using var command = new NpgsqlCommand("INSERT INTO storage.layout (time_layout) VALUES ($1) ON CONFLICT DO NOTHING", connection) { Parameters = { new() { Value = (short)fresh } } };
        await command.ExecuteNonQueryAsync(cancellationToken);
        await using var read = new NpgsqlCommand("SELECT time_layout FROM storage.layout", connection);
        var layout = (TimeLayout)(short)(await read.ExecuteScalarAsync(cancellationToken))!;
        if (layout == TimeLayout.Hypertables && !timescaleInstalled) { throw new StoreRefusedException("This database was made with TimescaleDB hypertables, and the extension is not installed in it now. Install TimescaleDB (and name it in shared_preload_libraries) before starting."); }
        return layout;
    }

    private static async Task<List<(int Version, string Name, string Checksum, string Program)>> ReadRecordedAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT version, name, checksum, program FROM storage.migration WHERE stage = $1 ORDER BY version", connection) { Parameters = { new() { Value = schema } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var recorded = new List<(int, string, string, string)>();
        while (await reader.ReadAsync(cancellationToken)) { recorded.Add((reader.GetInt32(0), reader.GetString(1), reader.GetString(2), reader.GetString(3))); }
        return recorded;
    }

    private static void Verify(string schema, IReadOnlyList<Migration> ours, List<(int Version, string Name, string Checksum, string Program)> recorded)
    {
        for (var i = 0; i < recorded.Count; i++)
        {
            var theirs = recorded[i];
            if (i >= ours.Count) { throw new StoreRefusedException($"The database is newer than this program: its schema '{schema}' has migration {theirs.Version:0000}_{theirs.Name}, applied by version {theirs.Program}, and this is version {ProgramVersion}. Start that version or a later one."); }
            if (theirs.Version != ours[i].Version || !string.Equals(theirs.Checksum, ours[i].Checksum, StringComparison.Ordinal))
            {
                throw new StoreRefusedException($"Migration {ours[i].Version:0000}_{ours[i].Name} of '{schema}' is not the one this database was made with ({theirs.Version:0000}_{theirs.Name}, version {theirs.Program}, checksum {theirs.Checksum[..12]}…, ours {ours[i].Checksum[..12]}…). A released migration must not change; nothing was touched.");
            }
        }
    }

    private static async Task ApplyAsync(NpgsqlConnection connection, Migration migration, TimeLayout layout, TimeProvider time, CancellationToken cancellationToken)
    {
        var sql = migration.SqlFor(layout);
        await using var transaction = migration.InTransaction ? await connection.BeginTransactionAsync(cancellationToken) : null;
        try
        {
            // A schema change that waits for a lock makes everybody behind it wait: give up instead, the next start tries again.
            await ExecuteAsync(connection, transaction is null ? "SET lock_timeout = '10s'" : "SET LOCAL lock_timeout = '10s'", cancellationToken);
            await ExecuteAsync(connection, $"CREATE SCHEMA IF NOT EXISTS {migration.Schema}", cancellationToken);
            await ExecuteAsync(connection, sql, cancellationToken);
            await using var record = new NpgsqlCommand("INSERT INTO storage.migration (stage, version, name, checksum, program, applied_at) VALUES ($1, $2, $3, $4, $5, $6)", connection)
            {
                Parameters =
                {
                    new() { Value = migration.Schema }, new() { Value = migration.Version }, new() { Value = migration.Name },
                    new() { Value = migration.Checksum }, new() { Value = ProgramVersion }, new() { Value = time.GetUtcNow().UtcDateTime },
                },
            };
            await record.ExecuteNonQueryAsync(cancellationToken);
            if (transaction is not null) { await transaction.CommitAsync(cancellationToken); }
            else { await ExecuteAsync(connection, "RESET lock_timeout", cancellationToken); }
        }
        catch (PostgresException e)
        {
            throw new StoreRefusedException($"Migration {migration.Version:0000}_{migration.Name} of '{migration.Schema}' failed: {e.MessageText}{(e.Detail is null ? string.Empty : " " + e.Detail)}", e);
        }
    }

    private static string ProgramVersion => typeof(MigrationRunner).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>What a run of the migrations found and did.</summary>
/// <param name="Layout">How this database cuts its tables by time.</param>
/// <param name="Applied">Files applied by this run.</param>
public sealed record MigrationOutcome(TimeLayout Layout, int Applied);
