using System.Text.RegularExpressions;

namespace House.Tests;

/// <summary>What no tracked file may carry: the place it was written at, or where packages came from.</summary>
public sealed partial class FileRules
{
    // In pieces, so that this file does not break its own rule.
    private static readonly string[] Hosts = ["nuget" + ".org", "npmjs" + ".org", "npmjs" + ".com", "yarnpkg" + ".com", "deb.debian" + ".org", "pypi" + ".org", "pythonhosted" + ".org"];

    private static readonly Regex MachinePath = new("(?<![A-Za-z0-9_.*-])/" + "(?:work|farm|root|home/[a-z]+)" + "/(?=[A-Za-z.])", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5));

    [Fact]
    public void Lock_files_record_no_addresses_when_packages_are_restored() =>
        Rule.Holds("A lock file records a download address:", Checkout.Files
            .Where(file => Path.GetFileName(file) is "packages.lock.json" or "package-lock.json")
            .Where(file => DownloadAddress().IsMatch(Checkout.Text(file))));

    [Fact]
    public void Tracked_files_name_no_machine_and_no_registry_when_shared() =>
        Rule.Holds("A tracked file names a folder of one machine or the host of a package registry:",
            from file in Checkout.Files
            where Checkout.IsText(file)
            from line in Checkout.Lines(file).Select((text, index) => (Text: text, Number: index + 1))
            where Hosts.Any(host => line.Text.Contains(host, StringComparison.OrdinalIgnoreCase)) || MachinePath.IsMatch(line.Text)
            select $"{file}:{line.Number}: {line.Text.Trim()[..Math.Min(120, line.Text.Trim().Length)]}");

    [Fact]
    public void Every_project_has_a_lock_file_when_it_restores() =>
        Rule.Holds("A project has no committed lock file:", Checkout.Files
            .Where(file => file.EndsWith(".csproj", StringComparison.Ordinal) && !Checkout.Files.Contains($"{Path.GetDirectoryName(file)!.Replace('\\', '/')}/packages.lock.json", StringComparer.Ordinal)));

    [Fact]
    public void Scripts_are_executable_when_the_manual_tells_to_run_them()
    {
        string[] scripts = ["run", "test", ".ci/run"];
        Rule.Holds("A script cannot be run as it is:", scripts
            .Where(script => !Checkout.Exists(script) || OperatingSystem.IsWindows() || !File.GetUnixFileMode(Path.Combine(Checkout.Root, script)).HasFlag(UnixFileMode.UserExecute)));
    }

    // Where a package asks for funding or names its home is no download address.
    [GeneratedRegex(@"""resolved"": *""[a-z+]*:|https?:[^""]*\.(?:tgz|nupkg)|https?:[^""]*/v3/", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex DownloadAddress();
}
