using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Headwater.TestKit;
using Microsoft.Playwright;
using Xunit.Abstractions;
using static Microsoft.Playwright.Assertions;

namespace EndToEnd.Tests.Browser;

/// <summary>The product's promise, walked through by one person in a real browser: from the printed password to a reading of one's own and back to its bytes.</summary>
[Collection(BrowserTests.Name)]
public sealed partial class WalkTests(Site site, ITestOutputHelper output)
{
    /// <summary>How soon a reading must be seen that somebody just published.</summary>
    private const float SeenWithin = 10_000;

    [SkippableFact]
    public async Task A_person_follows_a_reading_from_the_printed_line_to_the_database_and_back_to_its_bytes()
    {
        site.Require();
        await using var visit = await site.VisitAsync(Look.Wide, signedIn: false);
        var page = visit.Page;
        try
        {
            await SignInAsync(visit);
            await OverviewMovesAsync(visit);
            await FindDeviceAsync(page);
            await DevicePageAsync(page);
            await PasteLineAsync(visit);
            await TraceAsync(page, Encoding.UTF8.GetBytes(Payload()));
            await QuarantineAndReplayAsync(visit);
            await BrokerAsync(visit);
            await MqttClientAsync(visit);
            await LanguageThemeAndSignOutAsync(page);
        }
        catch (Exception)
        {
            await Pictures.TakeAsync(page, "failed-walk");
            output.WriteLine(page.Url + "\n" + string.Join('\n', visit.Faults) + "\n" + site.Server.Output);
            throw;
        }
        visit.Faults.ShouldBeEmpty();
        (await visit.PolicyViolationsAsync()).ShouldBeEmpty();
    }

