using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Headwater.Mqtt.Packets;

/// <summary>Judgement of a packet's body: correct, or the reason to close the connection with.</summary>
/// <remarks>
/// The default value is "correct". <see cref="Explanation"/> is one of a closed set of constants: it never
/// contains the peer's bytes, so that it can be logged, counted and sent back as a Reason String.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
public readonly struct ParseVerdict : IEquatable<ParseVerdict>
{
    private ParseVerdict(ReasonCode reason, string explanation)
    {
        Reason = reason;
        Explanation = explanation;
    }

    /// <summary>The packet obeys the standard.</summary>
    public static ParseVerdict Ok => default;

    /// <summary>True when the packet obeys the standard.</summary>
    [MemberNotNullWhen(false, nameof(Explanation))]
    public bool IsOk => Explanation is null;

    /// <summary>0x81, 0x82, 0x84, ... ; Success when <see cref="IsOk"/>.</summary>
    public ReasonCode Reason { get; }

    /// <summary>Constant words for log and Reason String; null when <see cref="IsOk"/>.</summary>
    public string? Explanation { get; }

    /// <summary>Verdict 0x81: cannot be parsed.</summary>
    /// <param name="explanation">A constant.</param>
    public static ParseVerdict Malformed(string explanation) => new(ReasonCode.MalformedPacket, explanation);

    /// <summary>Verdict 0x82: parsed, but not permitted.</summary>
    /// <param name="explanation">A constant.</param>
    public static ParseVerdict ProtocolError(string explanation) => new(ReasonCode.ProtocolError, explanation);

    /// <summary>Verdict with any other reason.</summary>
    /// <param name="reason">A code from 0x80 on.</param>
    /// <param name="explanation">A constant.</param>
    public static ParseVerdict Fail(ReasonCode reason, string explanation) => new(reason, explanation);

    /// <inheritdoc/>
    public bool Equals(ParseVerdict other) => Reason == other.Reason && string.Equals(Explanation, other.Explanation, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ParseVerdict other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Reason, Explanation is null ? 0 : StringComparer.Ordinal.GetHashCode(Explanation));

    /// <summary>True when both carry the same reason and words.</summary>
    /// <param name="left">One verdict.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(ParseVerdict left, ParseVerdict right) => left.Equals(right);

    /// <summary>True when reason or words differ.</summary>
    /// <param name="left">One verdict.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(ParseVerdict left, ParseVerdict right) => !left.Equals(right);

    /// <inheritdoc/>
    public override string ToString() => IsOk ? "ok" : $"{Reason} (0x{(byte)Reason:X2}): {Explanation}";
}
