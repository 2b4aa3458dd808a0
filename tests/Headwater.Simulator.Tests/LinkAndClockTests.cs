using Headwater.Simulator.Links;
using Headwater.Simulator.Scenarios;
using NodaTime;

namespace Headwater.Simulator.Tests;

public sealed class LinkAndClockTests
{
    private static readonly Instant Now = Instant.FromUtc(2026, 11, 20, 12, 0);

    [Theory]
    [InlineData("LTE Cat.M1", 10, 17)] // 1 Mbit/s, 10 to 15 ms, and under 2 ms for the bytes
    [InlineData("Wi-Fi", 3, 8)]
    [InlineData("PLC", 120, 240)]
    [InlineData("none", 0, 0)]
    public void Message_without_loss_takes_delay_jitter_and_its_bytes(string name, double low, double high)
    {
        var link = LinkCatalogue.BuiltIn()[name] with { LossPercent = 0 };
        var random = new SeededRandom(1);
        for (var i = 0; i < 200; i++) { link.SendTime(100, ref random).TotalMilliseconds.ShouldBeInRange(low, high); }
    }

    [Theory]
    [InlineData("PLC")]
    [InlineData("ZigBee")]
    [InlineData("LoRa")]
    [InlineData("LTE Cat.M1")]
    [InlineData("NB-IoT")]
    [InlineData("Wi-Fi")]
    public void Link_of_every_kind_ships_and_is_deterministic_by_seed(string name)
    {
        var link = LinkCatalogue.BuiltIn()[name];
        var (first, second) = (new SeededRandom(9), new SeededRandom(9));
        for (var i = 0; i < 50; i++) { link.SendTime(200, ref first).ShouldBe(link.SendTime(200, ref second)); }
    }

    [Fact]
    public void Lost_transmission_costs_a_retry_and_never_takes_for_ever()
    {
        var link = new LinkProfile("bad", 10, 0, 100, 0, 100);
        var random = new SeededRandom(1);
        link.SendTime(10, ref random).TotalMilliseconds.ShouldBe(10 + (8 * 110), 0.1);
    }

    [Fact]
    public void Bandwidth_makes_large_messages_slower()
    {
        var link = new LinkProfile("thin", 0, 0, 0, 8_000, 0); // 1 byte per millisecond
        var random = new SeededRandom(1);
        link.SendTime(960, ref random).TotalMilliseconds.ShouldBe(1_000, 0.1); // with 40 bytes of TCP and IP
    }

    [Fact]
    public void Fast_time_runs_by_its_factor_until_it_reaches_the_present()
    {
        var clock = new ClockPlan(Duration.FromDays(1), null, 86_400, null).StartedAt(Now);
        clock.RealTimeOf(Now - Duration.FromHours(12)).ShouldBe(Now + Duration.FromSeconds(0.5));
        clock.RealTimeOf(Now + Duration.FromMinutes(5)).ShouldBe(Now + Duration.FromMinutes(5));
    }

    [Fact]
    public void Time_as_fast_as_acknowledged_makes_the_past_due_at_once()
    {
        var clock = new ClockPlan(Duration.FromDays(30), null, double.PositiveInfinity, Now).StartedAt(Now);
        clock.RealTimeOf(Now - Duration.FromDays(29)).ShouldBe(Now);
        clock.HasEnded(Now - Duration.FromTicks(1)).ShouldBeFalse();
        clock.HasEnded(Now).ShouldBeTrue();
    }
}
