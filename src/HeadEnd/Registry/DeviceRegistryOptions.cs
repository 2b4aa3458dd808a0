namespace Headwater.HeadEnd.Registry;

/// <summary>Settings of the registry.</summary>
public sealed record DeviceRegistryOptions
{
    /// <summary>Time zone of a device of which nobody said another. The schema's own default.</summary>
    public const string DefaultTimeZone = "Asia/Seoul";

    /// <summary>The organization that devices registered automatically belong to. Required: the installation's first one.</summary>
    public required long DefaultOrganizationId { get; init; }

    /// <summary>Whether a device nobody entered is registered at its first uplink. Default false: an unknown device is a fact for a person to
    /// see, so its uplinks go to quarantine. The demo turns it on.</summary>
    public bool RegistersAutomatically { get; init; }

    /// <summary>Most devices or registers registered in one transaction. Default 2,000, range 1 to 50,000: 10,000 unknown meters at once are
    /// five transactions, and one holds locks for tens of milliseconds only.</summary>
    public int GroupSize { get; init; } = 2_000;

    /// <summary>How often last contacts are written. Default 3 s, range 0.1 s to 10 min: a page shows them from memory anyway; this bounds what
    /// a crash forgets.</summary>
    public TimeSpan PresenceInterval { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Pause before a failed write is tried again while the database is away. Default 1 s, range 10 ms to 1 min: the database
    /// returns after seconds at the earliest.</summary>
    public TimeSpan RetryInterval { get; init; } = TimeSpan.FromSeconds(1);
}
