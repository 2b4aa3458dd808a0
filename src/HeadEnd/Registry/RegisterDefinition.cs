using System.Text;
using Headwater.Metering;

namespace Headwater.HeadEnd.Registry;

/// <summary>What a register version says of its values. Shared by all registers that say the same, so a million meters hold a few dozen of these.</summary>
/// <param name="Obis">OBIS code in the reduced form.</param>
/// <param name="Unit">Unit symbol; value x 10^<paramref name="Exponent"/> is in this unit.</param>
/// <param name="Exponent">Decimal exponent.</param>
/// <param name="Minimum">Smallest stored integer taken, or null.</param>
/// <param name="Maximum">Largest stored integer taken, or null.</param>
/// <param name="IntervalSeconds">Interval length of a load-profile channel, or null.</param>
public sealed record RegisterDefinition(string Obis, string Unit, short Exponent, long? Minimum, long? Maximum, int? IntervalSeconds)
{
    /// <summary>The code as six numbers; the default value for a text that is no OBIS code.</summary>
    public ObisCode Code { get; } = ObisCode.TryParse(Obis, out var code) ? code : default;

    /// <summary>The code as the bytes a payload carries.</summary>
    internal byte[] ObisUtf8 { get; } = Encoding.UTF8.GetBytes(Obis);
}
