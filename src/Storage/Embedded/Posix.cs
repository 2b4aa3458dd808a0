using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Headwater.Storage.Embedded;

/// <summary>The few POSIX calls .NET does not offer. Linux only, as the embedded packages are.</summary>
internal static class Posix
{
    internal const int SigQuit = 3;
    internal const int SigKill = 9;

    private const int AtFdCwd = -100;
    private const int AtSymlinkNoFollow = 0x100;
    private const uint StatxUidGid = 0x8 | 0x10;

    internal static bool IsRoot => GetEffectiveUserId() == 0;

    internal static int EffectiveUserId => (int)GetEffectiveUserId();

    /// <summary>Sends a signal; false when no such process exists or it is not ours.</summary>
    internal static bool Signal(int pid, int signal) => pid > 1 && KillProcess(pid, signal) == 0;

    /// <summary>Gives a path to a user and group. False when refused.</summary>
    internal static bool ChangeOwner(string path, int uid, int gid) => ChownLink(path, (uint)uid, (uint)gid) == 0;

    /// <summary>Creates one folder of mode 0700. False when anything of that name exists: what somebody else made is never taken for ours.</summary>
    internal static bool MakePrivateFolder(string path) => MakeFolder(path, 0x1C0) == 0;

    /// <summary>Makes a folder and its missing parents with this mode, whatever the umask says: another user must get through.</summary>
    internal static void MakeFolders(string path, UnixFileMode mode)
    {
        if (Directory.Exists(path)) { return; }
        if (Path.GetDirectoryName(path) is { Length: > 0 } parent) { MakeFolders(parent, mode); }
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, mode);
    }

    /// <summary>User and group that own a path, or null when it does not exist.</summary>
    internal static (int Uid, int Gid)? Owner(string path)
    {
        // struct statx has the same layout on every architecture: stx_uid at byte 20, stx_gid at byte 24 (statx(2)).
        var buffer = new byte[256];
        if (Statx(AtFdCwd, path, AtSymlinkNoFollow, StatxUidGid, buffer) != 0) { return null; }
        return (BinaryPrimitives.ReadInt32LittleEndian(buffer.AsSpan(20)), BinaryPrimitives.ReadInt32LittleEndian(buffer.AsSpan(24)));
    }

    [DllImport("libc", EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern uint GetEffectiveUserId();

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int KillProcess(int pid, int signal);

    [DllImport("libc", EntryPoint = "lchown", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ChownLink([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint uid, uint gid);

    [DllImport("libc", EntryPoint = "mkdir", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int MakeFolder([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint mode);

    [DllImport("libc", EntryPoint = "statx", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, [Out] byte[] buffer);
}
