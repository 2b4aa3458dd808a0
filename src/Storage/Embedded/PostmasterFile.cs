using System.Globalization;

namespace Headwater.Storage.Embedded;

/// <summary>What <c>postmaster.pid</c> says, and which processes live in a cluster's folder.</summary>
/// <param name="ProcessId">The postmaster's process, alive or not.</param>
/// <param name="Port">The port in the socket's name.</param>
/// <param name="SocketFolder">Folder of the Unix socket; empty when none.</param>
/// <remarks>
/// The postmaster and all its back-ends have the cluster as their working folder, which <c>/proc/PID/cwd</c> tells and no other
/// program has by chance. So a reused process number is never taken for PostgreSQL, and orphaned back-ends are found without shared memory.
/// Layout of the file: PostgreSQL <c>src/include/utils/pidfile.h</c>.
/// </remarks>
internal sealed record PostmasterFile(int ProcessId, int Port, string SocketFolder)
{
    internal static PostmasterFile? Read(string cluster)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(Path.Combine(cluster, "postmaster.pid"));
        }
        catch (IOException)
        {
            return null;
        }
        if (lines.Length < 5 || !int.TryParse(lines[0], CultureInfo.InvariantCulture, out var pid) || !int.TryParse(lines[3], CultureInfo.InvariantCulture, out var port)) { return null; }
        return new PostmasterFile(pid, port, lines[4].Trim());
    }

    /// <summary>The postmaster's process when it lives and belongs to this cluster, else null.</summary>
    internal static int? LivePostmaster(string cluster) => Read(cluster) is { } file && LivesIn(file.ProcessId, cluster) ? file.ProcessId : null;

    /// <summary>All live processes whose working folder is the cluster.</summary>
    internal static List<int> ProcessesIn(string cluster)
    {
        var found = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var pid) && LivesIn(pid, cluster)) { found.Add(pid); }
        }
        return found;
    }

    /// <summary>
    /// Removes a lock file whose process is certainly not this cluster's postmaster: a zombie that its parent has not reaped, or another
    /// program that got the number after a reboot or in a new container. PostgreSQL itself can tell neither from a postmaster and would
    /// refuse to start. Call only when no process lives in the cluster. A process we may not look into is left to PostgreSQL's judgement.
    /// </summary>
    internal static void RemoveStale(string cluster)
    {
        if (Read(cluster) is not { } file || LivesIn(file.ProcessId, cluster)) { return; }
        if (IsZombie(file.ProcessId) || WorkingFolder(file.ProcessId) is not null) { File.Delete(Path.Combine(cluster, "postmaster.pid")); }
    }

    internal static bool LivesIn(int pid, string cluster)
    {
        // A zombie has no working folder, so a dead postmaster that nobody has reaped is not taken for a live one.
        return string.Equals(WorkingFolder(pid), cluster, StringComparison.Ordinal);
    }

    private static string? WorkingFolder(int pid)
    {
        try
        {
            return new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cwd")).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsZombie(int pid)
    {
        try
        {
            // "PID (name) S ...": the name may hold anything, so the state is what follows the last parenthesis (proc_pid_stat(5)).
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
            var state = stat.AsSpan(stat.LastIndexOf(')') + 1).TrimStart();
            return state.Length > 0 && (state[0] is 'Z' or 'X');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
