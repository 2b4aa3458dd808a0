namespace Headwater.Devices.Profiles;

/// <summary>What a register of a device class means until a version of its own says otherwise.</summary>
/// <param name="Obis">OBIS code in the reduced form <c>A-B:C.D.E</c> (IEC 62056-61).</param>
/// <param name="Name">The quantity in words.</param>
/// <param name="Unit">Unit symbol; a stored value x 10^<paramref name="Exponent"/> is in this unit.</param>
/// <param name="Exponent">Decimal exponent, as COSEM's scaler (IEC 62056-6-2, class 3).</param>
/// <param name="Minimum">Smallest plausible stored integer, or null.</param>
/// <param name="Maximum">Largest plausible stored integer, or null.</param>
/// <param name="IntervalSeconds">Interval length of a load-profile channel, or null for a register read at an instant.</param>
public sealed record RegisterProfile(
    string Obis, string Name, string Unit, short Exponent, long? Minimum = null, long? Maximum = null, int? IntervalSeconds = null);
