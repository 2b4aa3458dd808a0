using System.Diagnostics;

namespace EndToEnd.Tests.Browser;

/// <summary>Runs a line the way a person pastes it into a terminal.</summary>
internal static class Shell
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    internal static async Task PasteAsync(string line)
    {
        var start = new ProcessStartInfo("bash") { RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(line);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Bound);
        process.ExitCode.ShouldBe(0, $"{line}\n{await output}{await errors}");
    }
}
