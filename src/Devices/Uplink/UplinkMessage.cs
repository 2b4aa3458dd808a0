using Headwater.Metering;

namespace Headwater.Devices.Uplink;

/// <summary>Where a text of an <see cref="UplinkMessage"/> lies in its text buffer.</summary>
public readonly record struct TextRange(int Offset, int Length);

/// <summary>One read as it was sent, before it meets the registry.</summary>
public struct SentRead
{
    /// <summary>The device the entry names; empty when it names none.</summary>
    public TextRange Device;

    /// <summary>Its quantity.</summary>
    public ObisCode Obis;

    /// <summary>Microseconds since 1970, UTC.</summary>
    public long At;

    /// <summary>The number as written, in <see cref="Unit"/>.</summary>
    public DecimalNumber Value;

    /// <summary>The unit written beside it; <see cref="SentUnit.Register"/> when it is the register's own integer.</summary>
    public SentUnit Unit;
}

/// <summary>The unit a number was sent in.</summary>
public enum SentUnit : byte
{
    /// <summary>The register's own integer.</summary>
    Register = 0,

    /// <summary>Kilowatt hours.</summary>
    KilowattHour = 1,

    /// <summary>Watt hours.</summary>
    WattHour = 2,

    /// <summary>Joules.</summary>
    Joule = 3,

    /// <summary>Volts.</summary>
    Volt = 4,

    /// <summary>Amperes.</summary>
    Ampere = 5,

    /// <summary>Watts.</summary>
    Watt = 6,

    /// <summary>Volt amperes reactive.</summary>
    VoltAmpereReactive = 7,

    /// <summary>Hertz.</summary>
    Hertz = 8,

    /// <summary>Cubic metres.</summary>
    CubicMetre = 9,

    /// <summary>Litres.</summary>
    Litre = 10,

    /// <summary>Degrees Celsius.</summary>
    Celsius = 11,

    /// <summary>Per cent relative humidity.</summary>
    RelativeHumidity = 12,

    /// <summary>Parts per million.</summary>
    PartsPerMillion = 13,

    /// <summary>A dimensionless ratio.</summary>
    Ratio = 14,

    /// <summary>Volt ampere reactive hours.</summary>
    VoltAmpereReactiveHour = 15,
}

/// <summary>A block of consecutive intervals of one channel, as it was sent.</summary>
public struct SentProfile
{
    /// <summary>The device the entry names; empty when it names none.</summary>
    public TextRange Device;

    /// <summary>The channel.</summary>
    public ObisCode Channel;

    /// <summary>Start of the first interval, microseconds since 1970, UTC.</summary>
    public long StartAt;

    /// <summary>Interval length in seconds.</summary>
    public int EverySeconds;

    /// <summary>First of its values in <see cref="UplinkMessage.Values"/>.</summary>
    public int FirstValue;

    /// <summary>Number of intervals.</summary>
    public int Count;

    /// <summary>True when any status is not plain.</summary>
    public bool HasStatus;
}

/// <summary>A meter event as it was sent.</summary>
public struct SentMeterEvent
{
    /// <summary>The event's code, a word of docs/events.md.</summary>
    public TextRange Code;

    /// <summary>Microseconds since 1970, UTC.</summary>
    public long At;

    /// <summary>The device's own number for it.</summary>
    public long Sequence;

    /// <summary>JSON object with what else was said.</summary>
    public TextRange Data;
}

/// <summary>What is wrong with a message or one of its entries.</summary>
/// <param name="Reason">From the closed list.</param>
/// <param name="Text">Names the field and the rule.</param>
public sealed record UplinkFault(QuarantineReason Reason, string Text);

/// <summary>How one interval of a profile came to be. Persisted, append-only.</summary>
public enum ProfileStatus : byte
{
    /// <summary>Measured, nothing said.</summary>
    Plain = 0,

    /// <summary>No value.</summary>
    Missing = 1,

    /// <summary>Estimated by the device.</summary>
    Estimated = 2,

    /// <summary>Supply was off during a part of it.</summary>
    PowerDown = 3,

    /// <summary>The clock was set during it.</summary>
    ClockAdjusted = 4,

