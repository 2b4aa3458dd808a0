using Headwater.TestKit;
using Microsoft.Playwright;

namespace EndToEnd.Tests.Browser;

/// <summary>The picture in the README is a picture of the running page.</summary>
[Collection(BrowserTests.Name)]
public sealed class ReadmePictureTests(Site site)
{
    /// <summary>Samples of 5 s in the curves before the picture is taken.</summary>
    private const int SamplesShown = 24;

    [SkippableFact]
    public async Task Readme_shows_the_overview_of_the_demo_when_its_picture_is_renewed()
    {
        if (Pictures.AreForReadme) { await RenewAsync(); }
        (await File.ReadAllTextAsync(Repository.PathTo("README.md"))).ShouldContain("docs/pictures/overview.png");
        var picture = new FileInfo(Pictures.ReadmePicture);
        picture.Exists.ShouldBeTrue("Renew it: UPDATE_PICTURES=1 ./test endtoend");
        picture.Length.ShouldBeLessThan(Pictures.LargestForReadme);
    }

    private async Task RenewAsync()
    {
        site.Require();
        await using var visit = await site.VisitAsync(Look.Wide);
        await Eventually.TrueAsync(
            async () => (await visit.ReadAsync("/overview")).GetProperty("history").GetArrayLength() >= SamplesShown, TimeSpan.FromMinutes(5));
        await visit.GoAsync("/");
        await visit.SettledAsync();
        Directory.CreateDirectory(Path.GetDirectoryName(Pictures.ReadmePicture)!);
        await visit.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Pictures.ReadmePicture });
    }
}