    private async Task SignInAsync(Visit visit)
    {
        await visit.Page.GotoAsync(visit.Site + "/");
        await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).WaitForAsync();
        await Pictures.TakeAsync(visit.Page, "01-sign-in");
        await visit.SignInAsync(site.Password);
    }

    private static async Task OverviewMovesAsync(Visit visit)
    {
        var page = visit.Page;
        await visit.SettledAsync();
        await Pictures.TakeAsync(page, "02-overview-first");
        var flow = page.GetByRole(AriaRole.Region, new() { Name = "Flow of readings from devices to the database" });
        var commit = flow.Locator(".sub").Filter(new() { HasText = "Commit number" }).Locator("b");
        var before = await NumberAsync(commit);
        await Eventually.TrueAsync(async () => await NumberAsync(commit) > before, words: "the commit number grows on the overview");
        var received = flow.Locator(".lane").First.Locator("b");
        await Eventually.TrueAsync(async () => await NumberAsync(received) > 0, words: "messages received per second are above zero");
        await Pictures.TakeAsync(page, "03-overview");
    }

    private static async Task FindDeviceAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Link, new() { Name = "Devices" }).First.ClickAsync();
        var grid = page.GetByRole(AriaRole.Grid, new() { Name = "Devices" });
        await Expect(grid.GetByText("meter_0001", new() { Exact = true })).ToBeVisibleAsync();
        await Pictures.TakeAsync(page, "04-devices");
        await page.GetByRole(AriaRole.Textbox, new() { Name = "Search id or name" }).FillAsync("house_0007");
        await Expect(page.GetByText("1 device matches")).ToBeVisibleAsync();
        await grid.GetByText("house_0007", new() { Exact = true }).First.ClickAsync();
        await Expect(page.Locator("aside.panel canvas").First).ToBeVisibleAsync();
        await Pictures.TakeAsync(page, "05-device-panel");
        await page.GetByRole(AriaRole.Link, new() { Name = "Open page" }).ClickAsync();
    }

    private static async Task DevicePageAsync(IPage page)
    {
        await Expect(page).ToHaveURLAsync(new Regex("/devices/house_0007", RegexOptions.None, TimeSpan.FromSeconds(1)));
        await Expect(page.Locator(".u-wrap canvas, canvas").First).ToBeVisibleAsync();
        var table = page.GetByRole(AriaRole.Region, new() { Name = "Readings as a table" });
        await Expect(table.GetByText("Measured").First).ToBeVisibleAsync();
        (await table.Locator("tbody tr").CountAsync()).ShouldBeGreaterThan(1);
        await Pictures.TakeAsync(page, "06-device");
    }

    /// <summary>The line is run exactly as the server printed it; the page stands open and is not loaded again.</summary>
    private async Task PasteLineAsync(Visit visit)
    {
        var page = visit.Page;
        await visit.GoAsync("/devices/my-meter");
        await Expect(page.GetByText("No register yet")).ToBeVisibleAsync();
        await page.EvaluateAsync("() => { window.__stays = true; }");
        await Shell.PasteAsync(site.PrintedLine);
        await Expect(Readings(page).Locator("tbody tr").First).ToContainTextAsync("12,340", new() { Timeout = SeenWithin });
        (await page.EvaluateAsync<bool>("() => window.__stays === true")).ShouldBeTrue("the page was loaded again");
        await Pictures.TakeAsync(page, "07-own-reading");
    }

    private string Payload()
    {
        // What the shell made of the printed line: its own quoting undone; the time is read off the trace.
        var quoted = PayloadWords().Match(site.PrintedLine).Groups["it"].Value;
        return quoted.Replace("\\\"", "\"", StringComparison.Ordinal);
    }

    private static async Task TraceAsync(IPage page, byte[] pattern)
    {
        await Readings(page).GetByRole(AriaRole.Link).First.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Reading trace" })).ToBeVisibleAsync();
        await Expect(page.GetByText("smart_meter/meter_readings")).ToBeVisibleAsync();
        await page.GetByText("Text", new() { Exact = true }).ClickAsync();
        var shown = await page.Locator("pre.hex.text").TextContentAsync() ?? string.Empty;
        using var json = JsonDocument.Parse(shown);
        var at = json.RootElement.GetProperty("created_at").GetString()!;
        shown.ShouldBe(Encoding.UTF8.GetString(pattern).Replace("$(date -u +%FT%TZ)", at, StringComparison.Ordinal));
        await page.GetByText("Hex", new() { Exact = true }).ClickAsync();
        (await HexAsync(page)).ShouldBe(Encoding.UTF8.GetBytes(shown));
        await Pictures.TakeAsync(page, "08-trace");
    }

    private async Task QuarantineAndReplayAsync(Visit visit)
    {
        var page = visit.Page;
        const string Device = "basement-meter";
        const string Concentrator = "dcu-basement";
        // A meter that was taken out of service and still reports: held, and stored once somebody puts it back into service.
        await CallAsync(page, "POST", "/devices", new { id = Concentrator, name = "Concentrator in the basement", @class = "concentrator", timeZone = "Asia/Seoul" });
        await CallAsync(page, "POST", "/devices", new { id = Device, name = "Meter in the basement", @class = "electricityMeter", timeZone = "Asia/Seoul", carrierId = Concentrator });
        await CallAsync(page, "PATCH", "/devices/" + Device, new { status = "suspended" });
        var payload = $$"""{"meter_id":"{{Device}}","reading":987.65,"created_at":"{{TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)}}"}""";
        await site.PublishAsync(Concentrator, "smart_meter/meter_readings", payload);

        await page.GetByRole(AriaRole.Link, new() { Name = "Quarantine" }).First.ClickAsync();
        var row = page.GetByRole(AriaRole.Row).Filter(new() { HasText = Device });
        await Expect(row).ToContainTextAsync("Device is not active");
        await row.GetByText(Device).First.ClickAsync();
        var panel = page.Locator("aside.panel");
        await Expect(panel).ToContainTextAsync($"{Device} is", new() { IgnoreCase = true });
        await panel.GetByText("Hex", new() { Exact = true }).ClickAsync();
        (await HexAsync(page)).ShouldBe(Encoding.UTF8.GetBytes(payload));
        await Pictures.TakeAsync(page, "09-quarantine");

        await CallAsync(page, "PATCH", "/devices/" + Device, new { status = "active" });
        await panel.GetByRole(AriaRole.Button, new() { Name = "Replay" }).ClickAsync();
        await Expect(page.GetByText("1 stored, 0 still held")).ToBeVisibleAsync();
        await Pictures.TakeAsync(page, "10-replayed");
        await visit.GoAsync("/devices/" + Device);
        await Expect(Readings(page).Locator("tbody tr").First).ToContainTextAsync("987,650");
        await Pictures.TakeAsync(page, "11-replayed-reading");
    }

    private static async Task BrokerAsync(Visit visit)
    {
        var page = visit.Page;
        await page.GetByRole(AriaRole.Link, new() { Name = "Broker" }).First.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Listeners" })).ToBeVisibleAsync();
        await visit.SettledAsync();
        await Pictures.TakeAsync(page, "12-broker");
        await page.GetByRole(AriaRole.Link, new() { Name = "Sessions" }).ClickAsync();
        await page.GetByRole(AriaRole.Textbox, new() { Name = "Search client id or owner" }).FillAsync("meter_0003");
        await Expect(page.GetByRole(AriaRole.Row).Filter(new() { HasText = "meter_0003" })).ToContainTextAsync("Connected");
        await Pictures.TakeAsync(page, "13-sessions");
        foreach (var (tab, name) in new[] { ("Retained", "14-retained"), ("Connects", "15-connects"), ("Credentials", "16-credentials"), ("Configuration", "17-configuration") })
        {
            await page.GetByRole(AriaRole.Link, new() { Name = tab, Exact = true }).ClickAsync();
            await visit.SettledAsync();
            await Pictures.TakeAsync(page, name);
        }
    }

    private static async Task MqttClientAsync(Visit visit)
    {
        const string Topic = "site/basement/greeting";
        const string Words = "hello from the page";
        var page = visit.Page;
        await page.GetByRole(AriaRole.Link, new() { Name = "MQTT client" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Connect", Exact = true }).ClickAsync();
        await Expect(page.GetByText("Connected", new() { Exact = true })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Textbox, new() { Name = "Filter" }).FillAsync("site/#");
        await page.GetByRole(AriaRole.Button, new() { Name = "Subscribe", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Unsubscribe from site/#" })).ToBeVisibleAsync();

        var other = await visit.NewTabAsync("/broker?tab=subscriptions&query=site");
        await Expect(other.GetByRole(AriaRole.Row).Filter(new() { HasText = "site/#" })).ToBeVisibleAsync();
        await Pictures.TakeAsync(other, "18-subscriptions");
        await other.CloseAsync();

        await page.GetByRole(AriaRole.Textbox, new() { Name = "Topic" }).FillAsync(Topic);
        await page.GetByRole(AriaRole.Textbox, new() { Name = "Payload" }).FillAsync(Words);
        await page.GetByRole(AriaRole.Button, new() { Name = "Publish", Exact = true }).ClickAsync();
        var log = page.GetByRole(AriaRole.Log, new() { Name = "Messages received" });
        await Expect(log).ToContainTextAsync(Topic);
        await Expect(log).ToContainTextAsync(Words);
        await Pictures.TakeAsync(page, "19-mqtt-client");
    }

    private static async Task LanguageThemeAndSignOutAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Link, new() { Name = "Overview" }).First.ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Language" }).ClickAsync();
        await page.GetByRole(AriaRole.Menuitem, new() { Name = "한국어" }).ClickAsync();
        await Expect(page.Locator("html")).ToHaveAttributeAsync("lang", "ko");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("개요");
        await Pictures.TakeAsync(page, "20-korean");
        await page.GetByRole(AriaRole.Button, new() { Name = "테마" }).ClickAsync();
        await page.GetByRole(AriaRole.Menuitem).Nth(2).ClickAsync();
        await Expect(page.Locator("html")).ToHaveAttributeAsync("data-mantine-color-scheme", "dark");
        await Pictures.TakeAsync(page, "21-dark");
        await page.Locator("header.bar button").Last.ClickAsync();
        await page.GetByRole(AriaRole.Menuitem).Last.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "로그인" })).ToBeVisibleAsync();
        await Pictures.TakeAsync(page, "22-signed-out");
        await page.ReloadAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "로그인" })).ToBeVisibleAsync();
    }

    private static ILocator Readings(IPage page) => page.GetByRole(AriaRole.Region, new() { Name = "Readings as a table" });

    /// <summary>The bytes a hexadecimal view shows.</summary>
    private static async Task<byte[]> HexAsync(IPage page)
    {
        var view = page.Locator("pre.hex:not(.text)");
        await view.WaitForAsync();
        // offset, two blanks, 16 bytes, the same as text
        var rows = (await view.TextContentAsync() ?? string.Empty).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return [.. rows.SelectMany(static r => HexPair().Matches(r[(r.IndexOf("  ", StringComparison.Ordinal) + 2)..][..50]).Select(static m => byte.Parse(m.Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture)))];
    }

    private static async Task<double> NumberAsync(ILocator place)
    {
        var digits = new string([.. (await place.First.InnerTextAsync()).Where(static c => char.IsAsciiDigit(c) || c == '.')]);
        return double.TryParse(digits, CultureInfo.InvariantCulture, out var number) ? number : 0;
    }

    /// <summary>A call of the HTTP API with the page's own session, for what no page offers.</summary>
    private static async Task CallAsync(IPage page, string method, string path, object body)
    {
        var status = await page.EvaluateAsync<int>(
            "async ([method, path, body]) => (await fetch('/api/v1' + path, { method, body, headers: { 'Content-Type': 'application/json', 'X-Headwater': '1' } })).status",
            new[] { method, path, JsonSerializer.Serialize(body) });
        status.ShouldBeInRange(200, 299, $"{method} {path}");
    }

    [GeneratedRegex("-m \"(?<it>.*)\"$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex PayloadWords();

    [GeneratedRegex("[0-9a-f]{2}", RegexOptions.IgnoreCase, 1000)]
    private static partial Regex HexPair();
}
