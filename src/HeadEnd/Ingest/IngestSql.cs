using System.Buffers.Binary;
using Headwater.Storage.GroupCommit;
using Npgsql;
using NpgsqlTypes;

namespace Headwater.HeadEnd.Ingest;

/// <summary>The statements of one ingest commit. All run inside the lane's transaction.</summary>
internal static class IngestSql
{
    // "PGCOPY\n\377\r\n\0", flags 0, no extension. Source: PostgreSQL documentation, COPY, "Binary Format".
    private static readonly byte[] CopyHeader = [0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0x00, 0, 0, 0, 0, 0, 0, 0, 0];
    private static readonly byte[] CopyTrailer = [0xFF, 0xFF];

    private const string CreateStage = """
        create temp table if not exists reading_stage
            (device_id bigint, register_id bigint, at timestamptz, value bigint, commit_number bigint, ordinal integer, suspicion smallint)
            on commit delete rows
        """;

    private const string Merge = """
        insert into headend.reading (device_id, register_id, at, value, commit_number, ordinal, suspicion)
        select device_id, register_id, at, value, commit_number, ordinal, suspicion from reading_stage order by ordinal
        on conflict do nothing
        """;

    private const string Conflicts = """
        insert into headend.reading_conflict (device_id, register_id, at, standing_value, standing_commit_number, standing_ordinal,
                                              offered_value, offered_commit_number, offered_ordinal)
        select distinct on (s.register_id, s.at, s.value)
               s.device_id, s.register_id, s.at, r.value, r.commit_number, r.ordinal, s.value, s.commit_number, s.ordinal
        from reading_stage s
        join headend.reading r on r.register_id = s.register_id and r.at = s.at
        where r.value <> s.value and r.at >= $1 and r.at <= $2
        order by s.register_id, s.at, s.value, s.ordinal
        on conflict do nothing
        """;

    private const string Latest = """
        select s.register_id, l.at
        from (select register_id, max(at) as at from reading_stage group by register_id) s
        cross join lateral (
            select r.at from headend.reading r where r.register_id = s.register_id and r.at > s.at order by r.at desc limit 1) l
        """;

    /// <summary>What became of staged rows.</summary>
    internal readonly record struct StagedOutcome(long Inserted, long Repeats, long Conflicts, long ProfileRepeats);

    internal static async Task CopyReadingsAsync(
        NpgsqlConnection connection, string table, ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second, CancellationToken cancellationToken)
    {
        await using var copy = await connection.BeginRawBinaryCopyAsync($"copy {table} ({ReadingRow.Columns}) from stdin (format binary)", cancellationToken).ConfigureAwait(false);
        await copy.WriteAsync(CopyHeader, cancellationToken).ConfigureAwait(false);
        await copy.WriteAsync(first, cancellationToken).ConfigureAwait(false);
        if (second.Length > 0) { await copy.WriteAsync(second, cancellationToken).ConfigureAwait(false); }
        await copy.WriteAsync(CopyTrailer, cancellationToken).ConfigureAwait(false);
    }

    internal static async Task<StagedOutcome> StageReadingsAsync(
        CommitScope scope, ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second, Dictionary<long, long> latest, CancellationToken cancellationToken)
    {
        var connection = scope.Connection;
        await ExecuteAsync(connection, CreateStage, cancellationToken).ConfigureAwait(false);
        await CopyReadingsAsync(connection, "pg_temp.reading_stage", first, second, cancellationToken).ConfigureAwait(false);
        var (low, high) = Bounds(first.Span, second.Span);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                // A nested loop over the key: the staging table has no statistics, and a hash join would read whole partitions.
                new NpgsqlBatchCommand("set local enable_hashjoin = off"),
                new NpgsqlBatchCommand("set local enable_mergejoin = off"),
                new NpgsqlBatchCommand(Merge),
                new NpgsqlBatchCommand(Conflicts)
                {
                    Parameters =
                    {
                        new NpgsqlParameter { Value = low, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                        new NpgsqlParameter { Value = high, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                    },
                },
                new NpgsqlBatchCommand(Latest),
            },
        };
        await using (var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                latest[reader.GetInt64(0)] = (reader.GetDateTime(1).Ticks - DateTime.UnixEpoch.Ticks) / 10;
            }
        }

