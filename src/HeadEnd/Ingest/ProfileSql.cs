using System.Buffers.Binary;
using Headwater.Storage.GroupCommit;
using Npgsql;

namespace Headwater.HeadEnd.Ingest;

/// <summary>Writing profile blocks: one row a message, by COPY.</summary>
internal static class ProfileSql
{
    private const string Columns =
        "device_id, register_id, start_at, every_seconds, value_count, content_hash, \"values\", statuses, commit_number, ordinal";

    internal const string CreateStage = """
        create temp table if not exists profile_stage
            (device_id bigint, register_id bigint, start_at timestamptz, every_seconds integer, value_count integer, content_hash bytea,
             "values" bytea, statuses bytea, commit_number bigint, ordinal integer)
            on commit delete rows
        """;

    private const string Merge = $"""
        insert into headend.profile_block ({Columns}) select {Columns} from pg_temp.profile_stage order by ordinal on conflict do nothing
        """;

    internal static async Task CopyAsync(CommitScope scope, string table, List<ProfileRow> rows, CancellationToken cancellationToken)
    {
        await using var copy = await scope.Connection.BeginRawBinaryCopyAsync($"copy {table} ({Columns}) from stdin (format binary)", cancellationToken).ConfigureAwait(false);
        var bytes = new ByteBuffer(keep: 0);
        bytes.Append(IngestSql.Header);
        foreach (var row in rows)
        {
            Write(bytes, row, scope.CommitNumber);
            if (bytes.Length < 1 << 18) { continue; }
            await copy.WriteAsync(bytes.Memory, cancellationToken).ConfigureAwait(false);
            bytes.Truncate(0);
        }

        bytes.Append(IngestSql.Trailer);
        await copy.WriteAsync(bytes.Memory, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes rows of which some may be there already.</summary>
    /// <returns>How many were new.</returns>
    internal static async Task<int> StageAsync(CommitScope scope, List<ProfileRow> rows, CancellationToken cancellationToken)
    {
        await IngestSql.ExecuteAsync(scope.Connection, CreateStage, cancellationToken).ConfigureAwait(false);
        await CopyAsync(scope, "pg_temp.profile_stage", rows, cancellationToken).ConfigureAwait(false);
        await using var merge = new NpgsqlCommand(Merge, scope.Connection);
        return await merge.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private static void Write(ByteBuffer bytes, ProfileRow row, long commitNumber)
    {
        bytes.AppendInt16(10);
        Write(bytes, row.Register.Device.DeviceId);
        Write(bytes, row.Register.RegisterId);
        Write(bytes, row.StartAt - ReadingRow.PostgresEpoch);
        Write(bytes, row.EverySeconds);
        Write(bytes, row.Count);
        Write(bytes, row.Hash);
        Write(bytes, row.Values);
        if (row.Statuses is null) { bytes.AppendInt32(-1); }
        else { Write(bytes, row.Statuses); }

        Write(bytes, commitNumber);
        Write(bytes, row.Ordinal);
    }

    private static void Write(ByteBuffer bytes, long value)
    {
        bytes.AppendInt32(8);
        bytes.AppendInt64(value);
    }

    private static void Write(ByteBuffer bytes, int value)
    {
        bytes.AppendInt32(4);
        bytes.AppendInt32(value);
    }

    private static void Write(ByteBuffer bytes, byte[] value)
    {
        bytes.AppendInt32(value.Length);
        bytes.Append(value);
    }
}
