using NodaTime;

namespace Headwater.Devices.Uplink;

/// <summary>One register read as it goes on the wire.</summary>
/// <param name="Obis">The register's OBIS code, for example <c>1-0:1.8.0</c>.</param>
/// <param name="At">When the register had the value, by the meter's own clock.</param>
/// <param name="Value">Integer in the register's unit and scale.</param>
/// <param name="Device">The meter, in a concentrator's message; null when the topic names it.</param>
public readonly record struct ReadEntry(string Obis, Instant At, long Value, string? Device = null);

/// <summary>One record of a SenML pack (RFC 8428).</summary>
/// <param name="Device">Becomes the base name; written again only when it changes.</param>
/// <param name="Obis">The record's name.</param>
/// <param name="At">Absolute time of the record.</param>
/// <param name="Value">Integer mantissa of the value.</param>
/// <param name="Exponent">The value is <paramref name="Value"/> x 10^<paramref name="Exponent"/> in <paramref name="Unit"/>.</param>
/// <param name="Unit">SenML unit (RFC 8428 section 12.1, RFC 8798), or null for none.</param>
public readonly record struct SenmlEntry(string Device, string Obis, Instant At, long Value, int Exponent, string? Unit);

/// <summary>Consecutive intervals of one channel.</summary>
/// <param name="Channel">OBIS code of the channel, for example <c>1-0:1.29.0</c>.</param>
/// <param name="Start">Start of the first interval, on an interval boundary.</param>
/// <param name="Every">Length of each interval.</param>
/// <param name="Values">Wh per interval, at most 1,440.</param>
/// <param name="Status">One word per interval, empty for none; or null when all are empty.</param>
/// <param name="Device">The meter, in a concentrator's message; null when the topic names it.</param>
public sealed record ProfileEntry(
    string Channel, Instant Start, Duration Every, IReadOnlyList<int> Values, IReadOnlyList<string>? Status = null, string? Device = null);
