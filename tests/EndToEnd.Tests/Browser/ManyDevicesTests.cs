using System.Diagnostics;
using System.Globalization;
using EndToEnd.Tests.Running;
using Headwater.Storage.Embedded;
using Headwater.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Playwright;
using Npgsql;
using Xunit.Abstractions;
using static Microsoft.Playwright.Assertions;

namespace EndToEnd.Tests.Browser;

/// <summary>The device list of a town: 100,000 rows feel like 100.</summary>
public sealed class ManyDevicesTests(ITestOutputHelper output)
{
    private const int Devices = 100_000;

    /// <summary>From the last key to the answer on the page; includes the 180 ms the page waits for the next key.</summary>
    private static readonly TimeSpan FoundWithin = TimeSpan.FromSeconds(2);

    [SkippableFact]
    public async Task Device_list_scrolls_and_searches_when_there_are_a_hundred_thousand()
    {
        ExternalService.RequireOrSkip("/usr/bin/chromium", "apt-get install chromium");
        await WebApp.EnsureBuiltAsync();
        using var folder = new TemporaryFolder();
        await using var server = new ServerProcess(folder["data"]) { HasOpenListener = false };
        await server.StartAsync();
        await Eventually.TrueAsync(() => server.Output.Contains("Ctrl-C ends it.", StringComparison.Ordinal));
        (await server.StopAsync()).ShouldBe(0);
        await AddDevicesAsync(server);
        await server.StartAsync();

        var (playwright, browser) = await Site.LaunchAsync();
        using var driver = playwright;
        await using var closing = browser;
        await using var visit = await Visit.OpenAsync(browser, server.Page, Look.Wide);
        await visit.EnterAsync(Site.PasswordIn(server.Output));
        await visit.GoAsync("/devices");
        var page = visit.Page;
        var grid = page.GetByRole(AriaRole.Grid, new() { Name = "Devices" });
        await Expect(grid.GetByText("town_000001", new() { Exact = true })).ToBeVisibleAsync();
        await Expect(grid).ToHaveAttributeAsync("aria-rowcount", (Devices + 1).ToString(CultureInfo.InvariantCulture));

        await grid.EvaluateAsync("(e) => { e.scrollTop = e.scrollHeight; }");
        await Expect(grid.GetByText("town_100000", new() { Exact = true })).ToBeVisibleAsync();
        await grid.EvaluateAsync("(e) => { e.scrollTop = e.scrollHeight / 2; }");
        await Expect(grid.GetByText("town_050000", new() { Exact = true })).ToBeVisibleAsync();
        (await grid.Locator(".v-row").CountAsync()).ShouldBeLessThan(100, "rows out of sight are drawn");
        await Pictures.TakeAsync(page, "devices-100000");

        var search = page.GetByRole(AriaRole.Textbox, new() { Name = "Search id or name" });
        var began = Stopwatch.GetTimestamp();
        await search.FillAsync("town_077777");
        await Expect(page.GetByText("1 device matches")).ToBeVisibleAsync();
        await Expect(grid.GetByText("town_077777", new() { Exact = true })).ToBeVisibleAsync();
        var byId = Stopwatch.GetElapsedTime(began);
        began = Stopwatch.GetTimestamp();
        await search.FillAsync("Street 99");
        await Expect(page.GetByText("1,000 devices match")).ToBeVisibleAsync();
        var byName = Stopwatch.GetElapsedTime(began);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"found by id in {byId.TotalMilliseconds:F0} ms, by name in {byName.TotalMilliseconds:F0} ms"));
        byId.ShouldBeLessThan(FoundWithin);
        byName.ShouldBeLessThan(FoundWithin);
        visit.Faults.ShouldBeEmpty();
    }

    private static async Task AddDevicesAsync(ServerProcess server)
    {
        await using var postgres = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions { DataFolder = server.PostgresFolder }, TimeProvider.System, NullLogger.Instance);
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        await using var insert = source.CreateCommand(
            "insert into headend.device (organization_id, text_id, name) select (select min(organization_id) from accounts.organization), 'town_' || lpad(i::text, 6, '0'), 'Street ' || lpad((i % 100)::text, 2, '0') || ' No. ' || i from generate_series(1, $1) i");
        insert.Parameters.AddWithValue(Devices);
        (await insert.ExecuteNonQueryAsync()).ShouldBe(Devices);
    }
}
