using Headwater.Simulator.Shapes;
using NodaTime;

namespace Headwater.Simulator.Tests;

public sealed class IntervalFileTests
{
    private static IntervalFile Read(params string[] lines)
    {
        var mistakes = new List<string>();
        var file = IntervalFile.TryRead(["start,value", .. lines], mistakes);
        mistakes.ShouldBeEmpty();
        return file.ShouldNotBeNull();
    }

    [Fact]
    public void Remainder_of_a_value_that_is_not_whole_watt_hours_is_carried_into_the_next_interval()
    {
        var file = Read("2026-01-01 00:00:00,0.0006", "2026-01-01 00:30:00,0.0006", "2026-01-01 01:00:00,1.4529999", "2026-01-01 01:30:00,0.0008001");
        var at = Instant.FromUtc(2026, 1, 1, 0, 0);
        var energies = new List<(long, int)>();
        for (var i = 0; i < 4; i++)
        {
            var next = file.Next(at + Duration.FromSeconds(1));
            energies.Add((next.RegisterWattHours, next.IntervalWattHours));
            at = next.End;
        }

        energies.ShouldBe([(0, 0), (1, 1), (1_454, 1_453), (1_455, 1)]); // 0.6, 1.2, 1454.1999, 1455.0 Wh cut to whole
    }

    [Fact]
    public void Repeated_row_is_left_out_and_a_gap_stays_a_gap()
    {
        var file = Read("2026-01-01 00:00:00,1", "2026-01-01 00:30:00,1", "2026-01-01 00:30:00,1", "2026-01-01 03:00:00,1", "2026-01-01 03:30:00,1");
        file.RepeatedRows.ShouldBe(1);
        file.Count.ShouldBe(4);
        file.Interval.ShouldBe(Duration.FromMinutes(30));
        var afterGap = file.Next(Instant.FromUtc(2026, 1, 1, 1, 1));
        afterGap.End.ShouldBe(Instant.FromUtc(2026, 1, 1, 3, 30));
        afterGap.RegisterWattHours.ShouldBe(3_000);
    }

    [Fact]
    public void Register_goes_on_when_the_file_repeats()
    {
        var file = Read("2026-01-01 00:00:00,1", "2026-01-01 00:30:00,2");
        var week = file.Next(Instant.FromUtc(2026, 1, 8, 0, 0)); // shorter than a week: repeats weekly
        week.End.ShouldBe(Instant.FromUtc(2026, 1, 8, 0, 30));
        week.RegisterWattHours.ShouldBe(4_000);
    }

    [Fact]
    public void Times_with_an_offset_are_read() =>
        Read("2026-01-01T00:00:00-06:00,1", "2026-01-01T01:00:00-06:00,2").Next(Instant.FromUtc(2026, 1, 1, 6, 30)).End.ShouldBe(Instant.FromUtc(2026, 1, 1, 7, 0));

    [Fact]
    public void Wrong_lines_are_all_reported_with_their_numbers()
    {
        var mistakes = new List<string>();
        IntervalFile.TryRead(["start,value", "2026-01-01 00:00:00,1", "nonsense", "2026-01-01 00:30:00,x", "2025-01-01 00:00:00,1"], mistakes).ShouldBeNull();
        mistakes.Count.ShouldBe(3);
        mistakes[0].ShouldStartWith("line 3 ");
        mistakes[2].ShouldBe("line 5 goes back in time");
    }

    [Fact]
    public void Real_household_is_read_with_its_oddities()
    {
        var path = Path.Combine(Repository.Root, "scenarios", "data", "household-uk-halfhourly.csv");
        var file = IntervalFile.TryRead(File.ReadLines(path), []).ShouldNotBeNull();
        file.RepeatedRows.ShouldBe(15);
        file.Interval.ShouldBe(Duration.FromMinutes(30));
        // The same weekday and time 52 weeks later shows the same interval on top of one whole period.
        var first = file.Next(Instant.FromUtc(2013, 6, 5, 19, 1));
        var later = file.Next(Instant.FromUtc(2014, 6, 4, 19, 1));
        later.IntervalWattHours.ShouldBe(first.IntervalWattHours);
        (later.RegisterWattHours - first.RegisterWattHours).ShouldBeInRange(3_500_000, 5_600_000);
    }
}
