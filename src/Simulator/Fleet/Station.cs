using Headwater.Simulator.Scenarios;
using NodaTime;

namespace Headwater.Simulator.Fleet;

/// <summary>One MQTT client of the fleet: a meter of its own, or a concentrator with the meters it carries. Says what is sent when.</summary>
internal sealed class Station
{
    private readonly Duration _interval;
    private readonly Duration _phase;
    private readonly MessageComposer _composer;
    private long _sequence;

    private Station(MeterGroup group, string id, VirtualMeter[] meters, ulong scenarioSeed)
    {
        Group = group;
        Id = id;
        Meters = meters;
        Seed = scenarioSeed ^ SeededRandom.Hash(id);
        var random = SeededRandom.Of(Seed, 300);
        var spread = (long)group.IntervalSpread.TotalSeconds;
        _interval = group.Interval + Duration.FromSeconds(spread > 0 ? random.NextBelow(spread + 1) : 0);
        if (group.Payload == PayloadForm.Profile) { _interval = group.Interval * group.ProfileIntervals; }
        _phase = group.Alignment == Alignment.Staggered ? Duration.FromSeconds(random.NextBelow((long)_interval.TotalSeconds)) : Duration.Zero;
        // Within the second even when readings are staggered: a thousand clients must not send at every full second.
        var span = group.Alignment == Alignment.Staggered ? Duration.FromSeconds(1) : group.SendSpread;
        SendOffset = Duration.FromTicks(span.TotalTicks * random.NextUnit());
        _composer = new MessageComposer(group, id);
    }

    /// <summary>Client id.</summary>
    internal string Id { get; }

    /// <summary>The group it belongs to.</summary>
    internal MeterGroup Group { get; }

    /// <summary>The meters it sends for; itself when there is one.</summary>
    internal IReadOnlyList<VirtualMeter> Meters { get; }

    /// <summary>Its own seed.</summary>
    internal ulong Seed { get; }

    /// <summary>How long after a reading is taken it is sent.</summary>
    internal Duration SendOffset { get; }

    /// <summary>The stations of a scenario, in the order of its file.</summary>
    internal static IEnumerable<Station> Of(Scenario scenario)
    {
        foreach (var group in scenario.Groups)
        {
            var perStation = group.Concentrator?.Meters ?? 1;
            for (var from = 0; from < group.Count; from += perStation)
            {
                var meters = new VirtualMeter[Math.Min(perStation, group.Count - from)];
                for (var i = 0; i < meters.Length; i++)
                {
                    meters[i] = new VirtualMeter(group, group.Ids.Make(group.FirstNumber + from + i), scenario.Seed, scenario.Zone);
                }

                var id = group.Concentrator?.Ids.Make((from / perStation) + 1) ?? meters[0].Id;
                yield return new Station(group, id, meters, scenario.Seed);
            }
        }
    }

    /// <summary>The first instant after another at which it reads its meters.</summary>
    internal Instant NextAfter(Instant instant)
    {
        if (Group.Replay is { } file && Group.Payload != PayloadForm.Profile) { return file.Next(instant + Duration.FromMilliseconds(1)).End; }
        var sinceEpoch = instant.ToUnixTimeTicks() - _phase.BclCompatibleTicks;
        var interval = _interval.BclCompatibleTicks;
        var count = sinceEpoch / interval; // simulated time is after 1970, so this is the floor
        return Instant.FromUnixTimeTicks(((count + 1) * interval) + _phase.BclCompatibleTicks);
    }

    /// <summary>What it sends of the reading due at an instant, and how long its mains are away afterwards.</summary>
    internal StationReport ReportAt(Instant due)
    {
        _composer.Begin(due);
        var outage = Duration.Zero;
        foreach (var meter in Meters)
        {
            var faults = meter.FaultsAt(due);
            if (faults.Outage > outage) { outage = faults.Outage; }
            _composer.Add(meter, faults);
        }

        var messages = _composer.End();
        if (outage > Duration.Zero) { messages.Add(_composer.MeterEvent("lastGasp", due, ++_sequence)); }
        return new StationReport(messages, outage);
    }

    /// <summary>The event that the mains are back.</summary>
    internal OutgoingMessage Restoration(Instant at) => _composer.MeterEvent("restoration", at, ++_sequence);

    /// <summary>The retained word <c>online</c>, sent at connect.</summary>
    internal OutgoingMessage Online => _composer.State("online"u8);

    /// <summary>The retained word <c>offline</c>: the will, and sent before a clean disconnect.</summary>
    internal OutgoingMessage Offline => _composer.State("offline"u8);
}

/// <summary>What a station sends at once.</summary>
/// <param name="Messages">In the order of sending.</param>
/// <param name="Outage">The mains fail afterwards for this long; zero for no failure.</param>
internal readonly record struct StationReport(IReadOnlyList<OutgoingMessage> Messages, Duration Outage);
