namespace Headwater.HeadEnd.Registry;

/// <summary>The text id of a device: 1 to 64 of <c>A-Z a-z 0-9 . _ -</c>, safe in topics, paths and object keys.</summary>
public static class DeviceTextId
{
    /// <summary>Longest text id.</summary>
    public const int MaxLength = 64;

    /// <summary>Whether a text may be a device id. The names <c>.</c> and <c>..</c> may not: they mean something in a path.</summary>
    public static bool IsValid(ReadOnlySpan<char> text)
    {
        if (text.Length is 0 or > MaxLength || text is "." or "..") { return false; }
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-')) { return false; }
        }
        return true;
    }
}
