namespace Headwater.Metering;

/// <summary>How a value came to be. Persisted, append-only.</summary>
public enum Quality : short
{
    /// <summary>Read from the meter.</summary>
    Measured = 1,

    /// <summary>Made by an estimation rule.</summary>
    Estimated = 2,

    /// <summary>Entered or changed by a person.</summary>
    Edited = 3,

    /// <summary>Derived from other values.</summary>
    Calculated = 4,

    /// <summary>Known to be absent.</summary>
    Missing = 5,
}

/// <summary>Why a stored value is doubted. A bit set; persisted, append-only.</summary>
[Flags]
public enum Suspicion : short
{
    /// <summary>Not doubted.</summary>
    None = 0,

    /// <summary>Outside the range of its register or point.</summary>
    OutOfRange = 1,

    /// <summary>Its time lies after its arrival: the device's clock is ahead.</summary>
    ClockAhead = 2,
}
