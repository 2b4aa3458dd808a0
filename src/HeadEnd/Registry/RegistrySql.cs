using Headwater.Devices;
using Headwater.Devices.Profiles;
using Npgsql;
using NpgsqlTypes;

namespace Headwater.HeadEnd.Registry;

/// <summary>The registry's SQL. Times come as microseconds since 1970.</summary>
internal static class RegistrySql
{
    /// <summary>Channel on which servers tell each other of changed devices; the payload is the text id.</summary>
    internal const string Channel = "headwater_registry";

    private const string DeviceColumns =
        """
        d.device_id, d.text_id, d.organization_id, d.class, d.status, d.name, d.time_zone,
        coalesce((extract(epoch from p.last_seen_at) * 1000000)::bigint, 0), coalesce((extract(epoch from p.last_reading_at) * 1000000)::bigint, 0), p.remote
        """;

    private const string RegisterColumns =
        """
        select r.device_id, r.register_id, v.version, r.obis, v.unit, v.exponent, v.minimum, v.maximum, v.interval_seconds
        from headend.register r join headend.register_version v using (register_id) where v.valid_from <= now()
        """;

    internal static async Task ReadDevicesAsync(NpgsqlConnection connection, Action<DeviceRow> take, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select {DeviceColumns} from headend.device d left join headend.device_presence p using (device_id)", connection);
        await ReadDeviceRowsAsync(command, take, cancellationToken);
    }

    internal static async Task ReadDevicesAsync(NpgsqlConnection connection, string[] textIds, Action<DeviceRow> take, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select {DeviceColumns} from headend.device d left join headend.device_presence p using (device_id) where d.text_id = any($1)", connection)
        {
            Parameters = { new NpgsqlParameter<string[]> { TypedValue = textIds } },
        };
        await ReadDeviceRowsAsync(command, take, cancellationToken);
    }

    internal static async Task ReadRegistersAsync(NpgsqlConnection connection, Action<RegisterRow> take, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(RegisterColumns, connection);
        await ReadRegisterRowsAsync(command, take, cancellationToken);
    }

    internal static async Task ReadRegistersAsync(NpgsqlConnection connection, long[] deviceIds, Action<RegisterRow> take, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(RegisterColumns + " and r.device_id = any($1)", connection)
        {
            Parameters = { new NpgsqlParameter<long[]> { TypedValue = deviceIds } },
        };
        await ReadRegisterRowsAsync(command, take, cancellationToken);
    }

    internal static async Task ReadCarriersAsync(NpgsqlConnection connection, Action<long, long> take, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select device_id, carrier_id from headend.device where carrier_id is not null", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) { take(reader.GetInt64(0), reader.GetInt64(1)); }
    }

    internal static async Task<DeviceRow?> InsertDeviceAsync(NpgsqlConnection connection, long organizationId, NewDevice device, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            insert into headend.device (organization_id, text_id, name, class, time_zone, carrier_id) values ($1, $2, $3, $4, $5, $6)
            on conflict (text_id) do nothing
            returning device_id
            """, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<long> { TypedValue = organizationId },
                new NpgsqlParameter<string> { TypedValue = device.TextId },
                new NpgsqlParameter<string> { TypedValue = device.Name },
                new NpgsqlParameter<short> { TypedValue = (short)device.Class },
                new NpgsqlParameter<string> { TypedValue = device.TimeZone },
                new NpgsqlParameter { Value = (object?)device.Carrier?.DeviceId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint },
            },
        };
        return await command.ExecuteScalarAsync(cancellationToken) is long id
            ? new DeviceRow(id, device.TextId, organizationId, device.Class, DeviceStatus.Active, device.Name, device.TimeZone, 0, 0, Remote: null)
            : null;
    }

    internal static async Task<DeviceRow> UpdateDeviceAsync(NpgsqlConnection connection, long deviceId, DeviceChange change, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            with changed as (
                update headend.device set name = coalesce($2, name), status = coalesce($3, status), time_zone = coalesce($4, time_zone)
                where device_id = $1 returning *)
            select {DeviceColumns} from changed d left join headend.device_presence p using (device_id)
            """, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<long> { TypedValue = deviceId },
                new NpgsqlParameter { Value = (object?)change.Name ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                new NpgsqlParameter { Value = change.Status is { } status ? (short)status : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Smallint },
                new NpgsqlParameter { Value = (object?)change.TimeZone ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
            },
        };
        DeviceRow? found = null;
        await ReadDeviceRowsAsync(command, row => found = row, cancellationToken);
        return found ?? throw new InvalidOperationException($"Device number {deviceId} is no longer in the registry.");
    }

