using System.Diagnostics;

namespace House.Tests;

/// <summary>The checkout these tests were built from: its folder, the files that are or would be tracked, and their text.</summary>
internal static class Checkout
{
    private static readonly Lazy<IReadOnlyList<string>> AllFiles = new(ListFiles);

    internal static string Root { get; } = FindRoot();

    /// <summary>Paths relative to <see cref="Root"/> with forward slashes. New files count before they are committed; ignored ones never do.</summary>
    internal static IReadOnlyList<string> Files => AllFiles.Value;

    internal static string Text(string path) => File.ReadAllText(Path.Combine(Root, path));

    internal static string[] Lines(string path) => File.ReadAllLines(Path.Combine(Root, path));

    internal static bool Exists(string path) => Path.Exists(Path.Combine(Root, path));

    internal static IEnumerable<string> FilesUnder(string folder, string ending) =>
        Files.Where(file => file.StartsWith(folder, StringComparison.Ordinal) && file.EndsWith(ending, StringComparison.Ordinal));

    /// <summary>Whether a tool wrote the file, which it says in its first lines.</summary>
    internal static bool IsGenerated(string path) =>
        File.ReadLines(Path.Combine(Root, path)).Take(5).Any(line => line.Contains("generated", StringComparison.OrdinalIgnoreCase));

    /// <summary>A file with a zero byte near its beginning is no text.</summary>
    internal static bool IsText(string path)
    {
        using var stream = File.OpenRead(Path.Combine(Root, path));
        Span<byte> head = stackalloc byte[4096];
        var length = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        return !head[..length].Contains((byte)0);
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Headwater.slnx")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("No folder above the test assembly holds Headwater.slnx.");
    }

    private static List<string> ListFiles()
    {
        var start = new ProcessStartInfo("git", ["-c", "safe.directory=*", "-C", Root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        using var git = Process.Start(start) ?? throw new InvalidOperationException("git did not start.");
        var names = git.StandardOutput.ReadToEnd();
        if (!git.WaitForExit(TimeSpan.FromSeconds(30)) || git.ExitCode != 0)
        {
            throw new InvalidOperationException("git ls-files failed; these rules are about tracked files and need a git checkout.");
        }

        return [.. names.Split('\0', StringSplitOptions.RemoveEmptyEntries).Where(name => File.Exists(Path.Combine(Root, name))).Distinct(StringComparer.Ordinal)];
    }
}
