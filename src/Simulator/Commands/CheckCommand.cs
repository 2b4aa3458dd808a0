using System.CommandLine;
using System.Globalization;
using Headwater.Simulator.Scenarios;

namespace Headwater.Simulator.Commands;

/// <summary><c>headwater-sim check SCENARIO</c>: says what a scenario makes, or everything that is wrong with it.</summary>
internal static class CheckCommand
{
    internal static Command Make()
    {
        var scenario = new Argument<string>("scenario") { Description = "A scenario file (scenarios/*.json)" };
        var command = new Command("check", "Reads a scenario file and reports every mistake in it") { scenario };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (read, mistakes) = ScenarioReader.ReadFile(parsed.GetRequiredValue(scenario));
            if (read is null) { return await WrongAsync(parsed.GetRequiredValue(scenario), mistakes); }
            var output = parsed.InvocationConfiguration.Output;
            await output.WriteLineAsync(Summary(read).AsMemory(), cancellationToken);
            foreach (var group in read.Groups) { await output.WriteLineAsync(Summary(group).AsMemory(), cancellationToken); }
            return 0;
        });
        return command;
    }

    /// <summary>Prints what is wrong with a file.</summary>
    internal static async Task<int> WrongAsync(string path, IReadOnlyList<string> mistakes)
    {
        await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{path}: {mistakes.Count} {(mistakes.Count == 1 ? "mistake" : "mistakes")}"));
        foreach (var mistake in mistakes) { await Console.Error.WriteLineAsync("  " + mistake); }
        return 2;
    }

    /// <summary>One line on a scenario.</summary>
    internal static string Summary(Scenario scenario) => string.Create(
        CultureInfo.InvariantCulture, $"{scenario.Name}: {scenario.Meters:N0} meters over {scenario.Connections:N0} connections, seed {scenario.Seed}, {scenario.Zone.Id}");

    private static string Summary(MeterGroup group) => string.Create(
        CultureInfo.InvariantCulture, $"  {group.Name}: {group.Count:N0} x {group.Ids.Make(group.FirstNumber)}, every {group.Interval.ToTimeSpan():c}, {group.Payload}, QoS {(int)group.QualityOfService}, {group.Connection}, link {group.Link.Name}{(group.Replay is null ? "" : $", replays {group.Replay.Count:N0} intervals ({group.Replay.RepeatedRows} repeated rows left out)")}");
}
