using System.Globalization;

namespace Headwater.Storage.Embedded;

/// <summary>Under whose name PostgreSQL's programs run: our own, or an unprivileged account when this process is root.</summary>
internal sealed class UnprivilegedUser
{
    private readonly string? _launcher;

    private UnprivilegedUser(string name, int uid, int gid, string? launcher)
    {
        Name = name;
        Uid = uid;
        Gid = gid;
        _launcher = launcher;
    }

    internal string Name { get; }

    internal int Uid { get; }

    internal int Gid { get; }

    /// <summary>True when programs run under another name than this process.</summary>
    internal bool IsOther => _launcher is not null;

    /// <summary>Chooses the account. <paramref name="clusterFolder"/> may not exist yet.</summary>
    /// <exception cref="StoreRefusedException">Root without a usable account or without a program that changes user.</exception>
    internal static UnprivilegedUser Choose(string? wished, string clusterFolder)
    {
        if (!Posix.IsRoot) { return new UnprivilegedUser(Environment.UserName, Posix.EffectiveUserId, -1, launcher: null); }

        var accounts = ReadAccounts();
        (string Name, int Uid, int Gid) account;
        if (wished is not null)
        {
            account = accounts.FirstOrDefault(a => string.Equals(a.Name, wished, StringComparison.Ordinal));
            if (account.Name is null || account.Uid == 0) { throw new StoreRefusedException($"PostgreSQL is to run as the user '{wished}', but no such unprivileged user exists in /etc/passwd."); }
        }
        else if (Posix.Owner(clusterFolder) is { Uid: > 0 } owner)
        {
            // A folder first made by an ordinary user keeps its owner when root starts it later.
            var name = accounts.FirstOrDefault(a => a.Uid == owner.Uid).Name ?? owner.Uid.ToString(CultureInfo.InvariantCulture);
            account = (name, owner.Uid, owner.Gid);
        }
        else
        {
            account = ((string[])["headwater", "postgres", "nobody"]).Select(n => accounts.FirstOrDefault(a => string.Equals(a.Name, n, StringComparison.Ordinal))).FirstOrDefault(a => a.Name is not null && a.Uid != 0);
            if (account.Name is null)
            {
                throw new StoreRefusedException("This process is root, PostgreSQL refuses to run as root, and none of the users headwater, postgres, nobody exists. Create one (useradd --system headwater) or start Headwater as an ordinary user.");
            }
        }
        var launcher = ((string[])["setpriv", "runuser", "su"]).Select(FindOnPath).FirstOrDefault(static p => p is not null)
            ?? throw new StoreRefusedException($"This process is root and PostgreSQL must run as '{account.Name}', but none of the programs setpriv, runuser, su is installed (package util-linux). Install one or start Headwater as an ordinary user.");
        return new UnprivilegedUser(account.Name, account.Uid, account.Gid, launcher);
    }

    /// <summary>The command line that runs <paramref name="command"/> under this account.</summary>
    internal IReadOnlyList<string> Wrap(params string[] command)
    {
        if (_launcher is null) { return command; }
        return Path.GetFileName(_launcher) switch
        {
            "setpriv" => [_launcher, string.Create(CultureInfo.InvariantCulture, $"--reuid={Uid}"), string.Create(CultureInfo.InvariantCulture, $"--regid={Gid}"), "--clear-groups", "--", .. command],
            "runuser" => [_launcher, "-u", Name, "--", .. command],
            _ => [_launcher, "-s", "/bin/sh", "-c", string.Join(' ', command.Select(static a => "'" + a.Replace("'", "'\\''", StringComparison.Ordinal) + "'")), Name],
        };
    }

    /// <summary>Whether the account can enter a folder, asked of the kernel under that account, so that lists of access rights count too.</summary>
    internal async Task<bool> CanEnterAsync(string folder, CancellationToken cancellationToken)
    {
        if (_launcher is null) { return true; }
        var run = await CommandRun.RunAsync(Wrap("/bin/sh", "-c", "test -x \"$1\"", "sh", folder), cancellationToken);
        return run.ExitCode == 0;
    }

    /// <summary>Gives a path to the account, when it is another than ours.</summary>
    internal void Give(string path)
    {
        if (_launcher is not null && !Posix.ChangeOwner(path, Uid, Gid)) { throw new StoreRefusedException($"'{path}' could not be given to the user '{Name}': the file system or the container forbids a change of owner."); }
    }

    private static List<(string Name, int Uid, int Gid)> ReadAccounts()
    {
        var accounts = new List<(string, int, int)>();
        if (!File.Exists("/etc/passwd")) { return accounts; }
        foreach (var line in File.ReadLines("/etc/passwd"))
        {
            var parts = line.Split(':');
            if (parts.Length > 3 && int.TryParse(parts[2], CultureInfo.InvariantCulture, out var uid) && int.TryParse(parts[3], CultureInfo.InvariantCulture, out var gid)) { accounts.Add((parts[0], uid, gid)); }
        }
        return accounts;
    }

    private static string? FindOnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Concat(["/usr/bin", "/usr/sbin", "/bin", "/sbin"])
        .Where(static f => f.Length > 0).Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);
}
