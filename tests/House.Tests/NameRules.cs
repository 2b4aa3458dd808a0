using System.Text.RegularExpressions;

namespace House.Tests;

/// <summary>One noun, one meaning: what types, tests, namespaces and files may be called.</summary>
public sealed partial class NameRules
{
    private static readonly string[] EmptyWords = ["Manager", "Helper", "Helpers", "Util", "Utils", "Utility", "Common", "Base", "Impl", "Dto", "Info", "Processor", "Engine", "Misc"];

    [Fact]
    public void Type_names_say_what_a_thing_is_when_declared_anywhere() =>
        Rule.Holds($"A type's name contains a word that says nothing ({string.Join(", ", EmptyWords)}):",
            from file in Checkout.Files.Where(file => file.EndsWith(".cs", StringComparison.Ordinal))
            from Match declared in TypeDeclaration().Matches(Checkout.Text(file))
            let name = declared.Groups["it"].Value
            where Words().Matches(name).Any(word => EmptyWords.Contains(word.Value, StringComparer.Ordinal))
            select $"{file}: {name}");

    [Fact]
    public void Namespaces_follow_folders_when_a_file_stands_in_src() =>
        Rule.Holds("A file's namespace is not its folder (Headwater.<Project>.<Folder>):",
            from file in Checkout.FilesUnder("src/", ".cs")
            let expected = "Headwater." + string.Join('.', file.Split('/')[1..^1])
            from Match declared in NamespaceDeclaration().Matches(Checkout.Text(file))
            where declared.Groups["it"].Value != expected
            select $"{file}: {declared.Groups["it"].Value}, expected {expected}");

    [Fact]
    public void Test_names_are_sentences_when_read_in_a_report() =>
        Rule.Holds("A test is not named Behaviour_when_condition:",
            from file in Checkout.FilesUnder("tests/", ".cs")
            from Match test in TestMethod().Matches(Checkout.Text(file))
            let name = test.Groups["it"].Value
            where !Sentence().IsMatch(name)
            select $"{file}: {name}");

    [Fact]
    public void Tests_are_never_switched_off_when_they_fail() =>
        Rule.Holds("A test is skipped for good (a missing service skips at run time, and fails when CI=true):",
            from file in Checkout.FilesUnder("tests/", ".cs")
            from Match off in SwitchedOff().Matches(Checkout.Text(file))
            select $"{file}: {off.Value}");

    [Fact]
    public void Files_stay_readable_when_they_grow() =>
        Rule.Holds("A file is longer than 800 lines:",
            from file in Checkout.Files
            where Path.GetExtension(file) is ".cs" or ".ts" or ".tsx" or ".css" or ".sql" or ".sh" or ".md" || Path.GetExtension(file).Length == 0
            where Path.GetFileName(file) != "LICENSE" && Checkout.IsText(file)
            let lines = Checkout.Lines(file).Length
            where lines > 800 && !Checkout.IsGenerated(file)
            select $"{file}: {lines} lines");

    [GeneratedRegex(@"(?m)^[ \t]*(?:(?:public|internal|private|protected|file|static|sealed|abstract|partial|readonly|ref|unsafe)\s+)*(?:class|record\s+struct|record\s+class|record|struct|interface|enum)\s+(?<it>[A-Z]\w*)", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex TypeDeclaration();

    [GeneratedRegex(@"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Words();

    [GeneratedRegex(@"(?m)^namespace\s+(?<it>[\w.]+)", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex NamespaceDeclaration();

    [GeneratedRegex(@"\[\w*(?:Fact|Theory)[^\]]*\](?:\s*\[[^\n]*\])*\s*public\s+(?:async\s+)?(?:static\s+)?[\w<>]+\s+(?<it>\w+)\s*\(", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex TestMethod();

    [GeneratedRegex("^[A-Z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+$", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Sentence();

    [GeneratedRegex(@"\[\w*(?:Fact|Theory)\([^\]]*\bSkip\s*=[^\]]*\]", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex SwitchedOff();
}
