using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Headwater.Storage.Embedded;

/// <summary>A data folder on disk: its lock, its password, and the cluster inside.</summary>
/// <remarks>
/// <code>
/// DATA/headwater.lock        held by the one process that may use this folder
/// DATA/cluster/              PostgreSQL's own data folder (PG_VERSION names its major version)
/// DATA/cluster-location.txt  instead of cluster/: where it lies, when the unprivileged user cannot reach DATA
/// DATA/socket-folder.txt     the Unix socket's folder, to remove what a crash left
/// beside cluster/: password  mode 0600
/// </code>
/// </remarks>
internal sealed class ClusterFolder : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode PrivateFolder = Private | UnixFileMode.UserExecute;
    private const UnixFileMode PassThrough = PrivateFolder | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private readonly FileStream _lock;
    private readonly string _home;

    private ClusterFolder(string data, string home, FileStream @lock, UnprivilegedUser user)
    {
        Data = data;
        _home = home;
        _lock = @lock;
        User = user;
    }

    internal string Data { get; }

    internal string Cluster => Path.Combine(_home, "cluster");

    internal UnprivilegedUser User { get; }

    internal bool IsMoved => !string.Equals(Data, _home, StringComparison.Ordinal);

    internal bool Exists => File.Exists(Path.Combine(Cluster, "PG_VERSION"));

    /// <summary>Locks the data folder and settles where its cluster lies and who owns it.</summary>
    /// <exception cref="StoreRefusedException">Another process uses the folder, or nobody unprivileged can.</exception>
    internal static async Task<ClusterFolder> OpenAsync(EmbeddedPostgresOptions options, CancellationToken cancellationToken)
    {
        var data = Path.GetFullPath(options.DataFolder);
        // Root's folder lets the unprivileged user pass through to the cluster, but not list it.
        if (!Directory.Exists(data)) { Posix.MakeFolders(data, Posix.IsRoot ? PassThrough : PrivateFolder); }
        data = Resolve(data);
        var @lock = Lock(data);
        try
        {
            var user = UnprivilegedUser.Choose(options.RunAsUser, Path.Combine(Placed(data) ?? data, "cluster"));
            var home = await PlaceAsync(data, user, options.SharedFolder, cancellationToken);
            return new ClusterFolder(data, home, @lock, user);
        }
        catch
        {
            await @lock.DisposeAsync();
            throw;
        }
    }

    /// <summary>The superuser's password: made at the first start, read later.</summary>
    internal string Password()
    {
        var path = Path.Combine(_home, "password");
        if (File.Exists(path)) { return File.ReadAllText(path).Trim(); }
        if (Exists) { throw new StoreRefusedException($"The cluster in '{Cluster}' is there but its password file '{path}' is not. Restore the file; without it Headwater cannot sign in to its own database."); }
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        WritePrivate(path, password);
        return password;
    }

    /// <summary>Refuses a cluster of another major version: its files would not be understood.</summary>
    internal void CheckMajor(PostgresBinaries binaries)
    {
        var recorded = File.ReadAllText(Path.Combine(Cluster, "PG_VERSION")).Trim();
        if (!string.Equals(recorded, binaries.Major.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal))
        {
            throw new StoreRefusedException($"The data folder '{Data}' was made by PostgreSQL {recorded}, and the programs in '{binaries.Root}' are PostgreSQL {binaries.Version}. A cluster opens only under its own major version: name programs of version {recorded}, or move the data with pg_upgrade or pg_dump.");
        }
    }

    /// <summary>Makes the cluster. It appears under its name only when complete, so a crash in between leaves nothing half made.</summary>
    internal async Task InitializeAsync(PostgresBinaries binaries, CancellationToken cancellationToken)
    {
        var partial = Path.Combine(_home, "cluster.partial");
        var passwordFile = Path.Combine(_home, "password.initdb");
        if (Directory.Exists(partial)) { Directory.Delete(partial, recursive: true); }
        Directory.CreateDirectory(partial, PrivateFolder);
        User.Give(partial);
        try
        {
            WritePrivate(passwordFile, Password());
            User.Give(passwordFile);
            string[] newer = binaries.Major >= 17 ? ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--sync-method=" + (ClusterSettings.TrustsSyncfs ? "syncfs" : "fsync")] : [];
            var run = await CommandRun.RunAsync(
                User.Wrap([binaries.Program("initdb"), "--pgdata=" + partial, "--username=" + EmbeddedPostgres.UserName, "--pwfile=" + passwordFile, "--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums", "--no-instructions", "--locale=C", .. newer]), cancellationToken);
            if (run.ExitCode != 0) { throw new StoreRefusedException($"initdb could not make a cluster in '{partial}': {run.Output}"); }
        }
        finally
        {
            File.Delete(passwordFile);
        }
        Directory.Move(partial, Cluster);
    }

    /// <summary>Writes a file into the cluster when its text changed; true when it did.</summary>
    internal bool WriteSetting(string name, string text)
    {
        var path = Path.Combine(Cluster, name);
        if (File.Exists(path) && string.Equals(File.ReadAllText(path), text, StringComparison.Ordinal)) { return false; }
        var partial = path + ".partial";
        WritePrivate(partial, text);
        User.Give(partial);
        File.Move(partial, path, overwrite: true);
        return true;
    }

    /// <summary>Writes a file into the cluster unless one of that name is there.</summary>
    internal void WriteWhenAbsent(string name, string text)
    {
        if (!File.Exists(Path.Combine(Cluster, name))) { WriteSetting(name, text); }
    }

    /// <summary>A new folder of mode 0700 for the socket; the one a crash left is removed first.</summary>
    internal string NewSocketFolder()
    {
        RemoveSocketFolder();
        foreach (var parent in (string[])[Path.GetTempPath().TrimEnd('/'), "/tmp"])
        {
            var folder = Path.Combine(parent, "headwater-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(5)));
            // sun_path holds 107 bytes and a zero; 100 leaves room for "/.s.PGSQL.65535.lock", which PostgreSQL puts beside it.
            if (Encoding.UTF8.GetByteCount(folder) + "/.s.PGSQL.65535".Length >= 100 || !Posix.MakePrivateFolder(folder)) { continue; }
            User.Give(folder);
            File.WriteAllText(Path.Combine(Data, "socket-folder.txt"), folder);
            return folder;
        }
        throw new StoreRefusedException($"No folder for PostgreSQL's socket could be made in '{Path.GetTempPath()}' or /tmp; its path must stay under 100 bytes.");
    }

    /// <summary>Removes the recorded socket folder, if it is one of ours. Call only when no postmaster lives.</summary>
    internal void RemoveSocketFolder()
    {
        var record = Path.Combine(Data, "socket-folder.txt");
        if (!File.Exists(record)) { return; }
        var folder = File.ReadAllText(record).Trim();
        if (Path.GetFileName(folder).StartsWith("headwater-", StringComparison.Ordinal) && Posix.Owner(folder) is { } owner && owner.Uid == User.Uid)
        {
            foreach (var file in Directory.EnumerateFiles(folder, ".s.PGSQL.*")) { File.Delete(file); }
            try { Directory.Delete(folder); } catch (IOException) { /* something else was put there: not ours to remove */ }
        }
        File.Delete(record);
    }

    /// <summary>
    /// Makes the socket's folder usable for a start: removes socket and lock of a killed postmaster, and makes the folder anew when a cleaner
    /// of /tmp took it. Call only when no postmaster lives; the folder is ours alone, so nobody else's files are in it.
    /// </summary>
    internal void ClearSocketFolder(string folder)
    {
        if (!Directory.Exists(folder))
        {
            if (Posix.MakePrivateFolder(folder)) { User.Give(folder); }
            return;
        }
        foreach (var file in Directory.EnumerateFiles(folder, ".s.PGSQL.*")) { File.Delete(file); }
    }

    /// <summary>What PostgreSQL itself logged about a failed start; null when it logged no failure.</summary>
    internal string? FailureLoggedSince(DateTimeOffset began)
    {
        var since = began.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture); // as log_line_prefix %m writes it, in UTC
        var files = new List<string> { Path.Combine(Cluster, "start.log") };
        var log = Path.Combine(Cluster, "log");
        if (Directory.Exists(log)) { files.AddRange(new DirectoryInfo(log).EnumerateFiles().OrderByDescending(static f => f.LastWriteTimeUtc).Take(1).Select(static f => f.FullName)); }
        var lines = new List<string>();
        foreach (var file in files.Where(File.Exists))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            stream.Seek(-Math.Min(stream.Length, 4096), SeekOrigin.End);
            using var reader = new StreamReader(stream);
            lines.AddRange(reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => string.CompareOrdinal(l, since) >= 0 && (l.Contains(" FATAL: ", StringComparison.Ordinal) || l.Contains(" PANIC: ", StringComparison.Ordinal) || l.Contains(" ERROR: ", StringComparison.Ordinal))).TakeLast(3));
        }
        return lines.Count == 0 ? null : string.Join(" ", lines);
    }

    /// <summary>Gives the lock back.</summary>
    public void Dispose() => _lock.Dispose();

    private static FileStream Lock(string data)
    {
        var path = Path.Combine(data, "headwater.lock");
        try
        {
            // FileShare.None is flock(2) here: the kernel gives it back when this process ends, however it ends.
            var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            File.SetUnixFileMode(path, Private);
            return stream;
        }
        catch (IOException e)
        {
            throw new StoreRefusedException($"The data folder '{data}' is in use by another Headwater. Stop it, or choose another folder with --data.", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StoreRefusedException($"The data folder '{data}' belongs to another user: '{path}' may not be opened.", e);
        }
    }

    private static string? Placed(string data)
    {
        var record = Path.Combine(data, "cluster-location.txt");
        return File.Exists(record) ? File.ReadAllText(record).Trim() : null;
    }

    private static async Task<string> PlaceAsync(string data, UnprivilegedUser user, string sharedFolder, CancellationToken cancellationToken)
    {
        if (Placed(data) is { } home)
        {
            if (!Directory.Exists(home)) { throw new StoreRefusedException($"'{data}/cluster-location.txt' says that the cluster lies in '{home}', which is not there. Restore it, or remove the file to begin with an empty database."); }
            return home;
        }
        if (!user.IsOther || await user.CanEnterAsync(data, cancellationToken)) { return data; }

        // Below /root, for example. A random name, so that a data folder made anew never meets an old cluster.
        home = Path.Combine(sharedFolder, "clusters", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6)));
        Posix.MakeFolders(home, PassThrough);
        if (!await user.CanEnterAsync(home, cancellationToken)) { throw new StoreRefusedException($"PostgreSQL must run as '{user.Name}', who can enter neither '{data}' nor '{home}'. Choose a data folder outside of private homes."); }
        await File.WriteAllTextAsync(Path.Combine(data, "cluster-location.txt"), home, cancellationToken);
        return home;
    }

    private static void WritePrivate(string path, string text)
    {
        File.Delete(path);
        using var stream = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Private });
        stream.Write(Encoding.UTF8.GetBytes(text));
        stream.Flush(flushToDisk: true);
    }

    /// <summary>The path without symbolic links, as /proc shows it.</summary>
    private static string Resolve(string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var resolved = "/";
        foreach (var part in parts)
        {
            resolved = Path.Combine(resolved, part);
            if (new DirectoryInfo(resolved).ResolveLinkTarget(returnFinalTarget: true) is { } target) { resolved = Resolve(target.FullName); }
        }
        return resolved;
    }
}
