using System.Text.Json;
using Headwater.Mqtt;
using Headwater.Mqtt.Server;
using Npgsql;
using NpgsqlTypes;

namespace Headwater.HeadEnd.Sessions;

/// <summary>The broker's durable state in PostgreSQL: writes changes inside an ingest commit, reads everything back at the start.</summary>
internal static class SessionSql
{
    private const int SweepPart = 20_000;

    private const string SaveSession = """
        insert into headend.mqtt_session (client_id, owner, version, expiry_interval, is_connected, disconnected_at, will_delay, will_retain,
            will_topic, will_payload, will_properties, will_qos, will_expires_at, will_published_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        on conflict (client_id) do update set owner = excluded.owner, version = excluded.version, expiry_interval = excluded.expiry_interval,
            is_connected = excluded.is_connected, disconnected_at = excluded.disconnected_at, will_delay = excluded.will_delay,
            will_retain = excluded.will_retain, will_topic = excluded.will_topic, will_payload = excluded.will_payload,
            will_properties = excluded.will_properties, will_qos = excluded.will_qos, will_expires_at = excluded.will_expires_at,
            will_published_at = excluded.will_published_at
        """;

    /// <summary>Applies changes in their order. All statements replace, so a second application changes nothing.</summary>
    internal static async Task ApplyAsync(NpgsqlConnection connection, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        foreach (var change in changes)
        {
            Add(batch, change);
            if (batch.BatchCommands.Count < 500) { continue; }
            await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            batch.BatchCommands.Clear();
        }

        if (batch.BatchCommands.Count > 0) { await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false); }
    }

    private static void Add(NpgsqlBatch batch, SessionChange change)
    {
        switch (change)
        {
            case SessionSaved { Session: var s }:
                Command(
                    batch, SaveSession, Text(s.ClientId), Text(s.Owner), Small((short)s.Version), Big(s.ExpiryInterval), Flag(s.IsConnected),
                    Time(s.DisconnectedAt), Big(s.WillDelay), Flag(s.WillRetain), Text(s.Will?.Topic), Bytes(s.Will?.Payload), Bytes(s.Will?.Properties),
                    Small((short?)s.Will?.QualityOfService), Time(s.Will?.ExpiresAt), Time(s.Will?.PublishedAt));
                break;
            case SessionRemoved { ClientId: var id }:
                Command(batch, "delete from headend.mqtt_session where client_id = $1", Text(id));
                Command(batch, "delete from headend.mqtt_queue where client_id = $1", Text(id));
                break;
            case SubscriptionsSaved s:
                Command(
                    batch, "update headend.mqtt_session set subscriptions = $2 where client_id = $1", Text(s.ClientId),
                    Json(JsonSerializer.Serialize(s.Subscriptions)));
                break;
            case ProgressSaved p:
                Command(
                    batch, "update headend.mqtt_session set acknowledged_through = $2, progress = $3 where client_id = $1", Text(p.ClientId),
                    Big(p.AcknowledgedThrough), Bytes(p.State));
                Command(
                    batch, "delete from headend.mqtt_queue where client_id = $1 and last_message_number <= $2", Text(p.ClientId), Big(p.AcknowledgedThrough));
                break;
            case RetainedSaved { Message: null } r:
                Command(batch, "delete from headend.mqtt_retained where topic = $1", Text(r.Topic));
                break;
            case RetainedSaved { Message: { } m } r:
                Command(
                    batch,
                    """
                    insert into headend.mqtt_retained (topic, payload, properties, qos, publisher, published_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)
                    on conflict (topic) do update set payload = excluded.payload, properties = excluded.properties, qos = excluded.qos,
                        publisher = excluded.publisher, published_at = excluded.published_at, expires_at = excluded.expires_at
                    """,
                    Text(r.Topic), Bytes(m.Payload), Bytes(m.Properties), Small((short)m.QualityOfService), Text(m.Publisher), Time(m.PublishedAt), Time(m.ExpiresAt));
                break;
            case MessageQueued { Message: var m } q:
                Command(
                    batch,
                    """
                    insert into headend.mqtt_message (message_number, topic, payload, properties, qos, publisher, published_at, expires_at)
                    values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing
                    """,
                    Big(m.Number), Text(m.Topic), Bytes(m.Payload), Bytes(m.Properties), Small((short)m.QualityOfService), Text(m.Publisher),
                    Time(m.PublishedAt), Time(m.ExpiresAt));
                Command(
                    batch,
                    """
                    insert into headend.mqtt_queue (client_id, last_message_number, message_numbers, grants)
                    select c, $2, array[$2], g::jsonb from unnest($1, $3) as n (c, g) on conflict do nothing
                    """,
                    new NpgsqlParameter<string[]> { TypedValue = [.. q.ClientIds] }, Big(m.Number),
                    new NpgsqlParameter<string[]> { TypedValue = [.. q.Grants.Select(static g => JsonSerializer.Serialize(g))] });
                break;
            default:
                throw new InvalidOperationException($"Unknown change {change.GetType().Name}.");
        }
    }

    /// <summary>Deletes queue entries whose session is gone, and messages that no queue refers to any more. Run now and then, apart from the lane.</summary>
    /// <remarks>Safe beside commits: a message becomes visible together with its queue entries, and a session before anything is queued for it. The
    /// newest message stays, so that numbers never begin anew.</remarks>
    /// <returns>How many messages were deleted.</returns>
    internal static async Task<int> SweepAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using (var orphans = new NpgsqlCommand(
            "delete from headend.mqtt_queue q where not exists (select from headend.mqtt_session s where s.client_id = q.client_id)", connection))
        {
            await orphans.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        var deleted = 0;
        while (true)
        {
            // In parts: a transaction that deletes a million rows would hold back vacuum and fill the log in one go.
            await using var command = new NpgsqlCommand(
                """
                delete from headend.mqtt_message where message_number in (
                    select m.message_number from headend.mqtt_message m
                    where m.message_number < (select max(message_number) from headend.mqtt_message)
                      and not exists (select from (select unnest(message_numbers) as n from headend.mqtt_queue) q where q.n = m.message_number)
                    limit $1)
                """,
                connection)
            { Parameters = { new NpgsqlParameter<int> { TypedValue = SweepPart } } };
            var part = await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            deleted += part;
            if (part < SweepPart) { return deleted; }
        }
    }

    /// <summary>Reads everything back.</summary>
    internal static async Task<StoredSessions> LoadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var sessions = new List<StoredSession>();
        var subscriptions = new Dictionary<string, IReadOnlyList<StoredSubscription>>(StringComparer.Ordinal);
        var progress = new Dictionary<string, ProgressSaved>(StringComparer.Ordinal);
        long last = 0;
        await using (var command = new NpgsqlCommand(
            """
            select client_id, owner, version, expiry_interval, is_connected, disconnected_at, will_delay, will_retain, will_topic, will_payload,
                   will_properties, will_qos, will_expires_at, will_published_at, subscriptions::text, acknowledged_through, progress
            from headend.mqtt_session
            """,
            connection))
        await using (var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            while (await row.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                var id = row.GetString(0);
                var will = row.IsDBNull(8) ? null : new StoredMessage(
                    0, row.GetString(8), row.GetFieldValue<byte[]>(9), row.GetFieldValue<byte[]>(10), (QualityOfService)row.GetInt16(11), id,
                    row.GetFieldValue<DateTimeOffset>(13), NullableTime(row, 12));
                sessions.Add(new StoredSession(
                    id, row.GetString(1), (ProtocolVersion)row.GetInt16(2), (uint)row.GetInt64(3), row.GetBoolean(4), NullableTime(row, 5), will,
                    (uint)row.GetInt64(6), row.GetBoolean(7)));
                var kept = JsonSerializer.Deserialize<List<StoredSubscription>>(row.GetString(14)) ?? [];
                if (kept.Count > 0) { subscriptions[id] = kept; }
                last = Math.Max(last, row.GetInt64(15));
                if (!row.IsDBNull(16)) { progress[id] = new ProgressSaved(id, row.GetInt64(15), row.GetFieldValue<byte[]>(16)); }
            }
        }

        var messages = await ReadMessagesAsync(connection, cancellationToken).ConfigureAwait(false);
        if (messages.Count > 0) { last = Math.Max(last, messages.Keys.Max()); }
        var queue = new List<StoredQueueEntry>();
        await using (var command = new NpgsqlCommand(
            "select q.client_id, n, q.grants::text from headend.mqtt_queue q, unnest(q.message_numbers) n order by q.client_id, n", connection))
        await using (var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            while (await row.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                if (!messages.TryGetValue(row.GetInt64(1), out var message)) { continue; }
                queue.Add(new StoredQueueEntry(row.GetString(0), message, JsonSerializer.Deserialize<StoredGrant>(row.GetString(2))!));
            }
        }

        var retained = new List<StoredMessage>();
        await using (var command = new NpgsqlCommand(
            "select 0::bigint, topic, payload, properties, qos, publisher, published_at, expires_at from headend.mqtt_retained", connection))
        await using (var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            while (await row.ReadAsync(cancellationToken).ConfigureAwait(false)) { retained.Add(Message(row)); }
        }

        return new StoredSessions(sessions, subscriptions, progress, queue, retained, last);
    }

    private static async Task<Dictionary<long, StoredMessage>> ReadMessagesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var messages = new Dictionary<long, StoredMessage>();
        await using var command = new NpgsqlCommand(
            "select message_number, topic, payload, properties, qos, publisher, published_at, expires_at from headend.mqtt_message", connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        while (await row.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var message = Message(row);
            messages[message.Number] = message;
        }

        return messages;
    }

    private static StoredMessage Message(NpgsqlDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetFieldValue<byte[]>(2), row.GetFieldValue<byte[]>(3), (QualityOfService)row.GetInt16(4), row.GetString(5),
        row.GetFieldValue<DateTimeOffset>(6), NullableTime(row, 7));

    private static DateTimeOffset? NullableTime(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);

    private static void Command(NpgsqlBatch batch, string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters) { command.Parameters.Add(parameter); }
        batch.BatchCommands.Add(command);
    }

    private static NpgsqlParameter Text(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter Json(string value) => new() { Value = value, NpgsqlDbType = NpgsqlDbType.Jsonb };

    private static NpgsqlParameter Small(short? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Smallint };

    private static NpgsqlParameter Big(long value) => new NpgsqlParameter<long> { TypedValue = value };

    private static NpgsqlParameter Flag(bool value) => new NpgsqlParameter<bool> { TypedValue = value };

    private static NpgsqlParameter Bytes(ReadOnlyMemory<byte>? value) =>
        new() { Value = value is { } bytes ? bytes.ToArray() : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bytea };

    private static NpgsqlParameter Time(DateTimeOffset? value) =>
        new() { Value = value is { } time ? time.UtcDateTime : DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
