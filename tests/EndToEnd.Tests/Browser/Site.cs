using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using EndToEnd.Tests.Running;
using Headwater.TestKit;
using Microsoft.Playwright;

namespace EndToEnd.Tests.Browser;

/// <summary>A real server with a real PostgreSQL, a small demo fleet, and a real browser before it. One for all tests of the collection.</summary>
public sealed partial class Site : IAsyncLifetime
{
    /// <summary>Where Debian puts it.</summary>
    private const string ChromiumProgram = "/usr/bin/chromium";

    // 60 meters, each every 2 seconds: everything on the pages moves, and a busy machine is not made busier.
    private const string Scenario = """
        {
          "name": "browser", "seed": 7, "timeZone": "Asia/Seoul", "connectsPerSecond": 100,
          "groups": [
            { "name": "flats", "count": 45, "idPattern": "meter_{n:4}", "interval": "PT2S", "alignment": "staggered", "payload": "plain", "household": { "lowestDailyWh": 4000, "highestDailyWh": 12000 } },
            { "name": "houses", "count": 15, "idPattern": "house_{n:4}", "interval": "PT2S", "alignment": "staggered", "payload": "read", "registers": ["1-0:1.8.0", "1-0:1.7.0", "1-0:32.7.0"], "household": { "lowestDailyWh": 8000, "highestDailyWh": 22000 } }
          ]
        }
        """;

    private static readonly string[] Flags =
    [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ];

    private readonly TemporaryFolder _folder = new();
    private IPlaywright? _playwright;

    /// <summary>Why nothing could be started, or null. A test asks for it first: a fixture cannot skip.</summary>
    private Exception? _missing;

    internal ServerProcess Server { get; private set; } = null!;

    internal IBrowser Browser { get; private set; } = null!;

    /// <summary>The password printed at the first start.</summary>
    internal string Password { get; private set; } = string.Empty;

    /// <summary>The line to paste, exactly as printed.</summary>
    internal string PrintedLine { get; private set; } = string.Empty;

    public async Task InitializeAsync()
    {
        try
        {
            ExternalService.RequireOrSkip(ChromiumProgram, "apt-get install chromium");
            ExternalService.RequireOrSkip("mosquitto_pub", "apt-get install mosquitto-clients");
            await WebApp.EnsureBuiltAsync();
        }
        catch (Exception e) when (e is SkipTestException or InvalidOperationException)
        {
            _missing = e;
            return;
        }

        // The picture of the README shows the whole demo; the tests need less of it.
        string[] extra = Pictures.AreForReadme ? ["--demo"] : ["--demo", "--demo-scenario", _folder["scenario.json"]];
        await File.WriteAllTextAsync(_folder["scenario.json"], Scenario);
        Server = new ServerProcess(_folder["data"], extra) { HasOpenListener = false };
        await Server.StartAsync();
        await Eventually.TrueAsync(() => Server.Output.Contains("Ctrl-C ends it.", StringComparison.Ordinal));
        Password = PasswordWords().Match(Server.Output).Groups["it"].Value;
        PrintedLine = LineWords().Match(Server.Output).Groups["it"].Value;
        (_playwright, Browser) = await LaunchAsync();
    }

    public async Task DisposeAsync()
    {
        if (Browser is not null) { await Browser.DisposeAsync(); }
        _playwright?.Dispose();
        if (Server is not null) { await Server.DisposeAsync(); }
        _folder.Dispose();
    }

    /// <summary>Skips at home and fails on CI where a program is missing.</summary>
    internal void Require()
    {
        if (_missing is not null) { throw _missing; }
    }

    /// <summary>A browser with nothing in its memory, signed in unless told otherwise.</summary>
    internal async Task<Visit> VisitAsync(Look look, bool signedIn = true)
    {
        var visit = await Visit.OpenAsync(Browser, Server.Page, look);
        // Another test may have left the person with another language or theme.
        await visit.EnterAsync(Password);
        if (!signedIn) { await visit.ForgetAsync(); }
        return visit;
    }

    /// <summary>Publishes as a device of the fleet; one that is not known yet becomes known.</summary>
    internal async Task PublishAsync(string device, string topic, string payload)
    {
        using var fleet = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Server.DataFolder, "demo-credentials.json")));
        await Shell.PasteAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"mosquitto_pub -h 127.0.0.1 -p {Server.MqttPort} -q 1 -i '{device}' -u '{fleet.RootElement.GetProperty("userName").GetString()}' -P '{fleet.RootElement.GetProperty("password").GetString()}' -t '{topic}' -m '{payload}'"));
    }

    internal static async Task<(IPlaywright Playwright, IBrowser Browser)> LaunchAsync()
    {
        var playwright = await Playwright.CreateAsync();
        var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = ChromiumProgram, Args = Flags, Headless = true });
        return (playwright, browser);
    }

    internal static string PasswordIn(string output) => PasswordWords().Match(output).Groups["it"].Value;

    [GeneratedRegex(@"with the password (?<it>\S+) \(shown this once\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex PasswordWords();

    [GeneratedRegex(@"^\s*(?<it>mosquitto_pub .*?)\s*$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LineWords();
}

/// <summary>The tests that share one <see cref="Site"/>.</summary>
[CollectionDefinition(Name)]
public sealed class BrowserTests : ICollectionFixture<Site>
{
    internal const string Name = "browser";
}
