using NodaTime;
using Npgsql;

namespace Headwater.Storage.Partitions;

/// <summary>One round of upkeep for a TimescaleDB hypertable: make it one, drop old chunks. Chunks ahead are made by the rows themselves.</summary>
internal static class HypertableRound
{
    internal static async Task<PartitionedTableReport> RunAsync(NpgsqlConnection connection, PartitionedTable table, Instant now, bool isOurs, PartitionOptions options, CancellationToken cancellationToken)
    {
        var dropped = new List<string>();
        var created = new List<string>();
        string? trouble = null;
        if (isOurs)
        {
            try
            {
                if (await CreateAsync(connection, table, cancellationToken)) { created.Add(table.Table); }
                var before = now - Duration.FromDays(table.KeepDays + 1); // a day later than the bounds say, as with partitions
                dropped = await DropAsync(connection, table, before, options, cancellationToken);
            }
            catch (PostgresException e)
            {
                trouble = $"TimescaleDB did not take the upkeep: {e.MessageText}.";
            }
        }
        var bounds = new PartitionBounds(Day(now - Duration.FromDays(table.KeepDays)), Day(now + Duration.FromDays(table.AheadDays + 1)));
        await using var count = new NpgsqlCommand("SELECT count(*)::int FROM timescaledb_information.chunks WHERE hypertable_schema = $1 AND hypertable_name = $2", connection) { Parameters = { new() { Value = table.Schema }, new() { Value = table.Table } } };
        return new PartitionedTableReport(table.FullName, bounds, (int)(await count.ExecuteScalarAsync(cancellationToken))!, created, dropped, trouble);
    }

    private static async Task<bool> CreateAsync(NpgsqlConnection connection, PartitionedTable table, CancellationToken cancellationToken)
    {
        await using var exists = new NpgsqlCommand("SELECT 1 FROM timescaledb_information.hypertables WHERE hypertable_schema = $1 AND hypertable_name = $2", connection) { Parameters = { new() { Value = table.Schema }, new() { Value = table.Table } } };
        if (await exists.ExecuteScalarAsync(cancellationToken) is not null) { return false; }
        // Chunks have a fixed length: 30 days stand for a month.
        await using var create = new NpgsqlCommand("SELECT create_hypertable($1::regclass, $2::name, chunk_time_interval => $3::interval, create_default_indexes => false, if_not_exists => true, migrate_data => true)", connection)
        {
            CommandTimeout = 0,
            Parameters = { new() { Value = table.FullName, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text }, new() { Value = table.Column, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text }, new() { Value = TimeSpan.FromDays(table.Period == PartitionPeriod.Day ? 1 : 30) } },
        };
        await create.ExecuteScalarAsync(cancellationToken);
        return true;
    }

    private static async Task<List<string>> DropAsync(NpgsqlConnection connection, PartitionedTable table, Instant before, PartitionOptions options, CancellationToken cancellationToken)
    {
        var dropped = new List<string>();
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await PartitionSql.ExecuteAsync(connection, $"SET LOCAL lock_timeout = {(long)options.LockTimeout.TotalMilliseconds}", cancellationToken);
        await using (var drop = new NpgsqlCommand("SELECT drop_chunks($1::regclass, older_than => $2::timestamptz)::text", connection) { CommandTimeout = 0, Parameters = { new() { Value = table.FullName, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text }, new() { Value = before.ToDateTimeUtc() } } })
        await using (var reader = await drop.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken)) { dropped.Add(reader.GetString(0)); }
        }
        await transaction.CommitAsync(cancellationToken);
        return dropped;
    }

    private static Instant Day(Instant instant) => instant.InUtc().Date.AtMidnight().InUtc().ToInstant();
}
