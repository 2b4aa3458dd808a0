namespace Headwater.HeadEnd.Registry;

/// <summary>Whether a device takes part. Persisted as its number; append-only.</summary>
public enum DeviceStatus : short
{
    /// <summary>Takes part: signs in, and its uplinks are stored.</summary>
    Active = 1,

    /// <summary>Stopped by a person: cannot sign in; what still arrives for it through a concentrator is quarantined.</summary>
    Suspended = 2,

    /// <summary>Removed from its place for good. Its readings stay.</summary>
    Retired = 3,
}
