using Headwater.Simulator.Faults;
using NodaTime;

namespace Headwater.Simulator.Tests;

public sealed class FaultPlanTests
{
    private static readonly Instant Installed = Instant.FromUtc(2024, 1, 1, 0, 0);
    private static readonly Instant From = Instant.FromUtc(2026, 1, 1, 0, 0);

    private static FaultRule Rule(FaultKind kind, double probability, double share = 1) =>
        new(kind, probability, share, 50_000, 2, Duration.FromMinutes(10));

    private static IEnumerable<Instant> Quarters(int count) => Enumerable.Range(0, count).Select(i => From + Duration.FromMinutes(15 * i));

    [Fact]
    public void Nothing_goes_wrong_without_rules() => new FaultPlan(1, [], Installed).At(From).ShouldBe(default);

    [Fact]
    public void Same_seed_draws_the_same_faults_and_another_seed_others()
    {
        FaultRule[] rules = [Rule(FaultKind.Gap, 0.2), Rule(FaultKind.Spike, 0.1), Rule(FaultKind.Malformed, 0.1)];
        var first = Quarters(500).Select(new FaultPlan(1, rules, Installed).At).ToList();
        Quarters(500).Select(new FaultPlan(1, rules, Installed).At).ShouldBe(first);
        Quarters(500).Select(new FaultPlan(2, rules, Installed).At).ShouldNotBe(first);
    }

    [Theory]
    [InlineData(0.0, 0, 0)]
    [InlineData(0.05, 400, 600)]
    [InlineData(1.0, 10_000, 10_000)]
    public void Probability_is_per_reading(double probability, int low, int high)
    {
        var plan = new FaultPlan(3, [Rule(FaultKind.Gap, probability)], Installed);
        Quarters(10_000).Count(at => plan.At(at).Gap).ShouldBeInRange(low, high);
    }

    [Fact]
    public void Share_is_of_meters()
    {
        var affected = Enumerable.Range(0, 1_000).Count(seed => new FaultPlan((ulong)seed, [Rule(FaultKind.Gap, 1, 0.1)], Installed).At(From).Gap);
        affected.ShouldBeInRange(70, 130);
    }

    [Theory]
    [InlineData(nameof(FaultKind.Duplicate))]
    [InlineData(nameof(FaultKind.Conflict))]
    [InlineData(nameof(FaultKind.Spike))]
    [InlineData(nameof(FaultKind.ClockJump))]
    [InlineData(nameof(FaultKind.Malformed))]
    [InlineData(nameof(FaultKind.LastGasp))]
    public void Each_kind_sets_what_its_name_says(string name)
    {
        var kind = Enum.Parse<FaultKind>(name);
        var faults = new FaultPlan(3, [Rule(kind, 1)], Installed).At(From);
        faults.Duplicate.ShouldBe(kind == FaultKind.Duplicate);
        faults.Conflict.ShouldBe(kind == FaultKind.Conflict);
        faults.SpikeWattHours.ShouldBe(kind == FaultKind.Spike ? 50_000 : 0);
        faults.ClockError.ShouldBe(kind == FaultKind.ClockJump ? Duration.FromHours(3) : Duration.Zero);
        faults.Malformed.ShouldBe(kind == FaultKind.Malformed);
        faults.Outage.ShouldBe(kind == FaultKind.LastGasp ? Duration.FromMinutes(10) : Duration.Zero);
    }

    [Fact]
    public void Drifting_clock_errs_more_each_day_until_it_is_set()
    {
        var plan = new FaultPlan(8, [Rule(FaultKind.ClockDrift, 0)], Installed);
        var early = plan.At(Installed + Duration.FromDays(31)).ClockError.TotalSeconds;
        var late = plan.At(Installed + Duration.FromDays(59)).ClockError.TotalSeconds;
        Math.Abs(late).ShouldBeGreaterThan(Math.Abs(early));
        Math.Abs(late).ShouldBeLessThanOrEqualTo(60);
    }

    [Fact]
    public void Last_reset_is_the_same_seen_from_any_later_instant_before_the_next()
    {
        var plan = new FaultPlan(4, [Rule(FaultKind.Reset, 0.02)], Installed);
        var reset = plan.LastReset(From).ShouldNotBeNull();
        reset.ShouldBeLessThanOrEqualTo(From);
        plan.LastReset(reset).ShouldBe(reset);
        plan.LastReset(reset - Duration.FromTicks(1)).ShouldNotBe(reset);
        new FaultPlan(4, [], Installed).LastReset(From).ShouldBeNull();
    }
}
