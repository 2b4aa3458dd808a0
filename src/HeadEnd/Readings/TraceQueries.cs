using Headwater.Devices.Uplink;
using Headwater.HeadEnd.Ingest;
using Headwater.HeadEnd.Registry;
using Headwater.Storage.Connections;
using Npgsql;

namespace Headwater.HeadEnd.Readings;

/// <summary>What a message became.</summary>
public enum TraceKind
{
    /// <summary>A reading.</summary>
    Reading,

    /// <summary>A profile block.</summary>
    Profile,

    /// <summary>A meter event.</summary>
    Event,

    /// <summary>A quarantined message.</summary>
    Quarantine,

    /// <summary>Something else, or a repeat of what was there.</summary>
    Other,
}

/// <summary>A row found by its commit number and ordinal.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="DeviceId">Text id of its device, or null.</param>
/// <param name="Obis">OBIS code of its register, or null.</param>
/// <param name="At">Its time, or null.</param>
/// <param name="Value">Decimal text in the unit, or null.</param>
/// <param name="Unit">Unit, or null.</param>
public sealed record TracedRow(TraceKind Kind, string? DeviceId, string? Obis, DateTimeOffset? At, string? Value, string? Unit);

/// <summary>From a row back to its message, and from the message to its row.</summary>
/// <param name="store">The database.</param>
/// <param name="registry">Devices and registers.</param>
public sealed class TraceQueries(Store store, DeviceRegistry registry)
{
    // No index leads from a commit number to its readings: none is needed to write, and the device and the rough time are known from the message.
    private static readonly TimeSpan[] Reaches = [TimeSpan.FromDays(2), TimeSpan.FromDays(401)];

    private readonly UplinkLogReader _log = new(store.Primary);

    /// <summary>The message and its commit, or null when it is no longer kept or names devices of other organizations only.</summary>
    public async Task<TracedUplink?> MessageAsync(long organizationId, long commitNumber, int ordinal, CancellationToken cancellationToken)
    {
        var uplink = await _log.ReadAsync(commitNumber, ordinal, cancellationToken);
        if (uplink is null) { return null; }
        var devices = Devices(uplink);
        return devices.Count == 0 || devices.Exists(d => d.OrganizationId == organizationId) ? uplink : null;
    }

    /// <summary>What became of one ordinal of a message.</summary>
    public async Task<TracedRow> RowAsync(long organizationId, TracedUplink uplink, int ordinal, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(uplink);
        await using (var command = store.Primary.CreateCommand("select 1 from headend.quarantine where commit_number = $1 and ordinal = $2"))
        {
            AddKey(command, uplink.CommitNumber, ordinal);
            if (await command.ExecuteScalarAsync(cancellationToken) is not null) { return new TracedRow(TraceKind.Quarantine, null, null, null, null, null); }
        }
        var devices = Devices(uplink).FindAll(d => d.OrganizationId == organizationId);
        if (devices.Count == 0) { return new TracedRow(TraceKind.Other, null, null, null, null, null); }
        var arrived = DateTimeOffset.UnixEpoch.AddTicks(uplink.Message.ArrivedAtMicroseconds * 10);
        var registers = devices.SelectMany(static d => d.Registers).ToDictionary(static r => r.RegisterId);
        foreach (var reach in Reaches)
        {
            if (await FindAsync("at", "value", "headend.reading", uplink.CommitNumber, ordinal, registers, arrived - reach, arrived + TimeSpan.FromDays(1), cancellationToken) is { } reading)
            {
                var register = registers[reading.Register];
                return new TracedRow(TraceKind.Reading, register.Device.TextId, register.Obis, reading.At, ScaledText.Of(reading.Value, register.Exponent), register.Unit);
            }
            if (await FindAsync("start_at", "value_count::bigint", "headend.profile_block", uplink.CommitNumber, ordinal, registers, arrived - reach, arrived + TimeSpan.FromDays(1), cancellationToken) is { } block)
            {
                var register = registers[block.Register];
                return new TracedRow(TraceKind.Profile, register.Device.TextId, register.Obis, block.At, Value: null, register.Unit);
            }
        }
        await using var events = store.Primary.CreateCommand("select at, device_id from headend.meter_event where commit_number = $1 and ordinal = $2 and device_id = any($3) limit 1");
        AddKey(events, uplink.CommitNumber, ordinal);
        events.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. devices.Select(static d => d.DeviceId)] });
        await using var reader = await events.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new TracedRow(TraceKind.Event, devices.First(d => d.DeviceId == reader.GetInt64(1)).TextId, null, reader.GetFieldValue<DateTimeOffset>(0), null, null)
            : new TracedRow(TraceKind.Other, devices[0].TextId, null, null, null, null);
    }

    private async Task<(long Register, DateTimeOffset At, long Value)?> FindAsync(
        string time, string value, string table, long commitNumber, int ordinal, Dictionary<long, RegisteredRegister> registers, DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken)
    {
        await using var command = store.Primary.CreateCommand(
            $"select register_id, {time}, {value} from {table} where commit_number = $1 and ordinal = $2 and register_id = any($3) and {time} >= $4 and {time} < $5 limit 1");
        AddKey(command, commitNumber, ordinal);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. registers.Keys] });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = from.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = to.UtcDateTime });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? (reader.GetInt64(0), reader.GetFieldValue<DateTimeOffset>(1), reader.GetInt64(2)) : null;
    }

    /// <summary>The devices a message can be of: the one its topic names, the sender, and the meters under it.</summary>
    private List<RegisteredDevice> Devices(TracedUplink uplink)
    {
        var found = new List<RegisteredDevice>();
        if (UplinkTopic.TryParse(uplink.Message.Topic, out _, out var named) && named.Length > 0 && registry.TryGetDevice(named, out var device)) { found.Add(device); }
        else if (registry.TryGetDevice(uplink.Message.ClientId, out device)) { found.Add(device); }
        if (found.Count == 0 && PlainMeter(uplink.Message.Payload) is { } meter && registry.TryGetDevice(meter, out device)) { found.Add(device); }
        if (found.Count > 0) { found.AddRange(found[0].Carried.Values); }
        return found;
    }

    private static string? PlainMeter(byte[] payload)
    {
        try
        {
            using var document = System.Text.Json.JsonDocument.Parse(payload);
            return document.RootElement.ValueKind == System.Text.Json.JsonValueKind.Object && document.RootElement.TryGetProperty("meter_id", out var id) && id.ValueKind == System.Text.Json.JsonValueKind.String
                ? id.GetString()
                : null;
        }
        catch (System.Text.Json.JsonException)
        {
            return null;
        }
    }

    private static void AddKey(NpgsqlCommand command, long commitNumber, int ordinal)
    {
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = commitNumber });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = ordinal });
    }
}
