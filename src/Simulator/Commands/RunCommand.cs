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
        var host = new Option<string>("--host") { Description = "The server", DefaultValueFactory = _ => "127.0.0.1" };
        var port = new Option<int?>("--port") { Description = "Its MQTT port (1883, or 8883 with --tls)" };
        var tls = new Option<bool>("--tls") { Description = "Connect over TLS" };
        var ca = new Option<string?>("--ca") { Description = "Certificate (PEM) of the authority that signed the server's, in place of the system's" };
        var credentials = new Option<string?>("--credentials") { Description = "JSON file: {\"userName\",\"password\"} for all, or {\"devices\":{id:secret}}; anonymous without it" };
        var seed = new Option<ulong?>("--seed") { Description = "Another seed than the file's" };
        var parentStdin = new Option<bool>("--parent-stdin") { Description = "End when standard input closes: started by a server, the fleet never outlives it" };
        var command = new Command("run", "Runs a fleet of simulated meters") { scenario, host, port, tls, ca, credentials, seed, parentStdin };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var path = parsed.GetRequiredValue(scenario);
            var (read, mistakes) = ScenarioReader.ReadFile(path);
            if (read is null) { return await CheckCommand.WrongAsync(path, mistakes); }
            if (parsed.GetValue(seed) is { } other) { read = read with { Seed = other }; }
            var signIn = FleetCredentials.Anonymous;
            if (parsed.GetValue(credentials) is { } file)
            {
                var (known, wrong) = FleetCredentials.ReadFile(file);
                if (known is null) { return await CheckCommand.WrongAsync(file, wrong); }
                signIn = known;
            }

            var secure = parsed.GetValue(tls) || parsed.GetValue(ca) is not null;
            var target = new ServerAddress(parsed.GetValue(host)!, parsed.GetValue(port) ?? (secure ? 8883 : 1883), secure, parsed.GetValue(ca));
            var output = parsed.InvocationConfiguration.Output;
            await output.WriteLineAsync(CheckCommand.Summary(read).AsMemory(), cancellationToken);
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            if (parsed.GetValue(parentStdin)) { _ = EndWithParentAsync(ends); }
            var counters = new FleetCounters();
            ConnectionMaker connect = station => new MqttMeterConnection(station, target, signIn.Of(station.Id), counters, TimeProvider.System);
            await new FleetRun(read, connect, counters, TimeProvider.System, output).RunAsync(ends.Token);
            return 0;
        });
        return command;
    }

    private static async Task EndWithParentAsync(CancellationTokenSource ends)
    {
        var input = Console.OpenStandardInput();
        await using (input)
        {
            var buffer = new byte[64];
            try
            {
                while (await input.ReadAsync(buffer) > 0)
                {
                    // What the parent writes has no meaning; only its end has.
                }
            }
            catch (IOException)
            {
                // The pipe broke: the parent is gone.
            }
        }

        try { await ends.CancelAsync(); }
        catch (ObjectDisposedException)
        {
            // The run ended first.
        }
    }
}
