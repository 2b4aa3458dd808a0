using System.CommandLine;
using System.Runtime.InteropServices;
using Headwater.Server.Configuration;
using Headwater.Server.Serving;
using Headwater.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Headwater.Server.Commands;

/// <summary><c>headwater serve</c>.</summary>
internal static class ServeCommand
{
    internal static Command Build()
    {
        var command = new Command("serve", "Runs the server until Ctrl-C.");
        var options = new Dictionary<string, Option>(StringComparer.Ordinal);
        foreach (var definition in ServerSettings.Definitions)
        {
            var words = definition.Default is null ? definition.Reason : $"{definition.Reason} [{definition.Default}]";
            Option option = definition.IsFlag
                ? new Option<bool?>("--" + definition.Name) { Description = words, Arity = ArgumentArity.ZeroOrOne }
                : new Option<string>("--" + definition.Name) { Description = words };
            command.Add(option);
            options[definition.Name] = option;
        }
        var config = new Option<string>("--config") { Description = "Settings file; default HEADWATER_CONFIG, else headwater.json here or in the data folder." };
        command.Add(config);
        command.SetAction((parsed, cancellationToken) =>
        {
            var given = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var (name, option) in options)
            {
                if (parsed.GetResult(option) is not { Implicit: false }) { continue; }
                given[name] = option is Option<bool?> flag ? (parsed.GetValue(flag) ?? true ? "true" : "false") : parsed.GetValue((Option<string>)option) ?? string.Empty;
            }
            return RunAsync(given, parsed.GetValue(config), cancellationToken);
        });
        return command;
    }

    private static async Task<int> RunAsync(Dictionary<string, string> given, string? configFile, CancellationToken cancellationToken)
    {
        var environment = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .ToDictionary(static e => (string)e.Key, static e => (string?)e.Value ?? string.Empty, StringComparer.Ordinal);
        var settings = SettingsReader.Read(given, environment, configFile, out var mistakes);
        if (mistakes.Count > 0)
        {
            await Console.Error.WriteLineAsync(mistakes.Count == 1 ? "One setting is not right:" : $"{mistakes.Count} settings are not right:");
            foreach (var mistake in mistakes) { await Console.Error.WriteLineAsync("  " + mistake); }
            return ExitCode.WrongSettings;
        }
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // Here and not in the host: a start takes seconds too, and what it has begun (a database) must be ended in order.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        if (PortCheck.Taken(settings) is { } taken)
        {
            await Console.Error.WriteLineAsync(taken);
            return ExitCode.PortTaken;
        }
        using var loggers = ServerLogging.Create(settings);
        try
        {
            cancellationToken = stop.Token;
            await using var composition = await ServerComposition.BuildAsync(settings, loggers, cancellationToken);
            await composition.App.StartAsync(cancellationToken);
            await LocalAccess.OfferAsync(composition, cancellationToken);
            await using var demo = new Demo();
            var own = settings.IsDemo ? await Demo.RenewOwnAsync(composition, cancellationToken) : null;
            await StartWords.PrintAsync(composition, own);
            if (settings.IsDemo && composition.PortOf(MqttListeners.Plain) is { } port) { await demo.StartFleetAsync(composition, port, loggers.CreateLogger("Headwater.Server"), cancellationToken); }
            await composition.App.WaitForShutdownAsync(cancellationToken);
            LocalAccess.Withdraw(settings.DataFolder);
            return ExitCode.Done;
        }
        catch (StoreRefusedException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.StoreRefused;
        }
        catch (IOException e) when (e.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            await Console.Error.WriteLineAsync(e.Message + " Another program listens there; choose another port (--port, --mqtt-port, --mqtts-port).");
            return ExitCode.PortTaken;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Done;
        }

        void End(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }
    }
}
