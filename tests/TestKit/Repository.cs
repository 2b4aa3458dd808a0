namespace Headwater.TestKit;

/// <summary>Where the repository lies on this machine.</summary>
public static class Repository
{
    /// <summary>The folder of Headwater.slnx.</summary>
    public static string Root { get; } = Find();

    /// <summary>A path below the root.</summary>
    public static string PathTo(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string Find()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Headwater.slnx"))) { return at.FullName; }
        }
        throw new InvalidOperationException("The tests do not run below a folder that holds Headwater.slnx.");
    }
}
