using Headwater.Storage.Connections;

namespace Headwater.Storage.Tests.Connections;

public sealed class ReplicaLagTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 20, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Lag_is_unknown_when_the_replica_never_reached_a_sample()
    {
        var lag = new ReplicaLag();
        lag.Add(Start, 100, 50);
        lag.At(Start.AddSeconds(9)).ShouldBeNull();
    }

    [Fact]
    public void Lag_is_the_age_of_the_newest_sample_reached_when_the_replica_is_behind()
    {
        var lag = new ReplicaLag();
        lag.Add(Start, 100, 100);
        lag.Add(Start.AddSeconds(1), 200, 150);
        lag.Add(Start.AddSeconds(2), 300, 200);
        lag.At(Start.AddSeconds(2)).ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Lag_stays_small_when_the_primary_is_idle_for_hours()
    {
        var lag = new ReplicaLag();
        for (var i = 0; i < 7200; i++) { lag.Add(Start.AddSeconds(i), 100, 100); }
        lag.At(Start.AddSeconds(7200)).ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Lag_grows_when_the_primary_does_not_answer()
    {
        var lag = new ReplicaLag();
        lag.Add(Start, 100, 100);
        for (var i = 1; i < 30; i++) { lag.Add(Start.AddSeconds(i), null, 100); }
        lag.At(Start.AddSeconds(30)).ShouldBe(TimeSpan.FromSeconds(30));
    }
}
