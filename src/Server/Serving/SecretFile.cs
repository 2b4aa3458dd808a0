namespace Headwater.Server.Serving;

/// <summary>Files that only the server's own user may read.</summary>
internal static class SecretFile
{
    internal static async Task WriteAsync(string file, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows()) { options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite; }
        File.Delete(file); // a file of an earlier start keeps its mode when written over
        await using var stream = new FileStream(file, options);
        await stream.WriteAsync(content, cancellationToken);
    }
}
