using Headwater.TestKit;
using Microsoft.Playwright;

namespace EndToEnd.Tests.Browser;

/// <summary>Screenshots: each step into <c>artifacts/pictures</c>, which is not kept; the README's into <c>docs/pictures</c> when asked for.</summary>
internal static class Pictures
{
    /// <summary>The README's picture may not weigh more: it is loaded with the page.</summary>
    internal const int LargestForReadme = 300_000;

    /// <summary>Whether this run renews the README's picture (environment variable <c>UPDATE_PICTURES</c>).</summary>
    internal static bool AreForReadme => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("UPDATE_PICTURES"));

    internal static string ReadmePicture => Repository.PathTo("docs", "pictures", "overview.png");

    internal static async Task TakeAsync(IPage page, string name)
    {
        var folder = Directory.CreateDirectory(Repository.PathTo("artifacts", "pictures"));
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder.FullName, name + ".png") });
    }
}
