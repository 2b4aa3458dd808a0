using Headwater.Simulator.Faults;
using NodaTime;

namespace Headwater.Simulator.Scenarios;

/// <summary>Reads one entry of a group's <c>faults</c>.</summary>
internal static class FaultRuleReader
{
    /// <summary>The rule; null when the entry has a mistake, which is then reported.</summary>
    internal static FaultRule? Read(JsonSettings fault)
    {
        var kind = fault.RequiredWord<FaultKind>("kind");
        if (kind is null) { return null; }
        var probability = fault.Number("probability", kind == FaultKind.ClockDrift ? 0 : null, 0, 1);
        var share = fault.Number("share", 1, 0, 1);
        var spike = kind == FaultKind.Spike ? fault.Whole("wattHours", 50_000, 1, 1_000_000_000) : 0;
        var drift = kind == FaultKind.ClockDrift ? fault.Number("secondsPerDay", 2, 0, 3_600) : 0;
        var outage = kind == FaultKind.LastGasp
            ? fault.Span("outage", Duration.FromMinutes(10), Duration.FromSeconds(1), Duration.FromDays(7))
            : Duration.Zero;
        fault.NothingElse();
        return new FaultRule(kind.Value, probability, share, spike, drift, outage);
    }
}