    internal static async Task InsertDevicesAsync(
        NpgsqlConnection connection, long organizationId, string[] textIds, short[] classes, long?[] carriers, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            insert into headend.device (organization_id, text_id, class, carrier_id, registered_automatically)
            select $1, t, c, k, true from unnest($2, $3, $4) as n (t, c, k)
            on conflict (text_id) do nothing
            """, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<long> { TypedValue = organizationId },
                new NpgsqlParameter<string[]> { TypedValue = textIds },
                new NpgsqlParameter<short[]> { TypedValue = classes },
                new NpgsqlParameter { Value = carriers, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    internal static async Task InsertRegistersAsync(
        NpgsqlConnection connection, long[] deviceIds, IReadOnlyList<RegisterProfile> defaults, CancellationToken cancellationToken)
    {
        var parameters = new NpgsqlParameter[]
        {
            new NpgsqlParameter<long[]> { TypedValue = deviceIds },
            new NpgsqlParameter<string[]> { TypedValue = [.. defaults.Select(static d => d.Obis)] },
            new NpgsqlParameter<string[]> { TypedValue = [.. defaults.Select(static d => d.Unit)] },
            new NpgsqlParameter<short[]> { TypedValue = [.. defaults.Select(static d => d.Exponent)] },
            new() { Value = defaults.Select(static d => d.Minimum).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
            new() { Value = defaults.Select(static d => d.Maximum).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
            new() { Value = defaults.Select(static d => d.IntervalSeconds).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer },
        };
        // Two statements: the second must see the registers that another server added at the same moment.
        await using (var command = new NpgsqlCommand(
            "insert into headend.register (device_id, obis) select d, o from unnest($1, $2) as n (d, o) on conflict (device_id, obis) do nothing", connection))
        {
            command.Parameters.Add(parameters[0].Clone());
            command.Parameters.Add(parameters[1].Clone());
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        await using (var command = new NpgsqlCommand(
            """
            insert into headend.register_version (register_id, version, valid_from, unit, exponent, minimum, maximum, interval_seconds)
            select r.register_id, 1, '-infinity', n.u, n.e, n.lo, n.hi, n.s
            from unnest($1, $2, $3, $4, $5, $6, $7) as n (d, o, u, e, lo, hi, s) join headend.register r on r.device_id = n.d and r.obis = n.o
            on conflict (register_id, version) do nothing
            """, connection))
        {
            command.Parameters.AddRange(parameters);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    /// <summary>Tells other servers at commit; <paramref name="origin"/> lets the sender skip its own word.</summary>
    internal static async Task NotifyAsync(NpgsqlConnection connection, string origin, string[] textIds, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select count(pg_notify('{Channel}', $1 || ' ' || t)) from unnest($2) as n (t)", connection)
        {
            Parameters = { new NpgsqlParameter<string> { TypedValue = origin }, new NpgsqlParameter<string[]> { TypedValue = textIds } },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task ReadDeviceRowsAsync(NpgsqlCommand command, Action<DeviceRow> take, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            take(new DeviceRow(
                reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2), (DeviceClass)reader.GetInt16(3), (DeviceStatus)reader.GetInt16(4),
                reader.GetString(5), reader.GetString(6), reader.GetInt64(7), reader.GetInt64(8), reader.IsDBNull(9) ? null : reader.GetString(9)));
        }
    }

    private static async Task ReadRegisterRowsAsync(NpgsqlCommand command, Action<RegisterRow> take, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            take(new RegisterRow(
                reader.GetInt64(0), reader.GetInt64(1), reader.GetInt32(2), reader.GetString(3), reader.GetString(4), reader.GetInt16(5),
                reader.IsDBNull(6) ? null : reader.GetInt64(6), reader.IsDBNull(7) ? null : reader.GetInt64(7), reader.IsDBNull(8) ? null : reader.GetInt32(8)));
        }
    }
}
