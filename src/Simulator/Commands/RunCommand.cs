using System.CommandLine;
using Headwater.Simulator.Fleet;
using Headwater.Simulator.Scenarios;

namespace Headwater.Simulator.Commands;

/// <summary><c>headwater-sim run SCENARIO</c>: runs a fleet until it ends, Ctrl-C, or the parent's end.</summary>
internal static class RunCommand
{
    internal static Command Make()
    {
        var scenario = new Argument<string>("scenario") { Description = "A scenario file (scenarios/*.json)" };
        var seed = new Option<ulong?>("--seed") { Description = "Another seed than the file's" };
        var server = new ServerOptions();
        var command = new Command("run", "Runs a fleet of simulated meters") { scenario, seed };
        server.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var path = parsed.GetRequiredValue(scenario);
            var (read, mistakes) = ScenarioReader.ReadFile(path);
            if (read is null) { return await CheckCommand.WrongAsync(path, mistakes); }
            if (parsed.GetValue(seed) is { } other) { read = read with { Seed = other }; }
            if (await server.CredentialsAsync(parsed) is not { } credentials) { return 2; }
            var output = parsed.InvocationConfiguration.Output;
            await output.WriteLineAsync(CheckCommand.Summary(read).AsMemory(), cancellationToken);
            using var ends = server.Lifetime(parsed, cancellationToken);
            var counters = new FleetCounters();
            var connect = MqttMeterConnection.Maker(server.Address(parsed), credentials, counters, TimeProvider.System);
            await new FleetRun(read, connect, counters, TimeProvider.System, output).RunAsync(ends.Token);
            return 0;
        });
        return command;
    }
}
