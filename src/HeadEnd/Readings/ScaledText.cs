using System.Globalization;
using System.Numerics;

namespace Headwater.HeadEnd.Readings;

/// <summary>A register's integer as a decimal text in its unit, exact: no binary fraction is ever in between.</summary>
public static class ScaledText
{
    /// <summary>value x 10^exponent, with as many decimals as the scale has.</summary>
    /// <example>12345678 at -3 is <c>12345.678</c>; 5 at -3 is <c>0.005</c>; 12 at 3 is <c>12000</c>.</example>
    public static string Of(long value, short exponent)
    {
        if (exponent >= 0)
        {
            var whole = value.ToString(CultureInfo.InvariantCulture);
            return value == 0 ? "0" : whole + new string('0', exponent);
        }
        var digits = BigInteger.Abs(value).ToString(CultureInfo.InvariantCulture).PadLeft(1 - exponent, '0');
        var point = digits.Length + exponent;
        return string.Concat(value < 0 ? "-" : string.Empty, digits.AsSpan(0, point), ".", digits.AsSpan(point));
    }

    /// <summary>The same as a number for a chart, where a pixel is the resolution. Never for what is billed.</summary>
    public static double ForChart(long value, short exponent) => exponent switch
    {
        0 => value,
        < 0 => value / Math.Pow(10, -exponent),
        _ => value * Math.Pow(10, exponent),
    };
}
