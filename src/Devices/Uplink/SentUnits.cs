using Headwater.Metering;

namespace Headwater.Devices.Uplink;

/// <summary>Units as SenML writes them (RFC 8428 section 12.1, RFC 8798) and their relation to a register's unit.</summary>
public static class SentUnits
{
    /// <summary>Reads a SenML unit symbol.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out SentUnit unit)
    {
        unit = text switch
        {
            _ when text.SequenceEqual("kWh"u8) => SentUnit.KilowattHour,
            _ when text.SequenceEqual("Wh"u8) => SentUnit.WattHour,
            _ when text.SequenceEqual("J"u8) => SentUnit.Joule,
            _ when text.SequenceEqual("V"u8) => SentUnit.Volt,
            _ when text.SequenceEqual("A"u8) => SentUnit.Ampere,
            _ when text.SequenceEqual("W"u8) => SentUnit.Watt,
            _ when text.SequenceEqual("var"u8) => SentUnit.VoltAmpereReactive,
            _ when text.SequenceEqual("varh"u8) => SentUnit.VoltAmpereReactiveHour,
            _ when text.SequenceEqual("Hz"u8) => SentUnit.Hertz,
            _ when text.SequenceEqual("m3"u8) => SentUnit.CubicMetre,
            _ when text.SequenceEqual("l"u8) => SentUnit.Litre,
            _ when text.SequenceEqual("Cel"u8) => SentUnit.Celsius,
            _ when text.SequenceEqual("%RH"u8) => SentUnit.RelativeHumidity,
            _ when text.SequenceEqual("ppm"u8) => SentUnit.PartsPerMillion,
            _ when text.SequenceEqual("/"u8) => SentUnit.Ratio,
            _ => SentUnit.Register,
        };
        return unit != SentUnit.Register;
    }

    /// <summary>The number in a register's unit.</summary>
    /// <param name="sent">Unit it was sent in.</param>
    /// <param name="number">The number.</param>
    /// <param name="registerUnit">Unit of the register, as in its version: Wh, V, m3, ...</param>
    /// <param name="result">The number in that unit, exactly.</param>
    /// <returns>False when the two units do not measure the same thing or no exact relation is known.</returns>
    public static bool TryConvert(SentUnit sent, DecimalNumber number, string registerUnit, out DecimalNumber result)
    {
        result = number;
        return (sent, registerUnit) switch
        {
            (SentUnit.KilowattHour, "Wh") => Shifted(number, 3, out result),
            (SentUnit.Litre, "m3") => Shifted(number, -3, out result),
            (SentUnit.CubicMetre, "l") => Shifted(number, 3, out result),
            (SentUnit.WattHour, "kWh") => Shifted(number, -3, out result),
            (SentUnit.KilowattHour, "kWh") or (SentUnit.WattHour, "Wh") or (SentUnit.Joule, "J") or (SentUnit.Volt, "V") => true,
            (SentUnit.Ampere, "A") or (SentUnit.Watt, "W") or (SentUnit.VoltAmpereReactive, "var") or (SentUnit.Hertz, "Hz") => true,
            (SentUnit.CubicMetre, "m3") or (SentUnit.Litre, "l") or (SentUnit.Celsius, "Cel") or (SentUnit.RelativeHumidity, "%RH") => true,
            (SentUnit.PartsPerMillion, "ppm") or (SentUnit.Ratio, "1") or (SentUnit.VoltAmpereReactiveHour, "varh") => true,
            _ => false,
        };
    }

    private static bool Shifted(DecimalNumber number, int shift, out DecimalNumber result)
    {
        result = number.Shift(shift);
        return true;
    }
}
