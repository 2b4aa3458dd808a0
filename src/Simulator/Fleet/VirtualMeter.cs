using Headwater.Devices.Uplink;
using Headwater.Simulator.Faults;
using Headwater.Simulator.Scenarios;
using Headwater.Simulator.Shapes;
using NodaTime;

namespace Headwater.Simulator.Fleet;

/// <summary>One meter: what its registers show at an instant, faults included. A function of seed and time; it sends nothing itself.</summary>
internal sealed class VirtualMeter
{
    private static readonly Instant Installed = HouseholdShape.Epoch.AtStartOfDayInZone(DateTimeZone.Utc).ToInstant();

    private readonly MeterGroup _group;
    private readonly ulong _seed;
    private readonly HouseholdShape? _shape;
    private readonly FaultPlan _faults;
    private Instant _resetKnownAt = Instant.MinValue;
    private Instant? _reset;
    private long _atReset;

    internal VirtualMeter(MeterGroup group, string id, ulong scenarioSeed, DateTimeZone zone)
    {
        _group = group;
        Id = id;
        _seed = scenarioSeed ^ SeededRandom.Hash(id);
        _shape = group.Replay is null
            ? new HouseholdShape(_seed, zone, group.Household.LowestDailyWattHours, group.Household.HighestDailyWattHours, group.Household.SolarPeakWatts)
            : null;
        _faults = new FaultPlan(_seed, group.Faults, Installed);
    }

    /// <summary>The meter's id, in topics and payloads.</summary>
    internal string Id { get; }

    /// <summary>What goes wrong with the reading due at an instant.</summary>
    internal ReadingFaults FaultsAt(Instant due) => _faults.At(due);

    /// <summary>Appends a read of each register, as the meter would report it.</summary>
    /// <param name="due">The true time.</param>
    /// <param name="faults">What goes wrong with it.</param>
    /// <param name="differing">A second report of the same instant with another value.</param>
    /// <param name="reads">Receives one entry per register, in the group's order.</param>
    internal void Read(Instant due, ReadingFaults faults, bool differing, List<MeterRead> reads)
    {
        var random = SeededRandom.Of(_seed, 200, (ulong)due.ToUnixTimeTicks());
        foreach (var register in _group.Registers)
        {
            var value = ValueOf(register, due, ref random);
            if (register == RegisterKind.EnergyImport) { value += faults.SpikeWattHours; }
            if (differing) { value += 1 + random.NextBelow(500); }
            reads.Add(new MeterRead(Id, register, due + faults.ClockError, value));
        }
    }

    /// <summary>A block of intervals that ends at an instant; intervals that are absent have status <c>missing</c>.</summary>
    internal ProfileEntry Profile(Instant end, bool differing, string? device)
    {
        var count = _group.ProfileIntervals;
        var start = end - (_group.Interval * count);
        var values = new int[count];
        string[]? status = null;
        for (var i = 0; i < count; i++)
        {
            var until = start + (_group.Interval * (i + 1));
            var faults = _faults.At(until);
            var energy = EnergyOf(until);
            if (energy is null || faults.Gap)
            {
                status ??= Enumerable.Repeat("", count).ToArray();
                status[i] = "missing";
                continue;
            }

            values[i] = (int)(energy.Value + faults.SpikeWattHours + (differing && i == 0 ? 7 : 0));
        }

        return new ProfileEntry(RegisterKind.ImportChannel, start, _group.Interval, values, status, device);
    }

    private int? EnergyOf(Instant until)
    {
        if (_group.Replay is { } file)
        {
            var interval = file.Next(until);
            return interval.End == until ? interval.IntervalWattHours : null;
        }

        return (int)(_shape!.ImportWattHours(until) - _shape.ImportWattHours(until - _group.Interval));
    }

    private long ValueOf(RegisterKind register, Instant due, ref SeededRandom random)
    {
        if (register == RegisterKind.EnergyImport) { return Import(due) - OffsetAt(due); }
        if (register == RegisterKind.EnergyExport) { return _shape?.ExportWattHours(due) ?? 0; }
        if (register == RegisterKind.Voltage) { return 2_300 + random.NextBelow(81) - 40; }
        var watts = _shape?.ImportWatts(due) ?? 0;
        return register == RegisterKind.PowerImport ? watts : (long)Math.Round(watts / 230.0 * 100); // Current, in 0.01 A
    }

    private long Import(Instant at) => _shape?.ImportWattHours(at) ?? _group.Replay!.Next(at).RegisterWattHours;

    /// <summary>What the register had counted when it last started again from zero.</summary>
    private long OffsetAt(Instant at)
    {
        // Looked up once a day of simulated time: resets are drawn per day, and looking back is a scan over days.
        if (at < _resetKnownAt || at - _resetKnownAt >= Duration.FromHours(1))
        {
            _resetKnownAt = at;
            var reset = _faults.LastReset(at);
            if (reset != _reset)
            {
                _reset = reset;
                _atReset = reset is { } instant ? Import(instant) : 0;
            }
        }

        return _atReset;
    }
}

/// <summary>One register value of one meter on its way into a payload.</summary>
internal readonly record struct MeterRead(string Device, RegisterKind Register, Instant At, long Value);
