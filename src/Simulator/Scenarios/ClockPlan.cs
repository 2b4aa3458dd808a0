using NodaTime;

namespace Headwater.Simulator.Scenarios;

/// <summary>How simulated time runs against the real one.</summary>
/// <param name="StartsBefore">Simulated time starts this long before now; zero for a real clock.</param>
/// <param name="StartAt">Or at this instant.</param>
/// <param name="Factor">Simulated seconds in a real second; infinity for as fast as the server acknowledges.</param>
/// <param name="Until">Nothing is simulated from here on; null for no end.</param>
internal sealed record ClockPlan(Duration StartsBefore, Instant? StartAt, double Factor, Instant? Until)
{
    /// <summary>A real clock.</summary>
    internal static ClockPlan Real { get; } = new(Duration.Zero, null, 1, null);

    /// <summary>The plan with its real start.</summary>
    internal FleetClock StartedAt(Instant now) => new(now, StartAt ?? now - StartsBefore, Factor, Until);
}

/// <summary>Maps simulated instants to real ones.</summary>
/// <remarks>Fast time that has caught up with the present goes on at the pace of the real clock: no reading comes from the future.</remarks>
internal sealed class FleetClock(Instant realStart, Instant simulatedStart, double factor, Instant? until)
{
    /// <summary>The first simulated instant.</summary>
    internal Instant Start { get; } = simulatedStart;

    /// <summary>Simulated seconds in a real second.</summary>
    internal double Factor { get; } = factor;

    /// <summary>Whether anything happens at a simulated instant.</summary>
    internal bool HasEnded(Instant simulated) => until is not null && simulated >= until;

    /// <summary>When a simulated instant is due on the real clock.</summary>
    internal Instant RealTimeOf(Instant simulated)
    {
        var sinceStart = simulated - Start;
        var fast = double.IsPositiveInfinity(Factor) ? realStart : realStart + (sinceStart / Factor);
        return Instant.Max(fast, simulated);
    }
}
