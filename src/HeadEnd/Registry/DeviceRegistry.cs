using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Headwater.Accounts.Audit;
using Headwater.Devices;
using Headwater.Devices.Profiles;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.HeadEnd.Registry;

/// <summary>All devices and registers, in memory, with the way to add to them.</summary>
/// <remarks>
/// Loaded whole before the first listener opens; look-ups never touch the database, so ingest and sign-in go on while it is away.
/// Changes go to the database first and to memory after the commit. New devices and registers are written in groups by one lane
/// (<see cref="RegistrationLane"/>), so that ten thousand unknown meters at once cost a few transactions.
/// </remarks>
public sealed class DeviceRegistry : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, RegisteredDevice> _devices = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, RegisteredDevice>.AlternateLookup<ReadOnlySpan<char>> _devicesBySpan;
    private readonly Dictionary<RegisterDefinition, RegisterDefinition> _definitions = [];
    private readonly Dictionary<string, string> _words = new(StringComparer.Ordinal);
    private readonly Lock _changing = new();
    private readonly NpgsqlDataSource _primary;
    private readonly IAudit _audit;
    private readonly ILogger<DeviceRegistry> _logger;
    private readonly RegistrationLane _lane;
    private long _version;

    /// <summary>Makes an empty registry; call <see cref="LoadAsync"/> before use.</summary>
    public DeviceRegistry(NpgsqlDataSource primary, IAudit audit, DeviceRegistryOptions options, TimeProvider time, ILogger<DeviceRegistry> logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        _primary = primary;
        _audit = audit;
        _logger = logger;
        Options = options;
        _devicesBySpan = _devices.GetAlternateLookup<ReadOnlySpan<char>>();
        _lane = new RegistrationLane(this, primary, audit, options, time, logger);
    }

    /// <summary>Settings in force.</summary>
    public DeviceRegistryOptions Options { get; }

    /// <summary>Marks this server's own notifications.</summary>
    internal string Origin { get; } = Guid.NewGuid().ToString("N");

    /// <summary>Number of devices.</summary>
    public int Count => _devices.Count;

    /// <summary>Grows with every change of a device (not of its last contact).</summary>
    public long Version => Volatile.Read(ref _version);

    /// <summary>All devices, in no order; safe while others change the registry.</summary>
    public IEnumerable<RegisteredDevice> Devices => _devices.Select(static p => p.Value);

    /// <summary>Called on the changing thread after a device was changed: rights that depend on it are to be judged again.</summary>
    public Action<RegisteredDevice>? DeviceChanged { get; set; }

    /// <summary>Finds a device by text id.</summary>
    public bool TryGetDevice(string textId, [NotNullWhen(true)] out RegisteredDevice? device) => _devices.TryGetValue(textId, out device);

    /// <summary>Finds a device by text id without making a string.</summary>
    public bool TryGetDevice(ReadOnlySpan<char> textId, [NotNullWhen(true)] out RegisteredDevice? device) => _devicesBySpan.TryGetValue(textId, out device);

    /// <summary>Finds a device by the bytes of its text id in a payload; text ids are ASCII.</summary>
    public bool TryGetDevice(ReadOnlySpan<byte> textIdUtf8, [NotNullWhen(true)] out RegisteredDevice? device)
    {
        device = null;
        if (textIdUtf8.Length is 0 or > DeviceTextId.MaxLength) { return false; }
        Span<char> text = stackalloc char[DeviceTextId.MaxLength];
        for (var i = 0; i < textIdUtf8.Length; i++)
        {
            if (textIdUtf8[i] > 0x7F) { return false; }
            text[i] = (char)textIdUtf8[i];
        }
        return _devicesBySpan.TryGetValue(text[..textIdUtf8.Length], out device);
    }

    /// <summary>Reads everything from the database. Called once, before the first listener opens.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        await using var connection = await _primary.OpenConnectionAsync(cancellationToken);
        var byId = new Dictionary<long, RegisteredDevice>();
        await RegistrySql.ReadDevicesAsync(connection, row => byId[row.DeviceId] = Apply(row), cancellationToken);
        var registers = 0;
        await RegistrySql.ReadRegistersAsync(connection, row =>
        {
            if (!byId.TryGetValue(row.DeviceId, out var device)) { return; }
            registers++;
            lock (_changing) { ApplyRegister(device, row); }
        }, cancellationToken);
        await RegistrySql.ReadCarriersAsync(connection, (deviceId, carrierId) =>
        {
            if (byId.TryGetValue(deviceId, out var device) && byId.TryGetValue(carrierId, out var carrier)) { SetCarrier(device, carrier); }
        }, cancellationToken);
        RegistryLog.Loaded(_logger, _devices.Count, registers);
        _lane.Start();
    }

    /// <summary>Registers a device nobody entered, or returns the one there is. Completes after the commit; while the database is away it waits.</summary>
    /// <param name="textId">Text id; must be valid.</param>
    /// <param name="deviceClass">What kind of thing it is.</param>
    /// <param name="carrier">The concentrator it spoke through, or null. Taken for a new device only.</param>
    /// <param name="cancellationToken">Ends the wait, not the registration.</param>
    /// <exception cref="ArgumentException">The text id is not valid.</exception>
    public Task<RegisteredDevice> RegisterAutomaticallyAsync(
        string textId, DeviceClass deviceClass, RegisteredDevice? carrier, CancellationToken cancellationToken)
    {
        if (!DeviceTextId.IsValid(textId)) { throw new ArgumentException("Not a device id.", nameof(textId)); }
        return _devices.TryGetValue(textId, out var device)
            ? Task.FromResult(device)
            : _lane.RegisterAsync(textId, deviceClass, carrier).WaitAsync(cancellationToken);
    }

    /// <summary>Adds a register to a device, or returns the one there is. Completes after the commit; while the database is away it waits.</summary>
    /// <param name="device">The device.</param>
    /// <param name="defaults">What its first version says.</param>
    /// <param name="cancellationToken">Ends the wait, not the addition.</param>
    public Task<RegisteredRegister> AddRegisterAsync(RegisteredDevice device, RegisterProfile defaults, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(defaults);
        return device.FindRegister(defaults.Obis) is { } register
            ? Task.FromResult(register)
            : _lane.AddRegisterAsync(device, defaults).WaitAsync(cancellationToken);
    }

    /// <summary>Adds a register by its code. Null when the device's class has no such register: the uplink goes to quarantine.</summary>
    public async Task<RegisteredRegister?> AddRegisterAsync(RegisteredDevice device, string obis, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(device);
        return DeviceProfiles.Find(device.Class, obis) is { } defaults ? await AddRegisterAsync(device, defaults, cancellationToken) : null;
    }

    /// <summary>Adds a device by hand.</summary>
    /// <returns>The device, or null when one with this id exists.</returns>
    public async Task<RegisteredDevice?> AddDeviceAsync(Actor actor, NewDevice device, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(actor);
        ArgumentNullException.ThrowIfNull(device);
        await using var connection = await _primary.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var row = await RegistrySql.InsertDeviceAsync(connection, actor.OrganizationId ?? Options.DefaultOrganizationId, device, cancellationToken);
        if (row is null) { return null; }
        await _audit.WriteAsync(connection, actor, "device add", device.TextId, new { device.Name, Class = device.Class.ToString(), device.TimeZone, Carrier = device.Carrier?.TextId }, cancellationToken);
        await RegistrySql.NotifyAsync(connection, Origin, [device.TextId], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return Apply(row, device.Carrier);
    }

    /// <summary>Changes a device. Members of the change that are null stay as they are.</summary>
    public async Task ChangeDeviceAsync(Actor actor, RegisteredDevice device, DeviceChange change, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(change);
        await using var connection = await _primary.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var row = await RegistrySql.UpdateDeviceAsync(connection, device.DeviceId, change, cancellationToken);
        await _audit.WriteAsync(connection, actor, "device change", device.TextId, new { change.Name, Status = change.Status?.ToString(), change.TimeZone }, cancellationToken);
        await RegistrySql.NotifyAsync(connection, Origin, [device.TextId], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        Apply(row);
        DeviceChanged?.Invoke(device);
    }

    /// <summary>Reads one device again, after another server changed it.</summary>
    public async Task ReloadAsync(string textId, CancellationToken cancellationToken)
    {
        await using var connection = await _primary.OpenConnectionAsync(cancellationToken);
        var rows = new List<DeviceRow>();
        await RegistrySql.ReadDevicesAsync(connection, [textId], rows.Add, cancellationToken);
        if (rows.Count == 0) { return; }
        var device = Apply(rows[0]);
        var registers = new List<RegisterRow>();
        await RegistrySql.ReadRegistersAsync(connection, [device.DeviceId], registers.Add, cancellationToken);
        lock (_changing)
        {
            foreach (var register in registers) { ApplyRegister(device, register); }
        }
        DeviceChanged?.Invoke(device);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _lane.DisposeAsync();

    /// <summary>Brings one committed row into memory.</summary>
    internal RegisteredDevice Apply(DeviceRow row, RegisteredDevice? carrier = null)
    {
        lock (_changing)
        {
            if (!_devices.TryGetValue(row.TextId, out var device))
            {
                device = new RegisteredDevice(row.DeviceId, row.TextId, row.OrganizationId, row.Class);
                device.SetLastContact(row.LastSeenAt, row.LastReadingAt, row.Remote);
            }
            device.Class = row.Class;
            device.Status = row.Status;
            device.Name = row.Name;
            device.TimeZone = Share(row.TimeZone);
            if (carrier is not null) { SetCarrier(device, carrier); }
            _devices[row.TextId] = device;
            _version++;
            return device;
        }
    }

    internal RegisteredRegister ApplyRegister(RegisteredDevice device, RegisterRow row)
    {
        lock (_changing)
        {
            var definition = new RegisterDefinition(Share(row.Obis), Share(row.Unit), row.Exponent, row.Minimum, row.Maximum, row.IntervalSeconds);
            if (_definitions.TryGetValue(definition, out var shared)) { definition = shared; } else { _definitions.Add(definition, definition); }
            var register = device.FindRegister(row.Obis);
            if (register is null)
            {
                register = new RegisteredRegister(device, row.RegisterId, row.Version, definition);
                device.Add(register);
            }
            else if (row.Version > register.Version)
            {
                register.Apply(row.Version, definition);
            }
            return register;
        }
    }

    private static void SetCarrier(RegisteredDevice device, RegisteredDevice carrier)
    {
        if (ReferenceEquals(device.Carrier, carrier)) { return; }
        device.Carrier?.StopCarrying(device);
        device.Carrier = carrier;
        carrier.Carry(device);
    }

    // Time zones, codes and units repeat by the million: one string each.
    private string Share(string word)
    {
        if (_words.TryGetValue(word, out var shared)) { return shared; }
        _words.Add(word, word);
        return word;
    }
}
