using System.Globalization;
using System.Text.Json;
using Headwater.TestKit;
using Microsoft.Playwright;

namespace EndToEnd.Tests.Browser;

/// <summary>One person at one browser. Notes everything that must never happen on a page: errors in the console, violations of the content policy, jumps.</summary>
internal sealed class Visit : IAsyncDisposable
{
    /// <summary>Longest wait for something on a page: generous, the machine may be busy; a passing test never waits it out.</summary>
    private const float Bound = 20_000;

    // Runs before any script of the page. The first content and the jumps after it are the browser's own measurements.
    private const string Notes = """
        window.__notes = { shift: 0, moved: [], csp: [], interactive: null };
        document.addEventListener('securitypolicyviolation', (e) => window.__notes.csp.push(e.violatedDirective + ' ' + e.blockedURI));
        new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) { window.__notes.shift += e.value; for (const s of e.sources ?? []) window.__notes.moved.push((s.node?.outerHTML ?? s.node?.textContent ?? '').slice(0, 90)); } }).observe({ type: 'layout-shift', buffered: true });
        new MutationObserver((_, self) => { if (document.querySelector('form button[type=submit], nav a')) { window.__notes.interactive = performance.now(); self.disconnect(); } }).observe(document, { childList: true, subtree: true });
        """;

    private readonly IBrowserContext _context;
    private readonly Look _look;
    private readonly List<string> _faults = [];

    private Visit(IBrowserContext context, IPage page, string site, Look look)
    {
        _look = look;
        _context = context;
        Page = page;
        Site = site;
    }

    internal IPage Page { get; }

    internal string Site { get; }

    internal IReadOnlyList<string> Faults
    {
        get { lock (_faults) { return [.. _faults]; } }
    }

