namespace Headwater.Devices.Uplink;

/// <summary>Why a message, or a part of it, could not be stored as a reading. A closed list; persisted, append-only.</summary>
public enum QuarantineReason : short
{
    /// <summary>The payload is not JSON of the form its topic asks for.</summary>
    NotJson = 1,

    /// <summary>A field that must be there is not.</summary>
    MissingField = 2,

    /// <summary>A field has the wrong type or a form that cannot be read.</summary>
    WrongType = 3,

    /// <summary>A field stands twice with no rule which counts.</summary>
    DuplicateField = 4,

    /// <summary>The number is not a whole one in the register's unit and scale.</summary>
    NotExact = 5,

    /// <summary>The device has no register with this OBIS code.</summary>
    UnknownRegister = 6,

    /// <summary>No such device, or not one this sender may report for.</summary>
    UnknownDevice = 7,

    /// <summary>The time lies outside [-400 d, +1 h] around its arrival.</summary>
    TimeOutsideWindow = 8,

    /// <summary>A time without an offset, or relative to the message.</summary>
    TimeNotAbsolute = 9,

    /// <summary>The value lies outside the register's range.</summary>
    OutOfRange = 10,

    /// <summary>More values in one message than are taken.</summary>
    TooManyValues = 11,

    /// <summary>The sender has no right to this topic.</summary>
    NotAuthorized = 12,

    /// <summary>The time lies outside the partitions the store keeps.</summary>
    OutsideRetention = 13,

    /// <summary>The unit is unknown or does not fit the register.</summary>
    WrongUnit = 14,

    /// <summary>The start of a profile block is not on an interval boundary.</summary>
    NotOnBoundary = 15,

    /// <summary>The device is registered but not active.</summary>
    DeviceNotActive = 16,

    /// <summary>The database refused the row.</summary>
    StoreRefused = 17,
}
