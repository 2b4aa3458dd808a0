using Headwater.Mqtt;
using Headwater.Simulator.Faults;
using Headwater.Simulator.Links;
using Headwater.Simulator.Shapes;
using NodaTime;

namespace Headwater.Simulator.Scenarios;

/// <summary>A fleet as a file describes it. docs/simulator.md documents every setting.</summary>
/// <param name="Name">Shown at start.</param>
/// <param name="Seed">Same seed, same fleet.</param>
/// <param name="Zone">Where the households live.</param>
/// <param name="ConnectsPerSecond">How fast the fleet comes online.</param>
/// <param name="Groups">Meters that are alike.</param>
internal sealed record Scenario(string Name, ulong Seed, DateTimeZone Zone, int ConnectsPerSecond, IReadOnlyList<MeterGroup> Groups)
{
    /// <summary>Meters of all groups.</summary>
    internal int Meters => Groups.Sum(group => group.Count);

    /// <summary>Connections of all groups: one per meter, or one per concentrator.</summary>
    internal int Connections => Groups.Sum(group => group.Connections);
}

/// <summary>How readings are packed. The words are the scenario file's.</summary>
internal enum PayloadForm
{
    /// <summary>One JSON object per reading on the shared topic.</summary>
    Plain,

    /// <summary>All registers of an instant in one <c>up/read</c> object.</summary>
    Read,

    /// <summary>The same as a SenML pack.</summary>
    Senml,

    /// <summary>Blocks of intervals on <c>up/profile</c>.</summary>
    Profile,
}

/// <summary>Whether a meter stays connected.</summary>
internal enum ConnectionHabit
{
    /// <summary>Stays connected and comes back when cut.</summary>
    Permanent,

    /// <summary>Connects to hand over what has gathered, then disconnects.</summary>
    Occasional,
}

/// <summary>When readings are taken.</summary>
internal enum Alignment
{
    /// <summary>All at the interval's boundary, sent within the send spread: how meters work.</summary>
    Boundary,

    /// <summary>Each meter at its own phase of the interval: steady traffic.</summary>
    Staggered,
}

/// <summary>Meters that are alike.</summary>
internal sealed record MeterGroup(
    string Name,
    int Count,
    IdPattern Ids,
    int FirstNumber,
    Duration Interval,
    Duration IntervalSpread,
    Alignment Alignment,
    Duration SendSpread,
    IReadOnlyList<RegisterKind> Registers,
    PayloadForm Payload,
    int ProfileIntervals,
    QualityOfService QualityOfService,
    int InFlight,
    ConnectionHabit Connection,
    Duration ContactInterval,
    LinkProfile Link,
    ClockPlan Clock,
    HouseholdRange Household,
    ConcentratorPlan? Concentrator,
    IntervalFile? Replay,
    bool ReportsState,
    IReadOnlyList<FaultRule> Faults)
{
    /// <summary>MQTT connections the group has.</summary>
    internal int Connections => Concentrator is null ? Count : (Count + Concentrator.Meters - 1) / Concentrator.Meters;
}

/// <summary>What households of a group use.</summary>
/// <param name="LowestDailyWattHours">A typical day lies between this</param>
/// <param name="HighestDailyWattHours">and this.</param>
/// <param name="SolarPeakWatts">Panels on the roof, 0 for none.</param>
internal sealed record HouseholdRange(double LowestDailyWattHours, double HighestDailyWattHours, double SolarPeakWatts);

/// <summary>A concentrator (DCU) that carries many meters.</summary>
/// <param name="Meters">Meters of one concentrator.</param>
/// <param name="Ids">Its own id.</param>
internal sealed record ConcentratorPlan(int Meters, IdPattern Ids);
