using Headwater.Devices;

namespace Headwater.HeadEnd.Registry;

/// <summary>What a list of devices is sorted by.</summary>
public enum DeviceOrder
{
    /// <summary>Text id.</summary>
    Id,

    /// <summary>Last contact.</summary>
    LastSeen,

    /// <summary>Name, then text id.</summary>
    Name,
}

/// <summary>Which devices are looked for; null or empty members do not restrict.</summary>
/// <param name="Query">Text in the id or the name, without regard to case.</param>
/// <param name="Status">Status.</param>
/// <param name="IsConnected">Whether connected now.</param>
/// <param name="Class">Class.</param>
/// <param name="CarrierId">Text id of the concentrator.</param>
public sealed record DeviceFilter(string? Query = null, DeviceStatus? Status = null, bool? IsConnected = null, DeviceClass? Class = null, string? CarrierId = null);

/// <summary>A part of a sorted list of devices.</summary>
/// <param name="Total">Devices that fit the filter.</param>
/// <param name="Items">Those asked for.</param>
public sealed record DevicePage(int Total, IReadOnlyList<RegisteredDevice> Items);

/// <summary>Finds devices in memory: a hundred thousand are looked through in milliseconds, and their last contact is the present one.</summary>
/// <param name="registry">The registry.</param>
/// <param name="time">Clock.</param>
public sealed class DeviceSearch(DeviceRegistry registry, TimeProvider time)
{
    private static readonly TimeSpan CountAge = TimeSpan.FromSeconds(2);
    private readonly Lock _gate = new();
    private RegisteredDevice[] _byId = [];
    private long _version = -1;
    private DeviceCounts? _counts;
    private long _countedAt;

    /// <summary>A part of the devices that fit.</summary>
    /// <param name="organizationId">Whose devices.</param>
    /// <param name="filter">Which.</param>
    /// <param name="order">Sorted by.</param>
    /// <param name="descending">The other way round.</param>
    /// <param name="offset">How many to skip.</param>
    /// <param name="limit">How many at most.</param>
    public DevicePage Find(long organizationId, DeviceFilter filter, DeviceOrder order, bool descending, int offset, int limit)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var found = new List<RegisteredDevice>();
        foreach (var device in ById())
        {
            if (device.OrganizationId == organizationId && Fits(device, filter)) { found.Add(device); }
        }
        switch (order)
        {
            case DeviceOrder.LastSeen:
                // Keys are taken once: the last contact moves while we sort.
                var keys = found.Select(static d => d.LastSeenAt).ToArray();
                var devices = found.ToArray();
                Array.Sort(keys, devices);
                found = [.. devices];
                break;
            case DeviceOrder.Name:
                found.Sort(static (a, b) => string.Compare(a.Name, b.Name, StringComparison.OrdinalIgnoreCase) is var c and not 0 ? c : string.CompareOrdinal(a.TextId, b.TextId));
                break;
            default:
                break;
        }
        if (descending) { found.Reverse(); }
        return new DevicePage(found.Count, [.. found.Skip(offset).Take(limit)]);
    }

    /// <summary>How many devices of all organizations are registered, connected and were seen within the hour; at most two seconds old.</summary>
    public DeviceCounts Count()
    {
        lock (_gate)
        {
            if (_counts is not null && time.GetElapsedTime(_countedAt) < CountAge) { return _counts; }
        }
        var hourAgo = (time.GetUtcNow() - TimeSpan.FromHours(1)).ToUnixTimeMilliseconds() * 1000;
        int registered = 0, connected = 0, seen = 0, silent = 0;
        foreach (var device in registry.Devices)
        {
            registered++;
            if (device.IsConnected) { connected++; }
            if (device.LastSeenAt >= hourAgo) { seen++; }
            else if (device.LastSeenAt != 0) { silent++; }
        }
        var counts = new DeviceCounts(registered, connected, seen, silent);
        lock (_gate)
        {
            _counts = counts;
            _countedAt = time.GetTimestamp();
        }
        return counts;
    }

    private static bool Fits(RegisteredDevice device, DeviceFilter filter) =>
        (string.IsNullOrEmpty(filter.Query) || device.TextId.Contains(filter.Query, StringComparison.OrdinalIgnoreCase) || device.Name.Contains(filter.Query, StringComparison.OrdinalIgnoreCase))
        && (filter.Status is null || device.Status == filter.Status)
        && (filter.IsConnected is null || device.IsConnected == filter.IsConnected)
        && (filter.Class is null || device.Class == filter.Class)
        && (string.IsNullOrEmpty(filter.CarrierId) || string.Equals(device.Carrier?.TextId, filter.CarrierId, StringComparison.Ordinal));

    private RegisteredDevice[] ById()
    {
        var version = registry.Version;
        lock (_gate)
        {
            if (_version == version) { return _byId; }
        }
        var sorted = registry.Devices.ToArray();
        Array.Sort(sorted, static (a, b) => string.CompareOrdinal(a.TextId, b.TextId));
        lock (_gate)
        {
            _byId = sorted;
            _version = version;
        }
        return sorted;
    }
}

/// <summary>How many devices there are.</summary>
/// <param name="Registered">Registered.</param>
/// <param name="Connected">Connected now.</param>
/// <param name="SeenLastHour">Heard of within the last hour.</param>
/// <param name="Silent">Heard of once, and not within the last hour; a device that never spoke is not silent but new.</param>
public sealed record DeviceCounts(int Registered, int Connected, int SeenLastHour, int Silent);
