using Headwater.Simulator.Scenarios;

namespace Headwater.Simulator.Links;

/// <summary>The link profiles that ship with the simulator: data in links.json, to which a scenario adds its own.</summary>
internal static class LinkCatalogue
{
    /// <summary>The profiles by name.</summary>
    internal static Dictionary<string, LinkProfile> BuiltIn()
    {
        using var stream = typeof(LinkCatalogue).Assembly.GetManifestResourceStream("links.json")
            ?? throw new InvalidOperationException("links.json is not in the assembly.");
        using var buffer = new MemoryStream();
        stream.CopyTo(buffer);
        var mistakes = new List<string>();
        using var document = JsonSettings.TryParse(buffer.ToArray(), mistakes);
        var links = new Dictionary<string, LinkProfile>(StringComparer.Ordinal);
        if (document is not null)
        {
            foreach (var (name, link) in new JsonSettings(document.RootElement, "$", mistakes).Entries(null)) { links[name] = Read(name, link); }
        }

        return mistakes.Count == 0 ? links : throw new InvalidOperationException("links.json: " + string.Join("; ", mistakes));
    }

    /// <summary>Reads one profile.</summary>
    internal static LinkProfile Read(string name, JsonSettings link)
    {
        var profile = new LinkProfile(
            name,
            link.Number("delayMilliseconds", 0, 0, 3_600_000),
            link.Number("jitterMilliseconds", 0, 0, 3_600_000),
            link.Number("lossPercent", 0, 0, 100),
            link.Number("bitsPerSecond", 0, 0, 1e12),
            link.Number("retryMilliseconds", 200, 0, 3_600_000));
        link.NothingElse();
        return profile;
    }
}
