using NodaTime;

namespace Headwater.Simulator.Faults;

/// <summary>What can go wrong with a meter. The words are the scenario file's.</summary>
internal enum FaultKind
{
    /// <summary>A reading is never sent.</summary>
    Gap,

    /// <summary>A reading is sent twice, alike.</summary>
    Duplicate,

    /// <summary>A reading is sent twice with two values: a conflict at the head-end.</summary>
    Conflict,

    /// <summary>One reading is far too high; the next one is right again.</summary>
    Spike,

    /// <summary>The register starts again from zero.</summary>
    Reset,

    /// <summary>The meter's clock goes wrong by a constant rate.</summary>
    ClockDrift,

    /// <summary>One reading carries a time hours ahead.</summary>
    ClockJump,

    /// <summary>The mains fail: a last-gasp event, then silence without a DISCONNECT, then a restoration event.</summary>
    LastGasp,

    /// <summary>One message is cut in the middle.</summary>
    Malformed,
}

/// <summary>One fault of a meter group.</summary>
/// <param name="Kind">What goes wrong.</param>
/// <param name="Probability">Chance per reading; for <see cref="FaultKind.Reset"/> per day; unused for <see cref="FaultKind.ClockDrift"/>.</param>
/// <param name="Share">Share of the group's meters that have this fault at all, 0 to 1.</param>
/// <param name="SpikeWattHours">How much a spike adds.</param>
/// <param name="DriftSecondsPerDay">How much a drifting clock gains a day; each affected meter draws between minus and plus this.</param>
/// <param name="Outage">How long the mains stay away after a last gasp.</param>
internal sealed record FaultRule(
    FaultKind Kind, double Probability, double Share, long SpikeWattHours, double DriftSecondsPerDay, Duration Outage);
