using System.ComponentModel;
using System.Diagnostics;

namespace Headwater.Storage.Embedded;

/// <summary>One finished run of an outside program.</summary>
/// <param name="ExitCode">Its exit code; 127 when the program does not exist.</param>
/// <param name="Output">Standard output and error, in that order.</param>
internal sealed record CommandRun(int ExitCode, string Output)
{
    internal static async Task<CommandRun> RunAsync(IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(command[0])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
            // A working folder the unprivileged user may not enter makes the PostgreSQL programs fail before they begin.
            WorkingDirectory = "/",
        };
        for (var i = 1; i < command.Count; i++) { start.ArgumentList.Add(command[i]); }
        foreach (var name in start.Environment.Keys.Where(static k => k.StartsWith("PG", StringComparison.Ordinal) || k.StartsWith("LC_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }
        start.Environment["LC_ALL"] = "C";
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            return new CommandRun(127, $"{command[0]}: {e.Message}");
        }
        using (process)
        {
            process.StandardInput.Close();
            try
            {
                var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
                var error = process.StandardError.ReadToEndAsync(cancellationToken);
                var text = await output + await error;
                await process.WaitForExitAsync(cancellationToken);
                return new CommandRun(process.ExitCode, text.Trim());
            }
            catch (OperationCanceledException)
            {
                try { process.Kill(entireProcessTree: false); } catch (InvalidOperationException) { /* it ended by itself */ }
                throw;
            }
        }
    }
}