    internal static async Task<Visit> OpenAsync(IBrowser browser, string site, Look look)
    {
        var context = await browser.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = look.Width, Height = look.Height },
            Locale = "en-US",
            TimezoneId = "Asia/Seoul",
            ColorScheme = look.Theme == "dark" ? ColorScheme.Dark : ColorScheme.Light,
        });
        context.SetDefaultTimeout(Bound);
        context.SetDefaultNavigationTimeout(Bound);
        await context.AddInitScriptAsync(Notes);
        var page = await context.NewPageAsync();
        var visit = new Visit(context, page, site, look);
        visit.Watch(page);
        return visit;
    }

    /// <summary>A second tab of the same browser.</summary>
    internal async Task<IPage> NewTabAsync(string path)
    {
        var page = await _context.NewPageAsync();
        Watch(page);
        await page.GotoAsync(Site + path);
        return page;
    }

    /// <summary>Opens a page and waits until its title stands.</summary>
    internal async Task GoAsync(string path)
    {
        await Page.GotoAsync(Site + path);
        await Page.Locator("h1").First.WaitForAsync();
    }

    internal async Task SignInAsync(string password)
    {
        await Page.GotoAsync(Site + "/");
        await Page.GetByLabel("Name", new PageGetByLabelOptions { Exact = true }).FillAsync("admin");
        await Page.GetByLabel("Password", new PageGetByLabelOptions { Exact = true }).FillAsync(password);
        await Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Sign in" }).ClickAsync();
        await Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "Overview" }).WaitForAsync();
    }

    /// <summary>Signs in without the page, and takes the look this visit was opened with as the person's own choice.</summary>
    internal async Task EnterAsync(string password)
    {
        var headers = new Dictionary<string, string>(StringComparer.Ordinal) { ["X-Headwater"] = "1" };
        var signIn = await _context.APIRequest.PostAsync(Site + "/api/v1/session", new() { Headers = headers, DataObject = new { name = "admin", password } });
        signIn.Status.ShouldBe(200, await signIn.TextAsync());
        var choice = await _context.APIRequest.PutAsync(Site + "/api/v1/session/preferences", new() { Headers = headers, DataObject = new { language = "en", theme = _look.Theme } });
        choice.Ok.ShouldBeTrue(await choice.TextAsync());
    }

    /// <summary>As if this browser had never been here.</summary>
    internal Task ForgetAsync() => _context.ClearCookiesAsync();

    /// <summary>What the API answers to the page's own session.</summary>
    internal async Task<JsonElement> ReadAsync(string path)
    {
        var answer = await _context.APIRequest.GetAsync(Site + "/api/v1" + path);
        answer.Status.ShouldBe(200, path);
        return (await answer.JsonAsync()).ShouldNotBeNull();
    }

    /// <summary>The values have come and nothing is left to arrive: no placeholder, no running request but the live stream.</summary>
    internal async Task SettledAsync()
    {
        await Page.Locator("h1").First.WaitForAsync();
        await Eventually.TrueAsync(async () => await Page.Locator(".bone").CountAsync() == 0, words: $"placeholders gone on {Page.Url}");
        // Two frames and the library's longest transition, so that what is judged is what stays.
        await Page.EvaluateAsync("() => Promise.all(document.getAnimations().filter((a) => a.effect?.getComputedTiming().iterations !== Infinity).map((a) => a.finished.catch(() => 0)))").WaitAsync(Eventually.Bound);
    }

    /// <summary>Milliseconds from the navigation to the first content, and to the first thing that can be used.</summary>
    internal async Task<(double FirstContent, double Interactive)> SpeedAsync()
    {
        await Page.WaitForFunctionAsync("() => window.__notes.interactive !== null && performance.getEntriesByName('first-contentful-paint').length > 0");
        var text = await Page.EvaluateAsync<string>("() => JSON.stringify([performance.getEntriesByName('first-contentful-paint')[0].startTime, window.__notes.interactive])");
        using var json = JsonDocument.Parse(text);
        return (json.RootElement[0].GetDouble(), json.RootElement[1].GetDouble());
    }

    /// <summary>Cumulative layout shift since the page was opened, without those a person's own input caused.</summary>
    internal async Task<double> ShiftAsync() =>
        double.Parse(await Page.EvaluateAsync<string>("() => String(window.__notes.shift)"), CultureInfo.InvariantCulture);

    /// <summary>What jumped.</summary>
    internal async Task<IReadOnlyList<string>> MovedAsync() => await Page.EvaluateAsync<string[]>("() => window.__notes.moved");

    internal async Task<IReadOnlyList<string>> PolicyViolationsAsync() => await Page.EvaluateAsync<string[]>("() => window.__notes.csp");

    /// <summary>What makes the page scroll sideways, innermost elements; empty when it does not.</summary>
    internal async Task<IReadOnlyList<string>> SidewaysAsync() => await Page.EvaluateAsync<string[]>("""
        () => {
          const wide = document.documentElement.scrollWidth > innerWidth || [...document.querySelectorAll('.main')].some((e) => e.scrollWidth > e.clientWidth + 1);
          if (!wide) return [];
          const out = [...document.querySelectorAll('.main *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1);
          return ['scrolls sideways'].concat(out.filter((e) => !out.some((o) => o !== e && e.contains(o))).slice(0, 3).map((e) => e.outerHTML.slice(0, 200)));
        }
        """);

    /// <summary>What axe-core finds serious or critical, one line a finding.</summary>
    internal async Task<IReadOnlyList<string>> AccessibilityFindingsAsync()
    {
        await Page.EvaluateAsync(await File.ReadAllTextAsync(WebApp.AxeScript));
        return await Page.EvaluateAsync<string[]>("""
            async () => {
              const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
              return violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
                .map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | '));
            }
            """).WaitAsync(TimeSpan.FromSeconds(60));
    }

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    private void Watch(IPage page)
    {
        page.PageError += (_, error) => Note("script: " + error);
        page.Console += (_, message) =>
        {
            // Nobody is signed in at the first look, and the browser itself writes such an answer into the console.
            if (message.Type == "error" && !message.Text.Contains("status of 401", StringComparison.Ordinal)) { Note("console: " + message.Text + " " + message.Location); }
        };
        page.Response += (_, response) =>
        {
            if (response.Status >= 500 || response.Status == 404) { Note($"{response.Status}: {response.Request.Method} {response.Url}"); }
        };
    }

    private void Note(string fault)
    {
        lock (_faults) { _faults.Add(fault); }
    }
}
