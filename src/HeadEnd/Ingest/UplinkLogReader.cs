using Npgsql;

namespace Headwater.HeadEnd.Ingest;

/// <summary>Finds the message that a row came from: the trace from a reading back to its bytes.</summary>
public sealed class UplinkLogReader(NpgsqlDataSource source)
{
    /// <summary>Reads one message of one commit.</summary>
    /// <param name="commitNumber">Commit number of the row.</param>
    /// <param name="ordinal">Its ordinal.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>Null when the commit is no longer kept or has no such ordinal.</returns>
    public async Task<TracedUplink?> ReadAsync(long commitNumber, int ordinal, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using var command = new NpgsqlCommand(
            "select committed_at, node, message_count, row_count, raw_length, raw from headend.uplink_log where commit_number = $1", connection)
        {
            Parameters = { new NpgsqlParameter<long> { TypedValue = commitNumber } },
        };
        await using var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        if (!await row.ReadAsync(cancellationToken).ConfigureAwait(false)) { return null; }
        var raw = row.GetFieldValue<byte[]>(5);
        var length = row.GetInt32(4);
        var message = UplinkLogFormat.Find(UplinkLogFormat.Unpack(raw, length), ordinal);
        return message is null
            ? null
            : new TracedUplink(
                message, commitNumber, row.GetFieldValue<DateTimeOffset>(0), row.GetInt16(1), row.GetInt32(2), row.GetInt32(3), length, raw.Length);
    }
}

/// <summary>A message and the commit that made it durable.</summary>
/// <param name="Message">The message as it came off the wire.</param>
/// <param name="CommitNumber">Number of the commit.</param>
/// <param name="CommittedAt">Time of the commit.</param>
/// <param name="Node">Server that wrote it.</param>
/// <param name="Messages">Messages in the commit.</param>
/// <param name="Rows">Rows (ordinals) in the commit.</param>
/// <param name="RawBytes">Bytes of all its messages in the log.</param>
/// <param name="StoredBytes">The same, compressed.</param>
public sealed record TracedUplink(
    LoggedUplink Message, long CommitNumber, DateTimeOffset CommittedAt, short Node, int Messages, int Rows, int RawBytes, int StoredBytes);
