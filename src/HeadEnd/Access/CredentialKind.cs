namespace Headwater.HeadEnd.Access;

/// <summary>What a client proves itself with. Persisted as its number; append-only.</summary>
public enum CredentialKind : short
{
    /// <summary>A random secret of one device; the user name is the device's id, or it and a suffix.</summary>
    DeviceSecret = 1,

    /// <summary>A certificate of one device, known by the SHA-256 of its leaf.</summary>
    Certificate = 2,

    /// <summary>A random secret of a service with topic filters of its own.</summary>
    ServiceSecret = 3,

    /// <summary>One secret for devices that have none of their own yet: the demo's fleet. Works only where devices are registered automatically.</summary>
    FleetSecret = 4,
}
