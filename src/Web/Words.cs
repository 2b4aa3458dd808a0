using System.Text;
using System.Text.Json;

namespace Headwater.Web;

/// <summary>Words and texts as the API writes them.</summary>
internal static class Words
{
    // Throws on bytes that are no text: then there is no text form to show.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>An enum member in lower camel.</summary>
    internal static string Of<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    /// <summary>Reads an enum member in any case; null when absent or unknown.</summary>
    internal static T? Read<T>(string? text)
        where T : struct, Enum => !string.IsNullOrEmpty(text) && !char.IsAsciiDigit(text[0]) && text[0] is not ('-' or '+') && Enum.TryParse<T>(text, ignoreCase: true, out var value) ? value : null;

    /// <summary>Bytes as text, or null when they are not UTF-8 or hold control characters.</summary>
    internal static string? TextOf(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var text = Strict.GetString(bytes);
            return text.Any(static c => char.IsControl(c) && c is not ('\t' or '\n' or '\r')) ? null : text;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The beginning of a payload to show in a list: text where it is, else hexadecimal.</summary>
    internal static string PreviewOf(byte[] beginning)
    {
        // A cut may fall into the middle of a character of up to four bytes.
        for (var cut = 0; cut < 4 && cut < beginning.Length; cut++)
        {
            if (TextOf(beginning.AsSpan(0, beginning.Length - cut)) is { } text) { return text; }
        }
        return Convert.ToHexStringLower(beginning);
    }
}
