using System.Globalization;

namespace Headwater.Metering;

/// <summary>A decimal number exactly as it was written: <see cref="Mantissa"/> x 10^<see cref="Exponent"/>.</summary>
/// <remarks>Register values are 64-bit integers with the register's decimal exponent (as COSEM scaler and unit); this type carries a
/// written number to that integer without ever passing through a binary fraction.</remarks>
public readonly record struct DecimalNumber(long Mantissa, int Exponent)
{
    // A 64-bit integer has at most 19 digits: a larger shift is either zero or out of range.
    private const int LargestShift = 18;

    private static readonly long[] Powers = MakePowers();

    /// <summary>Reads a JSON number (RFC 8259 section 6): sign, digits, fraction, exponent.</summary>
    /// <returns>False when it is not a number or has more than 18 significant digits; never throws.</returns>
    public static bool TryParse(ReadOnlySpan<byte> utf8, out DecimalNumber number)
    {
        number = default;
        var position = 0;
        var negative = utf8.Length > 0 && utf8[0] == '-';
        if (negative) { position++; }
        long mantissa = 0;
        var exponent = 0;
        var digits = 0;
        var significant = 0;
        var afterPoint = false;
        for (; position < utf8.Length; position++)
        {
            var c = utf8[position];
            if (c == '.' && !afterPoint && digits > 0)
            {
                afterPoint = true;
                continue;
            }

            if (c is < (byte)'0' or > (byte)'9') { break; }
            digits++;
            if (mantissa != 0 || c != '0') { significant++; }
            if (significant > LargestShift) { return false; }
            mantissa = (mantissa * 10) + (c - '0');
            if (afterPoint && --exponent < -1_000) { return false; }
        }

        if (digits == 0 || utf8[position - 1] == '.') { return false; }
        if (position < utf8.Length)
        {
            if ((utf8[position] | 0x20) != 'e') { return false; }
            position++;
            var negativeExponent = position < utf8.Length && utf8[position] == '-';
            if (position < utf8.Length && utf8[position] is (byte)'-' or (byte)'+') { position++; }
            var start = position;
            var written = 0;
            for (; position < utf8.Length; position++)
            {
                if (utf8[position] is < (byte)'0' or > (byte)'9' || position - start > 3) { return false; }
                written = (written * 10) + (utf8[position] - '0');
            }

            if (position == start) { return false; }
            exponent += negativeExponent ? -written : written;
        }

        number = new DecimalNumber(negative ? -mantissa : mantissa, mantissa == 0 ? 0 : exponent);
        return true;
    }

    /// <summary>The integer n with n x 10^<paramref name="exponent"/> equal to this number.</summary>
    /// <returns>False when there is none: not exact at that exponent, or beyond 64 bits.</returns>
    public bool TryToInteger(int exponent, out long value)
    {
        var shift = Exponent - exponent;
        value = Mantissa;
        if (shift == 0 || Mantissa == 0) { return true; }
        if (shift > 0)
        {
            if (shift > LargestShift) { return false; }
            var product = Math.BigMul(Mantissa, Powers[shift], out var low);
            value = low;
            return product == low >> 63;
        }

        if (shift < -LargestShift) { return false; }
        var (quotient, remainder) = Math.DivRem(Mantissa, Powers[-shift]);
        value = quotient;
        return remainder == 0;
    }

    /// <summary>The whole part, cut towards zero.</summary>
    /// <returns>False when it does not fit 64 bits.</returns>
    public bool TryCut(out long value)
    {
        if (TryToInteger(0, out value)) { return true; }
        if (Exponent >= 0) { return false; }
        value = Exponent < -LargestShift ? 0 : Mantissa / Powers[-Exponent];
        return true;
    }

    /// <summary>The same number in a unit 10^<paramref name="shift"/> times smaller, for example kWh to Wh with 3.</summary>
    public DecimalNumber Shift(int shift) => new(Mantissa, Mantissa == 0 ? 0 : Exponent + shift);

    /// <summary>Plain decimal text without an exponent, keeping the digits after the point that the exponent states.</summary>
    public override string ToString()
    {
        if (Exponent >= 0)
        {
            return Mantissa.ToString(CultureInfo.InvariantCulture) + (Mantissa == 0 ? "" : new string('0', Exponent));
        }

        var digits = Math.Abs((decimal)Mantissa).ToString(CultureInfo.InvariantCulture).PadLeft(-Exponent + 1, '0');
        var sign = Mantissa < 0 ? "-" : "";
        return string.Concat(sign, digits.AsSpan(0, digits.Length + Exponent), ".", digits.AsSpan(digits.Length + Exponent));
    }

    private static long[] MakePowers()
    {
        var powers = new long[LargestShift + 1];
        powers[0] = 1;
        for (var i = 1; i < powers.Length; i++) { powers[i] = powers[i - 1] * 10; }
        return powers;
    }
}
