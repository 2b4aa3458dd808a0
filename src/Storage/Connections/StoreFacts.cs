using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.Storage.Connections;

/// <summary>What a database said about itself when it was opened.</summary>
internal sealed record Facts(string Version, int Major, TimescaleState Timescale, string? Warning);

/// <summary>Reads and judges the facts.</summary>
internal static class StoreFacts
{
    /// <summary>The oldest major version whose SQL we use: MERGE, and the log positions' functions, as 15 has them.</summary>
    private const int OldestMajor = 15;

    internal static async Task<Facts> ReadAsync(NpgsqlDataSource primary, StoreOptions options, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        await using var connection = await ReachAsync(primary, options.OpenTimeout, time, logger, cancellationToken);
        int number;
        string version, database, fsync, fullPageWrites, synchronousCommit, encoding, extension;
        bool inRecovery;
        const string Sql = """
            SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_database(),
                   current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
                   current_setting('server_encoding'), pg_is_in_recovery(),
                   CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN 'installed'
                        WHEN NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') THEN 'absent'
                        ELSE 'available' END
            """;
        await using (var command = new NpgsqlCommand(Sql, connection))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            (number, version, database) = (reader.GetInt32(0), reader.GetString(1).Split(' ')[0], reader.GetString(2));
            (fsync, fullPageWrites, synchronousCommit) = (reader.GetString(3), reader.GetString(4), reader.GetString(5));
            (encoding, inRecovery, extension) = (reader.GetString(6), reader.GetBoolean(7), reader.GetString(8));
        }
        var major = number / 10_000;
        if (major < OldestMajor) { throw new StoreRefusedException($"The database is PostgreSQL {version}; Headwater needs {OldestMajor} or later."); }
        if (inRecovery) { throw new StoreRefusedException("The primary's connection string leads to a read-only replica. Name the primary there, and the replica in its own setting."); }
        if (!string.Equals(encoding, "UTF8", StringComparison.Ordinal)) { throw new StoreRefusedException($"The database '{database}' is encoded in {encoding}; Headwater needs UTF8 (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)."); }

        var unsafeSettings = new List<string>();
        if (!string.Equals(fsync, "on", StringComparison.Ordinal)) { unsafeSettings.Add("fsync = " + fsync); }
        if (!string.Equals(fullPageWrites, "on", StringComparison.Ordinal)) { unsafeSettings.Add("full_page_writes = " + fullPageWrites); }
        // local, remote_write, on and remote_apply all wait for the primary's own disk.
        if (string.Equals(synchronousCommit, "off", StringComparison.Ordinal)) { unsafeSettings.Add("synchronous_commit = off"); }
        string? warning = null;
        if (unsafeSettings.Count > 0)
        {
            warning = $"The database '{database}' runs with {string.Join(", ", unsafeSettings)}: after a crash readings may be gone that devices were told are stored.";
            if (!options.AllowUnsafeDurability) { throw new StoreRefusedException(warning + " Headwater refuses it. Turn the setting on, or allow unsafe durability if losing data is acceptable."); }
            logger.Unsafe(warning);
        }
        var timescale = extension switch { "installed" => TimescaleState.Installed, "available" => await TryCreateTimescaleAsync(connection, logger, cancellationToken), _ => TimescaleState.Absent };
        logger.Opened(version, database, timescale);
        return new Facts(version, major, timescale, warning);
    }

    private static async Task<NpgsqlConnection> ReachAsync(NpgsqlDataSource primary, TimeSpan timeout, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var told = false;
        while (true)
        {
            try
            {
                return await primary.OpenConnectionAsync(cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification or PostgresErrorCodes.InvalidCatalogName)
            {
                throw new StoreRefusedException("The database refuses the sign-in: " + e.MessageText, e);
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException)
            {
                if (time.GetElapsedTime(began) >= timeout) { throw new StoreRefusedException(string.Create(CultureInfo.InvariantCulture, $"The database was not reached within {timeout.TotalSeconds:0} s: {e.Message}"), e); }
                if (!told) { logger.Awaited(e.Message); }
                told = true;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(250), time, cancellationToken);
        }
    }

    private static async Task<TimescaleState> TryCreateTimescaleAsync(NpgsqlConnection connection, ILogger logger, CancellationToken cancellationToken)
    {
        try
        {
            // Creating it without the preload would end this session with a fatal error, so look for a setting its loader defines.
            await using var preload = new NpgsqlCommand("SELECT count(*) FROM pg_settings WHERE name = 'timescaledb.max_background_workers'", connection);
            if (await preload.ExecuteScalarAsync(cancellationToken) is not > 0L)
            {
                logger.TimescaleNotCreated("it is not in shared_preload_libraries");
                return TimescaleState.Available;
            }
            await using var create = new NpgsqlCommand("CREATE EXTENSION IF NOT EXISTS timescaledb", connection);
            await create.ExecuteNonQueryAsync(cancellationToken);
            return TimescaleState.Installed;
        }
        catch (PostgresException e)
        {
            logger.TimescaleNotCreated(e.MessageText);
            return TimescaleState.Available;
        }
    }
}
