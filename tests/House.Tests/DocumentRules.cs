using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace House.Tests;

/// <summary>Documents stay true: links, paths, commands, the glossary, the two languages.</summary>
public sealed partial class DocumentRules
{
    private static IEnumerable<string> Documents => Checkout.Files.Where(file => file.EndsWith(".md", StringComparison.Ordinal));

    [Fact]
    public void Links_resolve_when_a_document_points_at_a_file() =>
        Rule.Holds("A link points at nothing:",
            from document in Documents
            from Match link in Link().Matches(Prose(document))
            let target = Uri.UnescapeDataString(link.Groups["it"].Value)
            where !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith("mailto:", StringComparison.Ordinal)
            let parts = target.Split('#', 2)
            let file = parts[0].Length == 0 ? document : Path.GetRelativePath(Checkout.Root, Path.GetFullPath(Path.Combine(Checkout.Root, Path.GetDirectoryName(document)!, parts[0])))
            where !Checkout.Exists(file) || (parts.Length == 2 && file.EndsWith(".md", StringComparison.Ordinal) && !Anchors(file).Contains(parts[1]))
            select $"{document}: {target}");

    [Fact]
    public void Paths_exist_when_a_document_names_them_in_code_marks() =>
        Rule.Holds("A document names a path that is not there:",
            from document in Documents
            where document != "CHANGELOG.md"
            from Match path in PathInMarks().Matches(Prose(document))
            let named = path.Groups["it"].Value
            where !Checkout.Exists(named.TrimEnd('/'))
            select $"{document}: {named}");

    [Fact]
    public async Task Commands_in_documents_parse_and_name_existing_scripts_when_shown_as_bash()
    {
        var violations = new List<string>();
        foreach (var (document, block) in Documents.SelectMany(document => BashBlock().Matches(Checkout.Text(document)).Select(match => (document, match.Groups["it"].Value))))
        {
            violations.AddRange(await ParseAsync(block) is { Length: > 0 } error ? [$"{document}: {error}"] : []);
            foreach (Match script in Script().Matches(block))
            {
                var name = script.Groups["it"].Value;
                if (!Checkout.Exists(name))
                {
                    violations.Add($"{document}: ./{name} is not there");
                    continue;
                }

                var usage = Checkout.Text(name);
                violations.AddRange(Option().Matches(script.Groups["rest"].Value)
                    .Where(option => !usage.Contains(option.Value, StringComparison.Ordinal))
                    .Select(option => $"{document}: ./{name} knows no {option.Value}"));
            }
        }

        Rule.Holds("A command in a document does not work as written:", violations);
    }

    [Fact]
    public void Glossary_words_are_types_when_the_glossary_says_so()
    {
        var types = Product.Types.Select(type => type.Name.Split('`')[0]).ToHashSet(StringComparer.Ordinal);
        var words = Checkout.Lines("docs/glossary.md").TakeWhile(line => !line.StartsWith("## Kept for later", StringComparison.Ordinal))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .SelectMany(line => Marked().Matches(line.Split('|')[1]).Select(word => word.Groups["it"].Value))
            .ToList();
        words.ShouldNotBeEmpty();
        Rule.Holds("docs/glossary.md has a word for which no type exists (move it to \"Kept for later\", or mend the name):", words.Where(word => !types.Contains(word)));
    }

    [Fact]
    public void Architecture_names_every_project_when_one_is_added()
    {
        var text = Checkout.Text("docs/ARCHITECTURE.md");
        Rule.Holds("docs/ARCHITECTURE.md does not name a project:", Product.Assemblies.Keys.Where(project => !text.Contains($"src/{project}", StringComparison.Ordinal)));
    }

    [Fact]
    public void Quarantine_reasons_are_explained_when_a_device_can_meet_them()
    {
        var reason = Product.Types.SingleOrDefault(type => type is { IsEnum: true, Name: "QuarantineReason" });
        var text = Checkout.Text("docs/uplink.md");
        Rule.Holds("docs/uplink.md's table of quarantine reasons lacks a row \"| number | name |\":", reason is null ? [] : Enum.GetNames(reason)
            .Select(name => $"| {Convert.ToInt64(Enum.Parse(reason, name), System.Globalization.CultureInfo.InvariantCulture)} | {name} |")
            .Where(row => !text.Contains(row, StringComparison.Ordinal)));
    }

