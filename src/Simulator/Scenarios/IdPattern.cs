using System.Globalization;

namespace Headwater.Simulator.Scenarios;

/// <summary>Makes ids from numbers: <c>meter_{n}</c>, or <c>meter_{n:4}</c> for at least four digits.</summary>
internal sealed record IdPattern(string Before, int Digits, string After)
{
    /// <summary>Longest id a topic, a path and an object key take.</summary>
    internal const int LongestId = 64;

    /// <summary>Reads a pattern; null when it has no single <c>{n}</c> or makes ids outside <c>[A-Za-z0-9._-]{1,64}</c>.</summary>
    internal static IdPattern? TryParse(string text)
    {
        var open = text.IndexOf('{', StringComparison.Ordinal);
        var close = text.IndexOf('}', StringComparison.Ordinal);
        if (open < 0 || close < open) { return null; }
        var inside = text[(open + 1)..close];
        var digits = 1;
        if (inside != "n" && !(inside.StartsWith("n:", StringComparison.Ordinal)
            && int.TryParse(inside.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out digits) && digits is >= 1 and <= 9))
        {
            return null;
        }

        var pattern = new IdPattern(text[..open], digits, text[(close + 1)..]);
        var longest = pattern.Make(int.MaxValue);
        return longest.Length <= LongestId && longest.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-') ? pattern : null;
    }

    /// <summary>The id of a number.</summary>
    internal string Make(int number) => string.Concat(Before, number.ToString("D" + Digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture), After);
}