    /// <summary>The device doubts it.</summary>
    Doubtful = 5,
}

/// <summary>A decoded uplink. One instance is used again for message after message; nothing of it outlives the next decoding.</summary>
/// <remarks>An entry that cannot be taken leaves a fault and does not stop the others: one bad record must not cost the good ones.</remarks>
public sealed class UplinkMessage
{
    private byte[] _text = new byte[256];
    private int _textLength;
    private SentRead[] _reads = new SentRead[16];
    private SentProfile[] _profiles = [];
    private SentMeterEvent[] _events = [];
    private int[] _values = [];
    private byte[] _statuses = [];

    /// <summary>Number of reads.</summary>
    public int ReadCount { get; private set; }

    /// <summary>Number of profile blocks.</summary>
    public int ProfileCount { get; private set; }

    /// <summary>Number of meter events.</summary>
    public int MeterEventCount { get; private set; }

    /// <summary>Number of interval values over all blocks.</summary>
    public int ValueCount { get; private set; }

    /// <summary>The first fault, or null.</summary>
    public UplinkFault? Fault { get; private set; }

    /// <summary>Number of entries that could not be taken.</summary>
    public int FaultCount { get; private set; }

    /// <summary>The reads.</summary>
    public ReadOnlySpan<SentRead> Reads => _reads.AsSpan(0, ReadCount);

    /// <summary>The profile blocks.</summary>
    public ReadOnlySpan<SentProfile> Profiles => _profiles.AsSpan(0, ProfileCount);

    /// <summary>The meter events.</summary>
    public ReadOnlySpan<SentMeterEvent> MeterEvents => _events.AsSpan(0, MeterEventCount);

    /// <summary>Interval values of all blocks, Wh per interval.</summary>
    public ReadOnlySpan<int> Values => _values.AsSpan(0, ValueCount);

    /// <summary>One <see cref="ProfileStatus"/> for each of <see cref="Values"/>.</summary>
    public ReadOnlySpan<byte> Statuses => _statuses.AsSpan(0, ValueCount);

    /// <summary>The bytes of a text.</summary>
    public ReadOnlySpan<byte> Text(TextRange range) => _text.AsSpan(range.Offset, range.Length);

    internal void Clear()
    {
        _textLength = 0;
        ReadCount = 0;
        ProfileCount = 0;
        MeterEventCount = 0;
        ValueCount = 0;
        Fault = null;
        FaultCount = 0;
    }

    internal void AddFault(QuarantineReason reason, string text)
    {
        Fault ??= new UplinkFault(reason, text);
        FaultCount++;
    }

    internal TextRange AddText(ReadOnlySpan<byte> text)
    {
        if (_text.Length - _textLength < text.Length) { Array.Resize(ref _text, Math.Max(_text.Length * 2, _textLength + text.Length)); }
        text.CopyTo(_text.AsSpan(_textLength));
        var range = new TextRange(_textLength, text.Length);
        _textLength += text.Length;
        return range;
    }

    internal void AddRead(in SentRead read)
    {
        if (ReadCount == _reads.Length) { Array.Resize(ref _reads, _reads.Length * 2); }
        _reads[ReadCount++] = read;
    }

    internal void AddProfile(in SentProfile profile)
    {
        if (ProfileCount == _profiles.Length) { Array.Resize(ref _profiles, Math.Max(4, _profiles.Length * 2)); }
        _profiles[ProfileCount++] = profile;
    }

    internal void AddMeterEvent(in SentMeterEvent meterEvent)
    {
        if (MeterEventCount == _events.Length) { Array.Resize(ref _events, Math.Max(4, _events.Length * 2)); }
        _events[MeterEventCount++] = meterEvent;
    }

    internal void AddValue(int value, ProfileStatus status)
    {
        if (ValueCount == _values.Length)
        {
            var size = Math.Max(96, _values.Length * 2);
            Array.Resize(ref _values, size);
            Array.Resize(ref _statuses, size);
        }

        _values[ValueCount] = value;
        _statuses[ValueCount++] = (byte)status;
    }

    internal void SetStatus(int index, ProfileStatus status) => _statuses[index] = (byte)status;

    internal void CutValues(int count) => ValueCount = count;
}
