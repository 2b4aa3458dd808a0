using System.Text;

namespace Headwater.Metering.Tests;

public sealed class DecimalNumberTests
{
    [Theory]
    [InlineData("12.34", 1234, -2)]
    [InlineData("0", 0, 0)]
    [InlineData("-0.50", -50, -2)]
    [InlineData("1e3", 1, 3)]
    [InlineData("1.5E-2", 15, -3)]
    [InlineData("123456789012345678", 123456789012345678, 0)]
    public void Number_is_kept_as_written_when_it_is_read(string text, long mantissa, int exponent)
    {
        DecimalNumber.TryParse(Encoding.ASCII.GetBytes(text), out var number).ShouldBeTrue();
        number.ShouldBe(new DecimalNumber(mantissa, exponent));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData(".5")]
    [InlineData("5.")]
    [InlineData("1e")]
    [InlineData("1e99999")]
    [InlineData("1234567890123456789")]
    [InlineData("NaN")]
    [InlineData("1 ")]
    public void Number_is_refused_when_it_is_none_or_too_long(string text) =>
        DecimalNumber.TryParse(Encoding.ASCII.GetBytes(text), out _).ShouldBeFalse();

    [Theory]
    [InlineData(1234, -2, -2, true, 1234)]
    [InlineData(1234, -2, -3, true, 12340)]
    [InlineData(1234, -2, 0, false, 0)]
    [InlineData(1200, -2, 0, true, 12)]
    [InlineData(999_999_999_999_999_999, 0, -3, false, 0)]
    [InlineData(-5, 0, -1, true, -50)]
    [InlineData(0, 0, 500, true, 0)]
    public void Integer_is_found_only_when_it_is_exact(long mantissa, int exponent, int wanted, bool exact, long value)
    {
        new DecimalNumber(mantissa, exponent).TryToInteger(wanted, out var result).ShouldBe(exact);
        if (exact) { result.ShouldBe(value); }
    }

    [Theory]
    [InlineData(12345678, -3, "12345.678")]
    [InlineData(-5, -3, "-0.005")]
    [InlineData(5, 2, "500")]
    [InlineData(0, -2, "0.00")]
    [InlineData(long.MinValue, -3, "-9223372036854775.808")]
    public void Text_has_no_exponent_when_it_is_written(long mantissa, int exponent, string text) =>
        new DecimalNumber(mantissa, exponent).ToString().ShouldBe(text);

    [Theory]
    [InlineData("1-0:1.8.0", true)]
    [InlineData("1-0:1.8.0*255", true)]
    [InlineData("1-0:1.8.0*1", true)]
    [InlineData("1-0:1.8", false)]
    [InlineData("1-0:1.8.256", false)]
    [InlineData("01-0:1.8.0", false)]
    [InlineData("1-0:1.8.0 ", false)]
    [InlineData("1.0:1.8.0", false)]
    [InlineData("", false)]
    public void Obis_code_is_judged_when_it_is_read(string text, bool isCode) => ObisCode.TryParse(text, out _).ShouldBe(isCode);

    [Fact]
    public void Obis_code_leaves_group_F_out_when_it_is_255()
    {
        ObisCode.TryParse("1-0:1.8.0*255", out var code).ShouldBeTrue();
        code.ToString().ShouldBe("1-0:1.8.0");
        code.ShouldBe(ObisCode.ActiveEnergyImport);
    }
}
