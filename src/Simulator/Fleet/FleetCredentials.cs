using Headwater.Simulator.Scenarios;

namespace Headwater.Simulator.Fleet;

/// <summary>What the stations sign in with: a secret of their own each, or one shared user.</summary>
/// <remarks>A JSON file: <c>{"userName":"demo","password":"..."}</c>, or <c>{"devices":{"meter_0001":"secret"}}</c>, or both; a device's own secret
/// comes first, with the device's id as user name. Secrets are never printed.</remarks>
internal sealed class FleetCredentials
{
    private readonly Dictionary<string, string> _devices;
    private readonly (string UserName, string Password)? _shared;

    private FleetCredentials((string UserName, string Password)? shared, Dictionary<string, string> devices)
    {
        _shared = shared;
        _devices = devices;
    }

    /// <summary>Nobody signs in with anything: for a server that takes anonymous clients.</summary>
    internal static FleetCredentials Anonymous { get; } = new(null, []);

    /// <summary>Reads a credentials file.</summary>
    /// <returns>Null and the mistakes when it is wrong.</returns>
    internal static (FleetCredentials? Credentials, IReadOnlyList<string> Mistakes) ReadFile(string path)
    {
        if (!File.Exists(path)) { return (null, [$"{path}: there is no such file"]); }
        var mistakes = new List<string>();
        using var document = JsonSettings.TryParse(File.ReadAllBytes(path), mistakes);
        if (document is null) { return (null, mistakes); }
        var settings = new JsonSettings(document.RootElement, "$", mistakes);
        (string, string)? shared = null;
        if (settings.Has("userName") || settings.Has("password"))
        {
            shared = (settings.Text("userName", null) ?? "", settings.Text("password", null) ?? "");
        }

        var devices = settings.Section("devices")?.TextEntries() ?? [];
        settings.NothingElse();
        if (shared is null && devices.Count == 0 && mistakes.Count == 0) { mistakes.Add("$: has neither userName and password nor devices"); }
        return mistakes.Count > 0 ? (null, mistakes) : (new FleetCredentials(shared, devices), mistakes);
    }

    /// <summary>User name and password of a station; null when it has none.</summary>
    internal (string UserName, string Password)? Of(string stationId) =>
        _devices.TryGetValue(stationId, out var secret) ? (stationId, secret) : _shared;
}
