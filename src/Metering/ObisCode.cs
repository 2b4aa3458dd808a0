using System.Globalization;

namespace Headwater.Metering;

/// <summary>Identifies a metered quantity, for example <c>1-0:1.8.0</c> (active energy import, total). Six value groups A-B:C.D.E*F.</summary>
/// <remarks>Source: IEC 62056-61 (OBIS). F is 255 when it is not written. The default value is 0-0:0.0.0*0.</remarks>
public readonly record struct ObisCode(byte A, byte B, byte C, byte D, byte E, byte F)
{
    /// <summary>Active energy import, total: the register the plain uplink form carries.</summary>
    public static ObisCode ActiveEnergyImport { get; } = new(1, 0, 1, 8, 0, 255);

    /// <summary>Reads <c>A-B:C.D.E</c> or <c>A-B:C.D.E*F</c>, each group 0 to 255 in decimal without leading zeros or blanks.</summary>
    /// <returns>False for anything else; never throws.</returns>
    public static bool TryParse(ReadOnlySpan<byte> utf8, out ObisCode code)
    {
        code = default;
        Span<byte> groups = stackalloc byte[6];
        groups[5] = 255;
        var position = 0;
        for (var group = 0; group < 6; group++)
        {
            if (!TryReadGroup(utf8, ref position, out groups[group])) { return false; }
            if (position == utf8.Length)
            {
                if (group < 4) { return false; }
                code = new ObisCode(groups[0], groups[1], groups[2], groups[3], groups[4], groups[5]);
                return true;
            }

            if (group == 5 || utf8[position] != "-:..*"u8[group]) { return false; }
            position++;
        }

        return false;
    }

    /// <summary>Reads the text form; see <see cref="TryParse(ReadOnlySpan{byte}, out ObisCode)"/>.</summary>
    public static bool TryParse(string text, out ObisCode code)
    {
        ArgumentNullException.ThrowIfNull(text);
        Span<byte> utf8 = stackalloc byte[24];
        if (text.Length > utf8.Length || !System.Text.Ascii.IsValid(text))
        {
            code = default;
            return false;
        }

        _ = System.Text.Ascii.FromUtf16(text, utf8, out var written);
        return TryParse(utf8[..written], out code);
    }

    /// <summary>The text form; F is left out when it is 255.</summary>
    public override string ToString() => F == 255
        ? string.Create(CultureInfo.InvariantCulture, $"{A}-{B}:{C}.{D}.{E}")
        : string.Create(CultureInfo.InvariantCulture, $"{A}-{B}:{C}.{D}.{E}*{F}");

    private static bool TryReadGroup(ReadOnlySpan<byte> utf8, ref int position, out byte value)
    {
        value = 0;
        var start = position;
        var number = 0;
        while (position < utf8.Length && position - start < 3 && utf8[position] is >= (byte)'0' and <= (byte)'9')
        {
            number = (number * 10) + (utf8[position++] - '0');
        }

        var digits = position - start;
        if (digits == 0 || number > 255 || (digits > 1 && utf8[start] == '0')) { return false; }
        value = (byte)number;
        return true;
    }
}
