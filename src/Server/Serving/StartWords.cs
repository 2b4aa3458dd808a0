using Headwater.Accounts;
using Headwater.HeadEnd.Access;

namespace Headwater.Server.Serving;

/// <summary>What is printed when the server is up: where to look, what to paste.</summary>
internal static class StartWords
{
    internal static async Task PrintAsync(ServerComposition composition, NewCredential? own)
    {
        var words = new List<string> { string.Empty, $"Headwater is up: {composition.PageUrl}" };
        words.Add(composition.FirstStart.AdministratorPassword is { } password
            ? $"Sign in as {FirstStart.AdministratorName} with the password {password} (shown this once)."
            : $"Sign in as {FirstStart.AdministratorName}. A forgotten password is replaced by: {Program()} person reset-password {FirstStart.AdministratorName} --data {Near(composition.Settings.DataFolder)}");
        if (own is not null && composition.PortOf(MqttListeners.Plain) is { } port)
        {
            words.Add("Send a reading of your own (each start makes a new secret; the one before ends):");
            words.Add($$"""  mosquitto_pub -h {{composition.Host}} -p {{port}} -q 1 -i {{Demo.OwnDevice}} -u {{own.UserName}} -P {{own.Secret}} -t smart_meter/meter_readings -m "{\"meter_id\":\"{{Demo.OwnDevice}}\",\"reading\":12.34,\"created_at\":\"$(date -u +%FT%TZ)\"}" """.TrimEnd());
            words.Add($"and watch it at {composition.PageUrl}/devices/{Demo.OwnDevice}");
        }
        else if (own is null) { words.Add($"To send a reading, add a device at {composition.PageUrl}/devices and a credential on its page: it shows a line to paste."); }
        words.Add("Ctrl-C ends it.");
        await Console.Out.WriteLineAsync(string.Join(Environment.NewLine, words) + Environment.NewLine);
    }

    /// <summary>How this very program is called, so that the line printed can be pasted.</summary>
    private static string Program()
    {
        var own = Environment.ProcessPath ?? "headwater";
        return Path.GetFileNameWithoutExtension(own) == "dotnet" ? $"dotnet {Near(Path.Combine(AppContext.BaseDirectory, "headwater.dll"))}" : Near(own);
    }

    /// <summary>A path as it is shortest from here.</summary>
    private static string Near(string path)
    {
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }
}
