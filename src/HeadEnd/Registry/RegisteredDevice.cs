using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Headwater.Devices;
using Headwater.Metering;

namespace Headwater.HeadEnd.Registry;

/// <summary>A device as the server keeps it in memory: what ingest and rights need for every message, and its last contact.</summary>
/// <remarks>One object per device for the life of the process: identities and routes may hold it. Changed only by <see cref="DeviceRegistry"/>
/// and <see cref="DevicePresence"/>; all members may be read from any thread.</remarks>
public sealed class RegisteredDevice
{
    // Grown by replacement, so that a reader never sees half a change. A meter has a handful of registers: a scan beats a table.
    private RegisteredRegister[] _registers = [];
    private ConcurrentDictionary<string, RegisteredDevice>? _carried;
    private long _lastSeenAt;
    private long _lastReadingAt;
    private int _connections;
    private int _presenceChanged;

    internal RegisteredDevice(long deviceId, string textId, long organizationId, DeviceClass deviceClass)
    {
        DeviceId = deviceId;
        TextId = textId;
        OrganizationId = organizationId;
        Class = deviceClass;
    }

    /// <summary>Number of the device.</summary>
    public long DeviceId { get; }

    /// <summary>Text id, see <see cref="DeviceTextId"/>.</summary>
    public string TextId { get; }

    /// <summary>The organization it belongs to.</summary>
    public long OrganizationId { get; }

    /// <summary>What kind of thing it is.</summary>
    public DeviceClass Class { get; internal set; }

    /// <summary>Whether it takes part.</summary>
    public DeviceStatus Status { get; internal set; } = DeviceStatus.Active;

    /// <summary>What people call it; may be empty.</summary>
    public string Name { get; internal set; } = string.Empty;

    /// <summary>IANA time zone of its site.</summary>
    public string TimeZone { get; internal set; } = DeviceRegistryOptions.DefaultTimeZone;

    /// <summary>The concentrator it is read through, or null.</summary>
    public RegisteredDevice? Carrier { get; internal set; }

    /// <summary>Number of the carrier, or null.</summary>
    public long? CarrierId => Carrier?.DeviceId;

    /// <summary>Its registers, in the order they came to be.</summary>
    public IReadOnlyList<RegisteredRegister> Registers => Volatile.Read(ref _registers);

    /// <summary>For a concentrator: the meters registered under it, by text id. Empty otherwise.</summary>
    public IReadOnlyDictionary<string, RegisteredDevice> Carried => _carried ?? (IReadOnlyDictionary<string, RegisteredDevice>)NothingCarried;

    /// <summary>Live connections of this device; 0 or 1 save for the moment of a take-over.</summary>
    public bool IsConnected => Volatile.Read(ref _connections) > 0;

    /// <summary>Last contact of any kind, µs since 1970; 0 never.</summary>
    public long LastSeenAt => Volatile.Read(ref _lastSeenAt);

    /// <summary>Arrival of the last uplink that brought a quantity, µs since 1970; 0 never.</summary>
    public long LastReadingAt => Volatile.Read(ref _lastReadingAt);

    /// <summary>The peer's address of the last connection, or null.</summary>
    public string? Remote { get; internal set; }

    private static ConcurrentDictionary<string, RegisteredDevice> NothingCarried { get; } = new(StringComparer.Ordinal);

    /// <summary>The register with this code, or null.</summary>
    public RegisteredRegister? FindRegister(in ObisCode code)
    {
        foreach (var register in Volatile.Read(ref _registers))
        {
            if (register.Definition.Code == code) { return register; }
        }
        return null;
    }

    /// <summary>The register with this code as it stands in a payload, or null.</summary>
    public RegisteredRegister? FindRegister(ReadOnlySpan<byte> obisUtf8)
    {
        foreach (var register in Volatile.Read(ref _registers))
        {
            if (obisUtf8.SequenceEqual(register.Definition.ObisUtf8)) { return register; }
        }
        return null;
    }

    /// <summary>The register with this code, or null.</summary>
    public RegisteredRegister? FindRegister(string obis)
    {
        foreach (var register in Volatile.Read(ref _registers))
        {
            if (string.Equals(register.Obis, obis, StringComparison.Ordinal)) { return register; }
        }
        return null;
    }

    /// <summary>Whether this device may speak for another: itself, or one registered under it.</summary>
    public bool MaySpeakFor(string textId, [NotNullWhen(true)] out RegisteredDevice? device)
    {
        if (string.Equals(textId, TextId, StringComparison.Ordinal))
        {
            device = this;
            return true;
        }
        device = null;
        return _carried is not null && _carried.TryGetValue(textId, out device);
    }

    /// <summary>Called under the registry's lock.</summary>
    internal void Add(RegisteredRegister register) => Volatile.Write(ref _registers, [.. _registers, register]);

    internal void Carry(RegisteredDevice device)
    {
        var carried = _carried ?? Interlocked.CompareExchange(ref _carried, new ConcurrentDictionary<string, RegisteredDevice>(StringComparer.Ordinal), comparand: null) ?? _carried;
        carried[device.TextId] = device;
    }

    internal void StopCarrying(RegisteredDevice device) => _carried?.TryRemove(device.TextId, out _);

    internal void SetLastContact(long lastSeenAt, long lastReadingAt, string? remote)
    {
        Volatile.Write(ref _lastSeenAt, lastSeenAt);
        Volatile.Write(ref _lastReadingAt, lastReadingAt);
        Remote = remote;
    }

    /// <summary>Notes a contact; true when the device was not yet waiting to be written.</summary>
    internal bool Touch(long at, bool isReading)
    {
        // Several threads may race here; the loser's time is at most one flush older than the winner's, which presence can bear.
        if (at > Volatile.Read(ref _lastSeenAt)) { Volatile.Write(ref _lastSeenAt, at); }
        if (isReading && at > Volatile.Read(ref _lastReadingAt)) { Volatile.Write(ref _lastReadingAt, at); }
        return MarkPresenceChanged();
    }

    internal int CountConnection(int change) => Interlocked.Add(ref _connections, change);

    internal bool MarkPresenceChanged() => Volatile.Read(ref _presenceChanged) == 0 && Interlocked.Exchange(ref _presenceChanged, 1) == 0;

    internal void PresenceTaken() => Volatile.Write(ref _presenceChanged, 0);
}
