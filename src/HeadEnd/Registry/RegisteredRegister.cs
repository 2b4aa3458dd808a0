namespace Headwater.HeadEnd.Registry;

/// <summary>One register of a device as ingest needs it: its number, the version now in force and how far it has been queued.</summary>
public sealed class RegisteredRegister
{
    /// <summary>Value of <see cref="HighestQueuedAt"/> while nothing is known: every time is at or below it, so the row goes through staging.</summary>
    public const long Unknown = long.MaxValue;

    private RegisterDefinition _definition;
    private int _version;
    private long _highestQueuedAt = Unknown;

    internal RegisteredRegister(RegisteredDevice device, long registerId, int version, RegisterDefinition definition)
    {
        Device = device;
        RegisterId = registerId;
        _version = version;
        _definition = definition;
    }

    /// <summary>Number of the register.</summary>
    public long RegisterId { get; }

    /// <summary>The device it belongs to.</summary>
    public RegisteredDevice Device { get; }

    /// <summary>The version now in force, from 1.</summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>What the version in force says.</summary>
    public RegisterDefinition Definition => Volatile.Read(ref _definition);

    /// <summary>OBIS code.</summary>
    public string Obis => Definition.Obis;

    /// <summary>Decimal exponent of the version in force.</summary>
    public short Exponent => Definition.Exponent;

    /// <summary>Unit of the version in force.</summary>
    public string Unit => Definition.Unit;

    /// <summary>Smallest stored integer taken, or null.</summary>
    public long? Minimum => Definition.Minimum;

    /// <summary>Largest stored integer taken, or null.</summary>
    public long? Maximum => Definition.Maximum;

    /// <summary>Interval length of a load-profile channel in seconds, or null.</summary>
    public int? IntervalSeconds => Definition.IntervalSeconds;

    /// <summary>The latest reading time queued for this register, µs since 1970; <see cref="Unknown"/> until the first commit tells.
    /// A row at or below it goes through staging. Owned by ingest.</summary>
    public long HighestQueuedAt => Volatile.Read(ref _highestQueuedAt);

    /// <summary>Moves <see cref="HighestQueuedAt"/> up to a time that is newer than everything queued.</summary>
    /// <returns>False when the time is not newer, or when nothing is known yet.</returns>
    internal bool TryAdvance(long at)
    {
        while (true)
        {
            var known = Volatile.Read(ref _highestQueuedAt);
            if (at <= known) { return false; } // Unknown is the largest value there is
            if (Interlocked.CompareExchange(ref _highestQueuedAt, at, known) == known) { return true; }
        }
    }

    /// <summary>Takes over what a commit told: the latest time now stored.</summary>
    internal void Learn(long at)
    {
        if (Interlocked.CompareExchange(ref _highestQueuedAt, at, Unknown) != Unknown) { TryAdvance(at); }
    }

    internal void Apply(int version, RegisterDefinition definition)
    {
        Volatile.Write(ref _definition, definition);
        Volatile.Write(ref _version, version);
    }
}
