using System.Diagnostics;
using System.Globalization;

namespace EndToEnd.Tests.Faults;

/// <summary>A cluster whose processes are all stopped (SIGSTOP): sockets stay open and nothing answers, as on a host that hangs.</summary>
internal sealed class FrozenPostgres : IAsyncDisposable
{
    private readonly List<int> _processes;

    private FrozenPostgres(List<int> processes) => _processes = processes;

    /// <summary>Stops the postmaster first, so that it starts nothing new, then everything under it.</summary>
    internal static async Task<FrozenPostgres> FreezeAsync(int postmaster)
    {
        var frozen = new FrozenPostgres([postmaster]);
        await SignalAsync("-STOP", [postmaster]);
        frozen._processes.AddRange(ChildrenOf(postmaster));
        await SignalAsync("-STOP", frozen._processes);
        return frozen;
    }

    /// <summary>Lets everything run on. Again without effect.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_processes.Count == 0) { return; }
        await SignalAsync("-CONT", _processes);
        _processes.Clear();
    }

    private static List<int> ChildrenOf(int parent)
    {
        var children = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var process)) { continue; }
            try
            {
                // "pid (name) state ppid ...": the name may hold anything, so the fields begin after its last bracket.
                var line = File.ReadAllText(Path.Combine(folder, "stat"));
                var fields = line[(line.LastIndexOf(')') + 2)..].Split(' ');
                if (int.Parse(fields[1], CultureInfo.InvariantCulture) == parent) { children.Add(process); }
            }
            catch (IOException)
            {
                // It ended while we looked.
            }
        }

        return children;
    }

    private static async Task SignalAsync(string signal, IEnumerable<int> processes)
    {
        // A process may have ended meanwhile; kill then complains and goes on with the others.
        using var kill = Process.Start("kill", [signal, .. processes.Select(static p => p.ToString(CultureInfo.InvariantCulture))]);
        await kill.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
    }
}
