using Headwater.Devices.Uplink;
using Headwater.HeadEnd.Ingest;
using Headwater.Storage.Connections;
using Npgsql;
using NpgsqlTypes;

namespace Headwater.HeadEnd.Quarantine;

/// <summary>Which quarantined messages are looked for; null members do not restrict.</summary>
/// <param name="Reason">Reason.</param>
/// <param name="Device">Text id of the device, or of the sender.</param>
/// <param name="State">State; 1 held, 2 replayed, 3 discarded.</param>
/// <param name="From">Arrived at or after.</param>
/// <param name="To">Arrived before.</param>
public sealed record QuarantineFilter(QuarantineReason? Reason = null, string? Device = null, short? State = null, DateTimeOffset? From = null, DateTimeOffset? To = null);

/// <summary>A quarantined message.</summary>
/// <param name="CommitNumber">Commit that stored it.</param>
/// <param name="Ordinal">Ordinal there.</param>
/// <param name="ArrivedAt">Arrival.</param>
/// <param name="ClientId">Client it came from.</param>
/// <param name="Owner">Sender whose budget it counts against.</param>
/// <param name="DeviceId">Text id of the device it names, or null.</param>
/// <param name="Topic">Topic.</param>
/// <param name="Reason">Reason.</param>
/// <param name="Detail">Field and rule.</param>
/// <param name="State">State; 1 held, 2 replayed, 3 discarded.</param>
/// <param name="PayloadLength">Length of the payload in bytes.</param>
/// <param name="Payload">The payload, or its beginning in lists.</param>
/// <param name="DecidedAt">When it was replayed or discarded, or null.</param>
/// <param name="DecidedBy">Who did, or null.</param>
public sealed record QuarantinedMessage(
    long CommitNumber, int Ordinal, DateTimeOffset ArrivedAt, string ClientId, string Owner, string? DeviceId, string Topic, QuarantineReason Reason, string Detail,
    short State, int PayloadLength, byte[] Payload, DateTimeOffset? DecidedAt, string? DecidedBy);

/// <summary>Lists and counts what is in quarantine.</summary>
/// <param name="store">The database.</param>
public sealed class QuarantineQueries(Store store)
{
    /// <summary>State number of a held message.</summary>
    public const short Held = 1;

    private const int PreviewBytes = 240;

    private const string Columns =
        """
        q.commit_number, q.ordinal, q.arrived_at, q.client_id, q.owner, d.text_id, q.topic, q.reason, q.detail, q.state, length(q.payload), q.decided_at, q.decided_by
        """;

    private const string Where =
        """
        from headend.quarantine q left join headend.device d using (device_id)
        where (d.organization_id is null or d.organization_id = $1) and ($2::smallint is null or q.reason = $2) and ($3::text is null or q.owner = $3 or d.text_id = $3)
          and q.state = $4 and ($5::timestamptz is null or q.arrived_at >= $5) and ($6::timestamptz is null or q.arrived_at < $6)
        """;

    /// <summary>A page of messages, the newest first, and how many fit in all.</summary>
    public async Task<(int Total, IReadOnlyList<QuarantinedMessage> Items)> ListAsync(long organizationId, QuarantineFilter filter, int offset, int limit, CancellationToken cancellationToken)
    {
        // What was just decided must not appear again: always the primary.
        var source = store.ReadSource(mustBeFresh: true);
        await using var count = source.CreateCommand("select count(*)::int " + Where);
        AddFilter(count, organizationId, filter);
        var total = (int)(await count.ExecuteScalarAsync(cancellationToken))!;
        await using var command = source.CreateCommand($"select {Columns}, substring(q.payload for {PreviewBytes}) {Where} order by q.arrived_at desc, q.commit_number desc, q.ordinal offset $7 limit $8");
        AddFilter(command, organizationId, filter);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = offset });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        return (total, await ReadAsync(command, cancellationToken));
    }

    /// <summary>Keys of all messages that fit, oldest first, at most <paramref name="limit"/>: for a job over a filter.</summary>
    public async Task<IReadOnlyList<QuarantineKey>> KeysAsync(long organizationId, QuarantineFilter filter, int limit, CancellationToken cancellationToken)
    {
        await using var command = store.ReadSource(mustBeFresh: true).CreateCommand($"select q.commit_number, q.ordinal {Where} order by q.arrived_at, q.commit_number, q.ordinal limit $7");
        AddFilter(command, organizationId, filter);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        var keys = new List<QuarantineKey>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) { keys.Add(new QuarantineKey(reader.GetInt64(0), reader.GetInt32(1))); }
        return keys;
    }

    /// <summary>Held messages per reason, the most frequent first.</summary>
    public async Task<IReadOnlyList<(QuarantineReason Reason, int Held)>> ReasonsAsync(CancellationToken cancellationToken)
    {
        await using var command = store.ReadSource(mustBeFresh: true).CreateCommand("select reason, count(*)::int from headend.quarantine where state = 1 group by reason order by 2 desc");
        var reasons = new List<(QuarantineReason, int)>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) { reasons.Add(((QuarantineReason)reader.GetInt16(0), reader.GetInt32(1))); }
        return reasons;
    }

    /// <summary>Held messages of one sender.</summary>
    public async Task<int> CountHeldAsync(string owner, CancellationToken cancellationToken)
    {
        await using var command = store.ReadSource(mustBeFresh: true).CreateCommand("select count(*)::int from headend.quarantine where owner = $1 and state = 1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = owner });
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>One message with its whole payload, or null.</summary>
    public async Task<QuarantinedMessage?> FindAsync(long organizationId, QuarantineKey key, CancellationToken cancellationToken)
    {
        await using var command = store.ReadSource(mustBeFresh: true).CreateCommand(
            $"""
            select {Columns}, q.payload from headend.quarantine q left join headend.device d using (device_id)
            where q.commit_number = $1 and q.ordinal = $2 and (d.organization_id is null or d.organization_id = $3)
            """);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = key.CommitNumber });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = key.Ordinal });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = organizationId });
        return (await ReadAsync(command, cancellationToken)).FirstOrDefault();
    }

    private static void AddFilter(NpgsqlCommand command, long organizationId, QuarantineFilter filter)
    {
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = organizationId });
        command.Parameters.Add(new NpgsqlParameter { Value = filter.Reason is { } reason ? (short)reason : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Smallint });
        command.Parameters.Add(new NpgsqlParameter { Value = string.IsNullOrEmpty(filter.Device) ? DBNull.Value : filter.Device, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter<short> { TypedValue = filter.State ?? Held });
        command.Parameters.Add(new NpgsqlParameter { Value = filter.From is { } from ? from.UtcDateTime : DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new NpgsqlParameter { Value = filter.To is { } to ? to.UtcDateTime : DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
    }

    private static async Task<IReadOnlyList<QuarantinedMessage>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var items = new List<QuarantinedMessage>();
        await using var r = await command.ExecuteReaderAsync(cancellationToken);
        while (await r.ReadAsync(cancellationToken))
        {
            items.Add(new QuarantinedMessage(
                r.GetInt64(0), r.GetInt32(1), r.GetFieldValue<DateTimeOffset>(2), r.GetString(3), r.GetString(4), r.IsDBNull(5) ? null : r.GetString(5), r.GetString(6),
                (QuarantineReason)r.GetInt16(7), r.GetString(8), r.GetInt16(9), r.GetInt32(10), r.GetFieldValue<byte[]>(13),
                r.IsDBNull(11) ? null : r.GetFieldValue<DateTimeOffset>(11), r.IsDBNull(12) ? null : r.GetString(12)));
        }
        return items;
    }
}
