using System.Diagnostics;
using System.Text.Json;
using Headwater.Accounts.Audit;
using Headwater.Devices;
using Headwater.HeadEnd.Access;
using Headwater.HeadEnd.Registry;
using Microsoft.Extensions.Logging;

namespace Headwater.Server.Serving;

/// <summary>The demo: a fleet of simulated meters in a process of its own, and a device for the reader's own first message.</summary>
/// <remarks>The simulator ends when its standard input closes, so it ends with this process however that ends.</remarks>
internal sealed class Demo : IAsyncDisposable
{
    internal const string OwnDevice = "my-meter";
    private const string FleetUser = "demo-fleet";
    private static readonly TimeSpan EndWait = TimeSpan.FromSeconds(5);

    private Process? _simulator;
    private Task _reading = Task.CompletedTask;

    /// <summary>A fresh secret for the device of the line to paste; the one of an earlier start ends.</summary>
    internal static async Task<NewCredential> RenewOwnAsync(ServerComposition composition, CancellationToken cancellationToken)
    {
        var actor = Actor.System with { OrganizationId = composition.FirstStart.OrganizationId };
        if (!composition.Registry.TryGetDevice(OwnDevice, out var device))
        {
            device = await composition.Registry.AddDeviceAsync(actor, new NewDevice(OwnDevice, "My first meter", DeviceClass.ElectricityMeter, DeviceRegistryOptions.DefaultTimeZone), cancellationToken)
                ?? throw new InvalidOperationException($"The device {OwnDevice} is in the database and not in memory.");
        }
        return await composition.Credentials.RenewForDeviceAsync(actor, device, "line to paste", cancellationToken);
    }

    /// <summary>Starts the simulator; says in the log when it cannot.</summary>
    internal async Task StartFleetAsync(ServerComposition composition, int mqttPort, ILogger logger, CancellationToken cancellationToken)
    {
        if (FindProgram() is not { } program)
        {
            ServerLog.SimulatorMissing(logger, "headwater-sim is not beside this program; build src/Simulator.");
            return;
        }
        if ((composition.Settings["demo-scenario"] ?? FindScenario()) is not { } scenario)
        {
            ServerLog.SimulatorMissing(logger, "scenarios/demo.json is not in this folder nor in one above the program; name one with --demo-scenario.");
            return;
        }
        var actor = Actor.System with { OrganizationId = composition.FirstStart.OrganizationId };
        var fleet = await composition.Credentials.RenewForFleetAsync(actor, composition.FirstStart.OrganizationId, FleetUser, "simulated meters", cancellationToken);
        var file = Path.Combine(composition.Settings.DataFolder, "demo-credentials.json");
        await SecretFile.WriteAsync(file, JsonSerializer.SerializeToUtf8Bytes(new { userName = fleet.UserName, password = fleet.Secret }), cancellationToken);

        var start = new ProcessStartInfo(program.EndsWith(".dll", StringComparison.Ordinal) ? DotnetProgram() : program)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (program.EndsWith(".dll", StringComparison.Ordinal)) { start.ArgumentList.Add(program); }
        // Meters are many small objects that live long: a small heap suits them and leaves the machine to the server.
        start.Environment["DOTNET_gcServer"] = "0";
        string[] arguments = ["run", scenario, "--host", "127.0.0.1", "--port", mqttPort.ToString(System.Globalization.CultureInfo.InvariantCulture), "--credentials", file, "--parent-stdin"];
        foreach (var argument in arguments) { start.ArgumentList.Add(argument); }
        _simulator = Process.Start(start);
        if (_simulator is not null) { _reading = ReadAsync(_simulator, logger); }
    }

    public async ValueTask DisposeAsync()
    {
        if (_simulator is not { } simulator) { return; }
        try
        {
            simulator.StandardInput.Close();
            using var bound = new CancellationTokenSource(EndWait);
            await simulator.WaitForExitAsync(bound.Token);
        }
        catch (OperationCanceledException)
        {
            simulator.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or IOException)
        {
            // It ended by itself.
        }
        await _reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        simulator.Dispose();
    }

    private async Task ReadAsync(Process simulator, ILogger logger)
    {
        // Both pipes are emptied always: a full one would stop the simulator.
        var last = string.Empty;
        var errors = Task.Run(async () =>
        {
            while (await simulator.StandardError.ReadLineAsync() is { } line) { last = line; }
        });
        while (await simulator.StandardOutput.ReadLineAsync() is not null)
        {
            // Its figures are on the pages.
        }
        await errors;
        await simulator.WaitForExitAsync();
        if (simulator.ExitCode != 0 && simulator.ExitCode < 128)
        {
            ServerLog.SimulatorEnded(logger, simulator.ExitCode);
            if (last.Length > 0) { ServerLog.SimulatorMissing(logger, last); }
        }
    }

    private static string DotnetProgram() =>
        Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";

    /// <summary>Beside this program, or where the other project of the same checkout builds to.</summary>
    private static string? FindProgram()
    {
        var here = AppContext.BaseDirectory;
        var sibling = here.Replace(Path.Combine("src", "Server", "bin"), Path.Combine("src", "Simulator", "bin"), StringComparison.Ordinal);
        string[] candidates = [Path.Combine(here, "headwater-sim.dll"), Path.Combine(here, "headwater-sim"), Path.Combine(sibling, "headwater-sim.dll")];
        return candidates.FirstOrDefault(File.Exists);
    }

    private static string? FindScenario()
    {
        var relative = Path.Combine("scenarios", "demo.json");
        if (File.Exists(relative)) { return Path.GetFullPath(relative); }
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var path = Path.Combine(at.FullName, relative);
            if (File.Exists(path)) { return path; }
        }
        return null;
    }
}
