using Headwater.Metering;

namespace Headwater.HeadEnd.Readings;

/// <summary>A register's integer as a decimal text in its unit, exact: no binary fraction is ever in between.</summary>
public static class ScaledText
{
    /// <summary>value x 10^exponent, with as many decimals as the scale has.</summary>
    /// <example>12345678 at -3 is <c>12345.678</c>; 5 at -3 is <c>0.005</c>; 12 at 3 is <c>12000</c>.</example>
    public static string Of(long value, short exponent) => new DecimalNumber(value, exponent).ToString();

    /// <summary>The same as a number for a chart, where a pixel is the resolution. Never for what is billed.</summary>
    public static double ForChart(long value, short exponent) => exponent switch
    {
        0 => value,
        < 0 => value / Math.Pow(10, -exponent),
        _ => value * Math.Pow(10, exponent),
    };
}
