using System.CommandLine;

namespace Headwater.Server.Commands;

/// <summary>Commands for operators, over the HTTP API: <c>person</c>, <c>token</c>, <c>device</c>, <c>credential</c>, <c>status</c>.</summary>
internal static class OperatorCommands
{
    private static readonly Option<string?> Url = new("--url") { Description = "Address of the server; default HEADWATER_URL, else the server that runs on the data folder.", Recursive = true };
    private static readonly Option<string?> Token = new("--token") { Description = "Token; default HEADWATER_TOKEN, else the one the server left in its data folder.", Recursive = true };
    private static readonly Option<string> Data = new("--data") { Description = "Data folder of a server on this machine.", DefaultValueFactory = static _ => ".data", Recursive = true };

    internal static IEnumerable<Command> Build() => [Person(), TokenCommand(), Device(), Credential(), Status()];

    private static Command Person()
    {
        var name = new Argument<string>("name");
        var role = new Option<string>("--role") { Description = "viewer, operator or administrator.", DefaultValueFactory = static _ => "viewer" };
        var display = new Option<string?>("--display-name") { Description = "Name shown." };
        return Group("person", "People who sign in.",
            Make("list", "Lists people.", static (_, api) => api.TableAsync("/people", "name", "displayName", "role", "disabled", "lastSignInAt")),
            Make("add", "Adds a person and prints the generated password once.", (p, api) => api.PrintAsync(
                HttpMethod.Post, "/people", new { name = p.GetValue(name), displayName = p.GetValue(display), role = p.GetValue(role) },
                static r => $"{r["name"]} signs in with the password {r["password"]} and must change it."), name, role, display),
            Make("reset-password", "Generates a new password and prints it once.", (p, api) => api.PrintAsync(
                HttpMethod.Post, $"/people/{Uri.EscapeDataString(p.GetValue(name)!)}/password", new { }, static r => $"{r["name"]} signs in with the password {r["password"]} and must change it."), name));
    }

    private static Command TokenCommand()
    {
        var label = new Argument<string>("label");
        var role = new Option<string>("--role") { Description = "viewer, operator or administrator.", DefaultValueFactory = static _ => "viewer" };
        return Group("token", "Tokens of the HTTP API.",
            Make("list", "Lists tokens.", static (_, api) => api.TableAsync("/tokens", "id", "label", "role", "createdAt", "lastUsedAt", "revokedAt")),
            Make("create", "Makes a token and prints it once.", (p, api) => api.PrintAsync(
                HttpMethod.Post, "/tokens", new { label = p.GetValue(label), role = p.GetValue(role) }, static r => r["token"]!.ToString()), label, role));
    }

    private static Command Device()
    {
        var id = new Argument<string>("id");
        var name = new Option<string?>("--name") { Description = "What people call it." };
        var deviceClass = new Option<string?>("--class") { Description = "electricityMeter, waterMeter, gasMeter, heatMeter, concentrator or gateway." };
        var carrier = new Option<string?>("--carrier") { Description = "The concentrator it is read through." };
        var query = new Option<string?>("--query") { Description = "Part of the id or name." };
        return Group("device", "Devices.",
            Make("list", "Lists the first 500 devices that fit.", (p, api) => api.TableAsync(
                "/devices?limit=500&query=" + Uri.EscapeDataString(p.GetValue(query) ?? string.Empty), "id", "name", "class", "status", "connected", "lastSeenAt"), query),
            Make("add", "Adds a device.", (p, api) => api.PrintAsync(
                HttpMethod.Post, "/devices", new { id = p.GetValue(id), name = p.GetValue(name), @class = p.GetValue(deviceClass), carrierId = p.GetValue(carrier) },
                static r => $"{r["id"]} is added."), id, name, deviceClass, carrier));
    }

    private static Command Credential()
    {
        var device = new Argument<string>("device");
        var label = new Option<string?>("--label") { Description = "What it is for." };
        return Group("credential", "What devices sign in with.",
            Make("create", "Makes a secret for a device and prints it once, with a line to paste.", (p, api) => api.PrintAsync(
                HttpMethod.Post, $"/devices/{Uri.EscapeDataString(p.GetValue(device)!)}/credentials", new { label = p.GetValue(label) },
                static r => $"user name {r["userName"]}, secret {r["secret"]}{Environment.NewLine}{r["pasteLine"]}"), device, label));
    }

    private static Command Status() => WithAccess(Make("status", "How the server is, in words.", static (_, api) => api.PrintAsync(HttpMethod.Get, "/overview", body: null, static r =>
        string.Join(Environment.NewLine, r["health"]!["sentences"]!.AsArray().Select(static s => s!.ToString())) + Environment.NewLine
        + $"{r["devices"]!["connected"]} of {r["devices"]!["registered"]} devices connected, {r["flow"]!["committed"]!["perSecond"]} uplinks committed per second, {r["quarantine"]!["held"]} in quarantine.")));

    private static Command Group(string name, string words, params Command[] commands)
    {
        var group = new Command(name, words);
        foreach (var command in commands) { group.Add(command); }
        return WithAccess(group);
    }

    private static Command WithAccess(Command command)
    {
        command.Add(Url);
        command.Add(Token);
        command.Add(Data);
        return command;
    }

    private static Command Make(string name, string words, Func<ParseResult, ApiClient, Task<int>> run, params Symbol[] symbols)
    {
        var command = new Command(name, words);
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument) { command.Add(argument); } else { command.Add((Option)symbol); }
        }
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = await ApiClient.OpenAsync(parsed.GetValue(Url), parsed.GetValue(Token), parsed.GetValue(Data)!, cancellationToken);
            return client is null ? ExitCode.Failed : await run(parsed, client);
        });
        return command;
    }
}
