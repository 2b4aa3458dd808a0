using NodaTime;

namespace Headwater.Simulator.Faults;

/// <summary>What goes wrong with one reading.</summary>
/// <param name="Gap">Send nothing.</param>
/// <param name="Duplicate">Send it twice.</param>
/// <param name="Conflict">Send it again with another value.</param>
/// <param name="SpikeWattHours">Add this to the value.</param>
/// <param name="ClockError">Add this to the meter's time.</param>
/// <param name="Malformed">Cut the message in the middle.</param>
/// <param name="Outage">The mains fail right after it for this long; zero for no failure.</param>
internal readonly record struct ReadingFaults(
    bool Gap, bool Duplicate, bool Conflict, long SpikeWattHours, Duration ClockError, bool Malformed, Duration Outage);

/// <summary>Draws one meter's faults: a function of seed and time alone, the same in every run.</summary>
internal sealed class FaultPlan
{
    private static readonly Duration Jump = Duration.FromHours(3); // beyond the hour the head-end allows

    private readonly ulong _seed;
    private readonly FaultRule[] _rules; // those this meter has
    private readonly double _driftSecondsPerDay;
    private readonly Instant _installed;

    internal FaultPlan(ulong meterSeed, IReadOnlyList<FaultRule> rules, Instant installed)
    {
        _seed = meterSeed;
        _installed = installed;
        _rules = [.. rules.Where((rule, index) => SeededRandom.Of(meterSeed, 100, (ulong)index).NextUnit() < rule.Share)];
        foreach (var rule in _rules)
        {
            if (rule.Kind != FaultKind.ClockDrift) { continue; }
            var random = SeededRandom.Of(meterSeed, 101);
            _driftSecondsPerDay += random.NextBetween(-rule.DriftSecondsPerDay, rule.DriftSecondsPerDay);
        }
    }

    /// <summary>The faults of the reading due at an instant.</summary>
    internal ReadingFaults At(Instant due)
    {
        var faults = default(ReadingFaults);
        if (_rules.Length == 0) { return faults; }
        var random = SeededRandom.Of(_seed, 102, (ulong)due.ToUnixTimeTicks());
        foreach (var rule in _rules)
        {
            if (rule.Kind is FaultKind.Reset or FaultKind.ClockDrift || random.NextUnit() >= rule.Probability) { continue; }
            faults = rule.Kind switch
            {
                FaultKind.Gap => faults with { Gap = true },
                FaultKind.Duplicate => faults with { Duplicate = true },
                FaultKind.Conflict => faults with { Conflict = true },
                FaultKind.Spike => faults with { SpikeWattHours = rule.SpikeWattHours },
                FaultKind.ClockJump => faults with { ClockError = Jump },
                FaultKind.Malformed => faults with { Malformed = true },
                FaultKind.LastGasp => faults with { Outage = rule.Outage },
                _ => faults,
            };
        }

        if (_driftSecondsPerDay != 0)
        {
            // A clock is set at installation and once a month after; whole seconds, as a meter shows them.
            var sinceSet = (due - _installed).TotalDays % 30;
            faults = faults with { ClockError = faults.ClockError + Duration.FromSeconds((long)(_driftSecondsPerDay * sinceSet)) };
        }

        return faults;
    }

    /// <summary>When the register last started again from zero at or before an instant; null for never.</summary>
    internal Instant? LastReset(Instant at)
    {
        foreach (var rule in _rules)
        {
            if (rule.Kind != FaultKind.Reset || rule.Probability <= 0) { continue; }
            for (var day = (int)Math.Floor((at - _installed).TotalDays); day > 0; day--)
            {
                var random = SeededRandom.Of(_seed, 103, (ulong)(uint)day);
                if (random.NextUnit() >= rule.Probability) { continue; }
                var reset = _installed + Duration.FromDays(day) + Duration.FromSeconds(random.NextBelow(86_400));
                if (reset <= at) { return reset; }
            }
        }

        return null;
    }
}
