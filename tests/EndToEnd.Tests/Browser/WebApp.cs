using System.Diagnostics;
using Headwater.TestKit;

namespace EndToEnd.Tests.Browser;

/// <summary>The built web app, as the server serves it.</summary>
internal static class WebApp
{
    private static readonly TimeSpan BuildBound = TimeSpan.FromMinutes(5);
    private static readonly string Folder = Repository.PathTo("web");

    /// <summary>The script of axe-core, the judge of accessibility, from the web app's own development packages.</summary>
    internal static string AxeScript => Path.Combine(Folder, "node_modules", "axe-core", "axe.min.js");

    /// <summary>Builds the app if there is none or one of its sources is newer; <c>./test</c> has built it already.</summary>
    internal static async Task EnsureBuiltAsync()
    {
        if (!File.Exists(AxeScript)) { await RunAsync("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"); }
        var built = new FileInfo(Path.Combine(Folder, "dist", "index.html"));
        if (!built.Exists || Sources().Any(f => f.LastWriteTimeUtc > built.LastWriteTimeUtc)) { await RunAsync("npm", "run", "--silent", "build"); }
    }

    private static IEnumerable<FileInfo> Sources() =>
        new[] { "src", "public", "scripts" }.SelectMany(static f => new DirectoryInfo(Path.Combine(Folder, f)).EnumerateFiles("*", SearchOption.AllDirectories))
            .Concat(new[] { "index.html", "package-lock.json", "vite.config.ts" }.Select(static f => new FileInfo(Path.Combine(Folder, f))));

    private static async Task RunAsync(string program, params string[] arguments)
    {
        ExternalService.RequireOrSkip(program, "install Node.js 20.19 or newer with npm");
        var start = new ProcessStartInfo(program) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments) { start.ArgumentList.Add(argument); }
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(BuildBound);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"The web app was not built: '{program} {string.Join(' ', arguments)}' in web/ ended with {process.ExitCode}.\n{await output}\n{await errors}");
        }
    }
}