    [Fact]
    public void Decisions_are_numbered_without_gaps_when_one_is_added()
    {
        var numbers = Checkout.FilesUnder("docs/decisions/", ".md").Select(file => Path.GetFileName(file)[..4]).Order(StringComparer.Ordinal).ToList();
        numbers.ShouldBe(Enumerable.Range(1, numbers.Count).Select(number => number.ToString("D4", System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Both_languages_say_everything_when_a_text_is_added()
    {
        var english = Texts("en");
        var korean = Texts("ko");
        Rule.Holds("A text is in one language only, empty, or takes other values in Korean than in English:", english.Keys.Union(korean.Keys, StringComparer.Ordinal).Select(key =>
            !korean.TryGetValue(key, out var ko) ? $"{key}: not in Korean"
            : !english.TryGetValue(key, out var en) ? $"{key}: not in English"
            : en.Trim().Length == 0 || ko.Trim().Length == 0 ? $"{key}: empty"
            : !Values(en).SetEquals(Values(ko)) ? $"{key}: '{en}' and '{ko}' take different values"
            : "").Where(violation => violation.Length > 0));

        // A sentence may leave its count unsaid in one language ("one device"), so only what both name is compared.
        static HashSet<string> Values(string text) => Placeholder().Matches(text).Select(match => match.Groups["it"].Value.Trim()).Where(name => name != "count").ToHashSet(StringComparer.Ordinal);
    }

    private static Dictionary<string, string> Texts(string language)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in Checkout.Files.Where(file => file == $"web/src/i18n/{language}.json" || (file.StartsWith($"web/src/i18n/{language}/", StringComparison.Ordinal) && file.EndsWith(".json", StringComparison.Ordinal))))
        {
            using var document = JsonDocument.Parse(Checkout.Text(file));
            Collect(Path.GetFileNameWithoutExtension(file) == language ? "" : Path.GetFileNameWithoutExtension(file), document.RootElement, texts);
        }

        return texts;
    }

    private static void Collect(string key, JsonElement element, Dictionary<string, string> into)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            // English counts in two forms, Korean in one: the forms of one text are one text here.
            into[PluralForm().Replace(key, "")] = element.ToString();
            return;
        }

        foreach (var property in element.EnumerateObject())
        {
            Collect(key.Length == 0 ? property.Name : $"{key}.{property.Name}", property.Value, into);
        }
    }

    private static string Prose(string document) => FencedBlock().Replace(Checkout.Text(document), "");

    private static HashSet<string> Anchors(string document) =>
        [.. Checkout.Lines(document).Where(line => line.StartsWith('#')).Select(line => NotInAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-'))];

    private static async Task<string> ParseAsync(string script)
    {
        using var bash = Process.Start(new ProcessStartInfo("bash", ["-n", "-c", script]) { RedirectStandardError = true, UseShellExecute = false })!;
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var error = await bash.StandardError.ReadToEndAsync(bound.Token);
        await bash.WaitForExitAsync(bound.Token);
        return bash.ExitCode == 0 ? "" : error.Trim();
    }

    [GeneratedRegex(@"(?<!\\)\]\(\s*<?(?<it>[^)\s>]+)>?[^)]*\)", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Link();

    [GeneratedRegex("`(?<it>(?:src|tests|docs|deploy|examples|web|bench|scenarios)/[A-Za-z0-9_./-]+)`", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex PathInMarks();

    [GeneratedRegex(@"(?ms)^```(?:bash|sh)[^\n]*\n(?<it>.*?)^```", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex BashBlock();

    [GeneratedRegex(@"(?ms)^```.*?^```", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex FencedBlock();

    [GeneratedRegex(@"(?m)^\s*\./(?<it>[\w./-]+)(?<rest>[^\n]*)", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Script();

    [GeneratedRegex("--[a-z][a-z-]+", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Option();

    [GeneratedRegex("`(?<it>[A-Z][A-Za-z0-9]*)`", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Marked();

    [GeneratedRegex(@"\{\{\s*(?<it>[\w.]+)[^}]*\}\}", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Placeholder();

    [GeneratedRegex("_(?:zero|one|two|few|many|other)$", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex PluralForm();

    [GeneratedRegex(@"[^\w\- ]", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex NotInAnchor();
}
