using Headwater.Simulator.Shapes;
using NodaTime;

namespace Headwater.Simulator.Tests;

public sealed class HouseholdShapeTests
{
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];

    private static HouseholdShape Shape(ulong seed = 5, double solar = 0) => new(seed, Berlin, 10_000, 10_000, solar);

    private static Instant Midnight(int year, int month, int day) => Berlin.AtStartOfDay(new LocalDate(year, month, day)).ToInstant();

    [Fact]
    public void Register_never_falls_and_is_the_same_whatever_was_asked_before()
    {
        var shape = Shape();
        var last = 0L;
        var seen = new List<(Instant At, long Value)>();
        for (var at = Instant.FromUtc(2026, 3, 27, 0, 0); at < Instant.FromUtc(2026, 3, 31, 0, 0); at += Duration.FromMinutes(7))
        {
            var value = shape.ImportWattHours(at);
            value.ShouldBeGreaterThanOrEqualTo(last);
            last = value;
            seen.Add((at, value));
        }

        var other = Shape();
        foreach (var (at, value) in Enumerable.Reverse(seen)) { other.ImportWattHours(at).ShouldBe(value); }
    }

    [Fact]
    public void Register_goes_on_over_midnight_without_a_step()
    {
        var shape = Shape();
        var midnight = Midnight(2026, 6, 10);
        var before = shape.ImportWattHours(midnight - Duration.FromSeconds(1));
        var after = shape.ImportWattHours(midnight + Duration.FromSeconds(1));
        (after - before).ShouldBeInRange(0, 2);
    }

    [Theory]
    [InlineData(2026, 3, 29)] // 23 hours
    [InlineData(2026, 10, 25)] // 25 hours
    [InlineData(2026, 7, 1)]
    public void Days_of_any_length_use_a_plausible_energy(int year, int month, int day)
    {
        var shape = Shape();
        var energy = shape.ImportWattHours(Midnight(year, month, day) + Duration.FromHours(30)) - shape.ImportWattHours(Midnight(year, month, day));
        energy.ShouldBeInRange(2_000, 30_000);
    }

    [Fact]
    public void Two_years_average_the_households_typical_day_and_winter_is_above_spring()
    {
        var means = new List<double>();
        double winter = 0, spring = 0;
        for (ulong seed = 0; seed < 40; seed++)
        {
            var shape = Shape(seed);
            means.Add((shape.ImportWattHours(Midnight(2026, 1, 1)) - shape.ImportWattHours(Midnight(2024, 1, 1))) / 731.0);
            winter += shape.ImportWattHours(Midnight(2026, 2, 1)) - shape.ImportWattHours(Midnight(2026, 1, 1));
            spring += shape.ImportWattHours(Midnight(2026, 5, 1)) - shape.ImportWattHours(Midnight(2026, 4, 1));
        }

        means.Average().ShouldBeInRange(9_000, 11_500);
        (winter / 31).ShouldBeGreaterThan(spring / 30 * 1.1);
    }

    [Fact]
    public void Evening_of_a_working_day_is_above_its_night()
    {
        double evening = 0, night = 0;
        for (ulong seed = 0; seed < 40; seed++)
        {
            var shape = Shape(seed);
            var day = Midnight(2026, 6, 10); // a Wednesday
            evening += shape.ImportWattHours(day + Duration.FromHours(21)) - shape.ImportWattHours(day + Duration.FromHours(19));
            night += shape.ImportWattHours(day + Duration.FromHours(4)) - shape.ImportWattHours(day + Duration.FromHours(2));
        }

        evening.ShouldBeGreaterThan(night * 2);
    }

    [Fact]
    public void Panels_export_by_day_and_never_at_night()
    {
        var shape = Shape(solar: 4_000);
        var day = Midnight(2026, 6, 10);
        (shape.ExportWattHours(day + Duration.FromHours(4)) - shape.ExportWattHours(day)).ShouldBe(0);
        (shape.ExportWattHours(day + Duration.FromHours(16)) - shape.ExportWattHours(day + Duration.FromHours(10))).ShouldBeGreaterThan(500);
        Shape().ExportWattHours(day).ShouldBe(0);
    }

    [Fact]
    public void Households_differ_by_seed() => Shape(1).ImportWattHours(Midnight(2026, 6, 10)).ShouldNotBe(Shape(2).ImportWattHours(Midnight(2026, 6, 10)));

    [Fact]
    public void Power_is_the_slope_of_the_register()
    {
        var shape = Shape();
        var at = Midnight(2026, 6, 10) + Duration.FromHours(20) + Duration.FromMinutes(1);
        var slope = (shape.ImportWattHours(at + Duration.FromMinutes(12)) - shape.ImportWattHours(at)) * 5.0;
        ((double)shape.ImportWatts(at)).ShouldBeInRange((slope * 0.95) - 10, (slope * 1.05) + 10);
    }
}
