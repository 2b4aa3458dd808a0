using Headwater.Mqtt;
using Headwater.Simulator.Links;
using Headwater.Simulator.Shapes;
using NodaTime;

namespace Headwater.Simulator.Scenarios;

/// <summary>Reads a scenario file. Every mistake is reported at once with its path; a setting nobody knows is a mistake too.</summary>
internal sealed class ScenarioReader
{
    /// <summary>Most meters of a scenario: beyond it the process would not fit the memory of a laptop (about 2 kB a meter).</summary>
    internal const int MostMeters = 1_000_000;

    /// <summary>Most connections: a process here may open 20,000 files.</summary>
    internal const int MostConnections = 15_000;

    private readonly string _folder;
    private readonly Dictionary<string, LinkProfile> _links;
    private readonly List<string> _mistakes;

    private ScenarioReader(string folder, List<string> mistakes)
    {
        _folder = folder;
        _mistakes = mistakes;
        _links = LinkCatalogue.BuiltIn();
    }

    /// <summary>Reads a file; data files it names lie relative to its folder.</summary>
    /// <returns>The scenario, or null and the mistakes in words.</returns>
    internal static (Scenario? Scenario, IReadOnlyList<string> Mistakes) ReadFile(string path)
    {
        if (!File.Exists(path)) { return (null, [$"{path}: there is no such file"]); }
        return Read(File.ReadAllBytes(path), Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Reads the text of a scenario.</summary>
    internal static (Scenario? Scenario, IReadOnlyList<string> Mistakes) Read(ReadOnlyMemory<byte> utf8, string folder)
    {
        var mistakes = new List<string>();
        using var document = JsonSettings.TryParse(utf8, mistakes);
        if (document is null) { return (null, mistakes); }
        var scenario = new ScenarioReader(folder, mistakes).Scenario(new JsonSettings(document.RootElement, "$", mistakes));
        return mistakes.Count > 0 ? (null, mistakes) : (scenario, mistakes);
    }

    private Scenario Scenario(JsonSettings root)
    {
        var name = root.Text("name", "unnamed");
        _ = root.Text("description", "");
        var seed = root.Whole("seed", 1, 0, long.MaxValue);
        var zoneName = root.Text("timeZone", "Asia/Seoul");
        var zone = DateTimeZoneProviders.Tzdb.GetZoneOrNull(zoneName);
        if (zone is null) { root.Mistake("timeZone", $"'{zoneName}' is not a time zone of the IANA database, such as Asia/Seoul"); }
        var connects = (int)root.Whole("connectsPerSecond", 200, 1, 100_000);
        foreach (var (key, link) in root.Entries("links")) { _links[key] = LinkCatalogue.Read(key, link); }
        var groups = new List<MeterGroup>();
        var ids = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var group in root.Items("groups", required: true))
        {
            var read = Group(group);
            if (read is null) { continue; }
            CheckIds(group, read, ids);
            groups.Add(read);
        }

        root.NothingElse();
        var scenario = new Scenario(name, (ulong)seed, zone ?? DateTimeZone.Utc, connects, groups);
        if (scenario.Meters > MostMeters) { root.Mistake("groups", $"{scenario.Meters} meters are more than {MostMeters}"); }
        if (scenario.Connections > MostConnections)
        {
            root.Mistake("groups", $"{scenario.Connections} connections are more than {MostConnections}; use concentrators or several processes");
        }

        return scenario;
    }

    private MeterGroup? Group(JsonSettings group)
    {
        var before = _mistakes.Count;
        var name = group.Text("name", "meters");
        var count = (int)group.Whole("count", null, 1, MostMeters);
        var ids = Ids(group, "idPattern");
        var first = (int)group.Whole("firstNumber", 1, 0, 900_000_000);
        var payload = group.Word("payload", PayloadForm.Plain);
        var replay = group.Section("replay") is { } section ? Replay(section) : null;
        var interval = group.Span("interval", replay?.Interval ?? Duration.FromMinutes(15), Duration.FromSeconds(1), Duration.FromDays(1));
        if (replay is not null && interval != replay.Interval) { group.Mistake("interval", "a replayed file has its own interval; leave this out"); }
        var spread = group.Span("intervalSpread", Duration.Zero, Duration.Zero, Duration.FromDays(1));
        var alignment = group.Word("alignment", Alignment.Boundary);
        if (spread > Duration.Zero && alignment == Alignment.Boundary) { group.Mistake("intervalSpread", "needs \"alignment\": \"staggered\": meters of different intervals have no common boundary"); }
        var sendSpread = group.Span("sendSpread", Duration.Min(interval, Duration.FromSeconds(10)), Duration.Zero, interval);
        var registers = Registers(group, payload);
        var profileIntervals = (int)group.Whole("profileIntervals", 96, 1, Devices.Uplink.UplinkWriter.MostIntervals);
        if (payload == PayloadForm.Profile && Duration.FromDays(1).TotalSeconds % interval.TotalSeconds != 0)
        {
            group.Mistake("interval", "profiles need an interval that divides a day");
        }

        if (payload == PayloadForm.Profile && alignment == Alignment.Staggered) { group.Mistake("alignment", "profiles start on an interval boundary"); }
        var qos = (QualityOfService)group.Whole("qos", 1, 0, 2);
        var inFlight = (int)group.Whole("inFlight", 20, 1, 1_000);
        var habit = group.Word("connection", ConnectionHabit.Permanent);
        var contact = group.Span("contactInterval", Duration.FromHours(1), interval, Duration.FromDays(31));
        if (habit == ConnectionHabit.Permanent && group.Has("contactInterval")) { group.Mistake("contactInterval", "only occasional connections have one"); }
        var link = Link(group);
        var clock = group.Section("clock") is { } clockSection ? Clock(clockSection) : ClockPlan.Real;
        var household = group.Section("household") is { } householdSection ? Household(householdSection) : new HouseholdRange(4_000, 16_000, 0);
        var concentrator = group.Section("concentrator") is { } dcu ? Concentrator(dcu) : null;
        var state = group.Truth("state", true);
        var faults = group.Items("faults", required: false).Select(FaultRuleReader.Read).OfType<Faults.FaultRule>().ToList();
        if (concentrator is not null && habit == ConnectionHabit.Occasional) { group.Mistake("connection", "a concentrator stays connected"); }
        if (concentrator is not null && faults.Exists(f => f.Kind == Faults.FaultKind.LastGasp)) { group.Mistake("faults", "lastGasp needs meters with connections of their own, not a concentrator"); }
        group.NothingElse();
        return _mistakes.Count > before || ids is null ? null : new MeterGroup(
            name, count, ids, first, interval, spread, alignment, sendSpread, registers, payload, profileIntervals, qos, inFlight, habit, contact,
            link, clock, household, concentrator, replay, state, faults);
    }

    private static void CheckIds(JsonSettings group, MeterGroup read, Dictionary<string, string> owners)
    {
        var meters = Enumerable.Range(read.FirstNumber, read.Count).Select(read.Ids.Make);
        var carriers = read.Concentrator is null ? [] : Enumerable.Range(1, read.Connections).Select(read.Concentrator.Ids.Make);
        foreach (var id in meters.Concat(carriers))
        {
            if (owners.TryAdd(id, read.Name)) { continue; }
            group.Mistake("idPattern", $"id {id} is taken already by group '{owners[id]}'");
            return;
        }
    }

    private static IdPattern? Ids(JsonSettings settings, string key)
    {
        var text = settings.Text(key, null);
        var pattern = text is null ? null : IdPattern.TryParse(text);
        if (pattern is null && text is not null)
        {
            settings.Mistake(key, $"'{text}' needs one {{n}} or {{n:4}} and otherwise only A-Z a-z 0-9 . _ -, at most {IdPattern.LongestId} characters with the number");
        }

        return pattern;
    }

    private static List<RegisterKind> Registers(JsonSettings group, PayloadForm payload)
    {
        var registers = new List<RegisterKind>();
        foreach (var obis in group.Texts("registers") ?? [RegisterKind.EnergyImport.Obis])
        {
            var known = RegisterKind.All.FirstOrDefault(register => register.Obis == obis);
            if (known is null) { group.Mistake("registers", $"'{obis}' is not one of {string.Join(", ", RegisterKind.All.Select(r => r.Obis))}"); }
            else if (registers.Contains(known)) { group.Mistake("registers", $"'{obis}' stands twice"); }
            else { registers.Add(known); }
        }

        if (payload is PayloadForm.Plain or PayloadForm.Profile && registers.Exists(r => r != RegisterKind.EnergyImport))
        {
            group.Mistake("registers", $"payload '{(payload == PayloadForm.Plain ? "plain" : "profile")}' carries only {RegisterKind.EnergyImport.Obis}");
        }

        return registers;
    }

    private LinkProfile Link(JsonSettings group)
    {
        var name = group.Text("link", LinkProfile.None.Name);
        if (_links.TryGetValue(name, out var link)) { return link; }
        group.Mistake("link", $"'{name}' is not one of {string.Join(", ", _links.Keys)}");
        return LinkProfile.None;
    }

    private static ClockPlan Clock(JsonSettings clock)
    {
        var (instant, before) = clock.InstantOrBefore("start");
        double factor = double.PositiveInfinity;
        if (!clock.IsText("factor", "acknowledged")) { factor = clock.Number("factor", 1, 0.001, 10_000_000); }
        var until = clock.Instant("until");
        clock.NothingElse();
        return new ClockPlan(before, instant, factor, until);
    }

    private static HouseholdRange Household(JsonSettings household)
    {
        var low = household.Number("lowestDailyWh", 4_000, 0, 10_000_000);
        var high = household.Number("highestDailyWh", 16_000, 0, 10_000_000);
        if (high < low) { household.Mistake("highestDailyWh", "is below lowestDailyWh"); }
        var solar = household.Number("solarWatts", 0, 0, 1_000_000);
        household.NothingElse();
        return new HouseholdRange(low, high, solar);
    }

    private static ConcentratorPlan? Concentrator(JsonSettings dcu)
    {
        var meters = (int)dcu.Whole("meters", null, 1, 2_000);
        var ids = Ids(dcu, "idPattern");
        dcu.NothingElse();
        return ids is null ? null : new ConcentratorPlan(meters, ids);
    }

    private IntervalFile? Replay(JsonSettings replay)
    {
        var file = replay.Text("file", null);
        replay.NothingElse();
        if (file is null) { return null; }
        var path = Path.GetFullPath(Path.Combine(_folder, file));
        if (!File.Exists(path))
        {
            replay.Mistake("file", $"there is no file {file} beside the scenario");
            return null;
        }

        var wrong = new List<string>();
        var read = IntervalFile.TryRead(File.ReadLines(path), wrong);
        foreach (var mistake in wrong) { replay.Mistake("file", $"{file} {mistake}"); }
        return read;
    }
}