        var staged = (first.Length + second.Length) / ReadingRow.Size;
        long inserted = batch.BatchCommands[2].RecordsAffected;
        long conflicts = batch.BatchCommands[3].RecordsAffected;
        return new StagedOutcome(inserted, Math.Max(0, staged - inserted - conflicts), conflicts, 0);
    }

    /// <summary>Removes what an earlier part of the same transaction left in the staging tables.</summary>
    internal static Task EmptyStagesAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        ExecuteAsync(
            connection, $"{CreateStage}; {ProfileSql.CreateStage}; truncate pg_temp.reading_stage, pg_temp.profile_stage", cancellationToken);

    internal static async Task InsertLogAsync(CommitScope scope, int messages, int rows, int rawLength, byte[] packed, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "insert into headend.uplink_log (commit_number, committed_at, node, message_count, row_count, raw_length, raw) values ($1, $2, $3, $4, $5, $6, $7)",
            scope.Connection)
        {
            Parameters =
            {
                new NpgsqlParameter<long> { TypedValue = scope.CommitNumber },
                new NpgsqlParameter<DateTime> { TypedValue = scope.CommittedAt.UtcDateTime },
                new NpgsqlParameter<short> { TypedValue = scope.Node },
                new NpgsqlParameter<int> { TypedValue = messages },
                new NpgsqlParameter<int> { TypedValue = rows },
                new NpgsqlParameter<int> { TypedValue = rawLength },
                new NpgsqlParameter<byte[]> { TypedValue = packed },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    internal static async Task<bool> IsLoggedAsync(NpgsqlConnection connection, long commitNumber, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select exists (select from headend.uplink_log where commit_number = $1)", connection)
        {
            Parameters = { new NpgsqlParameter<long> { TypedValue = commitNumber } },
        };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    internal static async Task InsertMeterEventsAsync(CommitScope scope, List<MeterEventRow> rows, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            insert into headend.meter_event (device_id, at, code, sequence, data, commit_number, ordinal)
            select d, a, c, s, j::json, $1, o from unnest($2, $3, $4, $5, $6, $7) as n (d, a, c, s, j, o)
            on conflict do nothing
            """,
            scope.Connection)
        {
            Parameters =
            {
                new NpgsqlParameter<long> { TypedValue = scope.CommitNumber },
                new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(static r => r.DeviceId)] },
                new NpgsqlParameter<DateTime[]> { TypedValue = [.. rows.Select(static r => Time(r.At))] },
                new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(static r => r.Code)] },
                new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(static r => r.Sequence)] },
                new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(static r => r.Data)] },
                new NpgsqlParameter<int[]> { TypedValue = [.. rows.Select(static r => r.Ordinal)] },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    internal static async Task InsertQuarantineAsync(CommitScope scope, List<QuarantineRow> rows, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            insert into headend.quarantine (commit_number, ordinal, arrived_at, client_id, owner, device_id, topic, payload, reason, detail)
            select $1, o, a, c, w, d, t, p, r, x from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10) as n (o, a, c, w, d, t, p, r, x)
            """,
            scope.Connection)
        {
            Parameters =
            {
                new NpgsqlParameter<long> { TypedValue = scope.CommitNumber },
                new NpgsqlParameter<int[]> { TypedValue = [.. rows.Select(static r => r.Ordinal)] },
                new NpgsqlParameter<DateTime[]> { TypedValue = [.. rows.Select(static r => Time(r.ArrivedAt))] },
                new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(static r => r.ClientId)] },
                new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(static r => r.Owner)] },
                new NpgsqlParameter { Value = rows.Select(static r => r.DeviceId).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
                new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(static r => r.Topic)] },
                new NpgsqlParameter<byte[][]> { TypedValue = [.. rows.Select(static r => r.Payload)] },
                new NpgsqlParameter<short[]> { TypedValue = [.. rows.Select(static r => (short)r.Reason)] },
                new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(static r => r.Detail)] },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    internal static byte[] Header => CopyHeader;

    internal static byte[] Trailer => CopyTrailer;

    internal static DateTime Time(long microseconds) => DateTime.UnixEpoch.AddTicks(microseconds * 10);

    internal static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private static (DateTime Low, DateTime High) Bounds(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        var (low, high) = (long.MaxValue, long.MinValue);
        for (var pass = 0; pass < 2; pass++)
        {
            var rows = pass == 0 ? first : second;
            for (var position = 0; position < rows.Length; position += ReadingRow.Size)
            {
                var at = ReadingRow.At(rows.Slice(position, ReadingRow.Size));
                low = Math.Min(low, at);
                high = Math.Max(high, at);
            }
        }

        return (Time(low), Time(high));
    }
}
