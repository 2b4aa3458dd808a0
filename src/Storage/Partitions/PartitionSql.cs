using System.Globalization;
using System.Text.RegularExpressions;
using NodaTime;
using Npgsql;

namespace Headwater.Storage.Partitions;

/// <summary>One attached partition.</summary>
internal sealed record Partition(string Name, Instant From, Instant To, bool DetachPending);

/// <summary>The statements of partition upkeep.</summary>
internal static partial class PartitionSql
{
    /// <summary>"headwtr" and 2 in ASCII: one server at a time keeps partitions.</summary>
    internal const long LockKey = 0x6865_6164_7774_7202;

    /// <summary>The mark by which a table that was detached or not yet attached is known as ours.</summary>
    internal static string MarkOf(PartitionedTable table) => $"headwater partition of {table.FullName}";

    internal static async Task<List<Partition>> AttachedAsync(NpgsqlConnection connection, PartitionedTable table, CancellationToken cancellationToken)
    {
        const string Sql = """
            SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), i.inhdetachpending
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = $1::regclass
            """;
        await using var command = new NpgsqlCommand(Sql, connection) { Parameters = { new() { Value = table.FullName, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<Partition>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var match = BoundPattern().Match(reader.IsDBNull(1) ? string.Empty : reader.GetString(1));
            if (match.Success) { found.Add(new Partition(reader.GetString(0), Parse(match.Groups["from"].Value), Parse(match.Groups["to"].Value), reader.GetBoolean(2))); }
        }
        return [.. found.OrderBy(static p => p.From)];
    }

    /// <summary>Tables with our mark that stand alone: detached and not dropped, or made and not attached, by a round that was cut off.</summary>
    internal static async Task<List<string>> LooseAsync(NpgsqlConnection connection, PartitionedTable table, CancellationToken cancellationToken)
    {
        const string Sql = """
            SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relkind = 'r' AND obj_description(c.oid, 'pg_class') = $2
              AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)
            """;
        await using var command = new NpgsqlCommand(Sql, connection) { Parameters = { new() { Value = table.Schema }, new() { Value = MarkOf(table) } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<string>();
        while (await reader.ReadAsync(cancellationToken)) { found.Add(reader.GetString(0)); }
        return found;
    }

    /// <summary>Makes the table apart: nobody sees it and no lock on the parent but a reader's is taken.</summary>
    internal static string Create(PartitionedTable table, string name) =>
        $"""
         CREATE TABLE IF NOT EXISTS {table.Schema}.{name} (LIKE {table.FullName} INCLUDING ALL){(table.StorageParameters is null ? string.Empty : $" WITH ({table.StorageParameters})")};
         COMMENT ON TABLE {table.Schema}.{name} IS '{MarkOf(table)}';
         """;

    /// <summary>
    /// Attaches it. The CHECK spares the scan while the parent is locked (SHARE UPDATE EXCLUSIVE: writers go on), and is dropped in the
    /// same transaction so that inserts do not pay for it.
    /// </summary>
    internal static string Attach(PartitionedTable table, string name, Instant from, Instant to) =>
        $"""
         ALTER TABLE {table.Schema}.{name} DROP CONSTRAINT IF EXISTS {name}_span;
         ALTER TABLE {table.Schema}.{name} ADD CONSTRAINT {name}_span CHECK ({table.Column} >= '{Text(from)}' AND {table.Column} < '{Text(to)}');
         ALTER TABLE {table.FullName} ATTACH PARTITION {table.Schema}.{name} FOR VALUES FROM ('{Text(from)}') TO ('{Text(to)}');
         ALTER TABLE {table.Schema}.{name} DROP CONSTRAINT {name}_span;
         """;

    internal static string Detach(PartitionedTable table, Partition partition) =>
        $"ALTER TABLE {table.FullName} DETACH PARTITION {table.Schema}.{partition.Name} {(partition.DetachPending ? "FINALIZE" : "CONCURRENTLY")}";

    internal static string Drop(PartitionedTable table, string name) => $"DROP TABLE IF EXISTS {table.Schema}.{name}";

    internal static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static string Text(Instant instant) => instant.ToDateTimeUtc().ToString("yyyy-MM-dd HH:mm:ss'+00'", CultureInfo.InvariantCulture);

    private static Instant Parse(string bound) => Instant.FromDateTimeOffset(DateTimeOffset.Parse(bound.EndsWith("+00", StringComparison.Ordinal) ? bound + ":00" : bound, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal));

    [GeneratedRegex(@"^FOR VALUES FROM \('(?<from>[^']+)'\) TO \('(?<to>[^']+)'\)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex BoundPattern();
}
