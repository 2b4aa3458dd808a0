using System.Text;
using Headwater.Simulator.Faults;
using Headwater.Simulator.Scenarios;
using NodaTime;

namespace Headwater.Simulator.Tests;

public sealed class ScenarioReaderTests
{
    private static (Scenario? Scenario, IReadOnlyList<string> Mistakes) Read(string json) =>
        ScenarioReader.Read(Encoding.UTF8.GetBytes(json), Path.Combine(Repository.Root, "scenarios"));

    public static TheoryData<string> Files() => [.. Directory.GetFiles(Path.Combine(Repository.Root, "scenarios"), "*.json").Select(path => Path.GetFileName(path)!)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_shipped_scenario_is_free_of_mistakes(string file)
    {
        var (scenario, mistakes) = ScenarioReader.ReadFile(Path.Combine(Repository.Root, "scenarios", file));
        mistakes.ShouldBeEmpty();
        scenario!.Meters.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void Demo_has_a_thousand_meters() =>
        ScenarioReader.ReadFile(Path.Combine(Repository.Root, "scenarios", "demo.json")).Scenario!.Meters.ShouldBe(1_000);

    [Fact]
    public void Defaults_stand_when_only_the_least_is_said()
    {
        var (scenario, mistakes) = Read("""{"groups":[{"count":3,"idPattern":"m{n:3}"}]}""");
        mistakes.ShouldBeEmpty();
        var group = scenario!.Groups.ShouldHaveSingleItem();
        group.Interval.ShouldBe(Duration.FromMinutes(15));
        group.Payload.ShouldBe(PayloadForm.Plain);
        group.Ids.Make(7).ShouldBe("m007");
        group.Connections.ShouldBe(3);
    }

    [Fact]
    public void Every_mistake_is_reported_at_once_with_its_path()
    {
        var (scenario, mistakes) = Read("""
            {
              "timeZone": "Mars/Olympus",
              "speed": 3,
              "groups": [
                { "count": 0, "idPattern": "meter", "interval": "15 min", "payload": "xml", "link": "carrier pigeon", "qos": 3 },
                { "idPattern": "m_{n}", "count": 1, "registers": ["9-9:9.9.9"], "faults": [{ "kind": "explosion" }, { "kind": "gap" }], "replay": { "file": "absent.csv" } }
              ]
            }
            """);
        scenario.ShouldBeNull();
        string[] expected =
        [
            "$.timeZone:", "$.speed: is not a setting here", "$.groups[0].count:", "$.groups[0].idPattern:", "$.groups[0].interval:", "$.groups[0].payload:",
            "$.groups[0].link:", "$.groups[0].qos:", "$.groups[1].registers:", "$.groups[1].faults[0].kind:", "$.groups[1].faults[1].probability: is missing",
            "$.groups[1].replay.file:",
        ];
        foreach (var start in expected) { mistakes.ShouldContain(mistake => mistake.StartsWith(start, StringComparison.Ordinal), start); }
    }

    [Theory]
    [InlineData("nonsense", "$: is not JSON")]
    [InlineData("[]", "$: is not an object")]
    [InlineData("""{"groups":[]}""", "$.groups: is not a list with at least one entry")]
    [InlineData("""{"groups":[7]}""", "$.groups[0]: is not an object")]
    [InlineData("""{"groups":[{"count":2,"idPattern":"a{n}"},{"count":1,"idPattern":"a{n}","firstNumber":2}]}""", "$.groups[1].idPattern: id a2 is taken already")]
    [InlineData("""{"groups":[{"count":20000,"idPattern":"a{n}"}]}""", "$.groups: 20000 connections are more than 15000")]
    [InlineData("""{"groups":[{"count":1,"idPattern":"a{n}","clock":{"start":"yesterday"}}]}""", "$.groups[0].clock.start:")]
    [InlineData("""{"groups":[{"count":1,"idPattern":"a/{n}"}]}""", "$.groups[0].idPattern:")]
    public void Mistake_is_told_in_words(string json, string start) =>
        Read(json).Mistakes.ShouldContain(mistake => mistake.StartsWith(start, StringComparison.Ordinal));

    [Fact]
    public void Own_links_and_clocks_are_read()
    {
        var (scenario, mistakes) = Read("""
            {"links":{"tin cans":{"delayMilliseconds":5}},
             "groups":[{"count":1,"idPattern":"a{n}","link":"tin cans","clock":{"start":"-P2D","factor":"acknowledged"},"faults":[{"kind":"lastGasp","probability":0.1,"outage":"PT1M"}]}]}
            """);
        mistakes.ShouldBeEmpty();
        var group = scenario!.Groups[0];
        group.Link.DelayMilliseconds.ShouldBe(5);
        group.Clock.Factor.ShouldBe(double.PositiveInfinity);
        group.Faults[0].Kind.ShouldBe(FaultKind.LastGasp);
        group.Faults[0].Outage.ShouldBe(Duration.FromMinutes(1));
    }
}
