using System.Buffers.Text;

namespace Headwater.Devices.Uplink;

/// <summary>Times in uplinks: ISO 8601 with an offset, cut to whole microseconds since 1970-01-01T00:00:00Z.</summary>
/// <remarks>Source: RFC 3339. Cut before it becomes part of a key, so that a repeat gets the same key.</remarks>
public static class UplinkTime
{
    /// <summary>Microseconds in a second.</summary>
    public const long Second = 1_000_000;

    private const long DaysTo1970 = 719_162;

    /// <summary>Reads <c>YYYY-MM-DDThh:mm:ss[.fraction](Z|+hh:mm|-hh:mm)</c>. A time without an offset is refused, second 60 too.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out long microseconds)
    {
        microseconds = 0;
        if (text.Length < 20 || text[4] != '-' || text[7] != '-' || (text[10] | 0x20) != 't' || text[13] != ':' || text[16] != ':')
        {
            return false;
        }

        if (!TryDigits(text[..4], out var year) || !TryDigits(text.Slice(5, 2), out var month) || !TryDigits(text.Slice(8, 2), out var day)
            || !TryDigits(text.Slice(11, 2), out var hour) || !TryDigits(text.Slice(14, 2), out var minute)
            || !TryDigits(text.Slice(17, 2), out var second))
        {
            return false;
        }

        if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 59)
        {
            return false;
        }

        var position = 19;
        long fraction = 0;
        if (text[position] == '.')
        {
            var start = ++position;
            var scale = Second / 10;
            while (position < text.Length && text[position] is >= (byte)'0' and <= (byte)'9')
            {
                fraction += (text[position++] - '0') * scale;
                scale /= 10; // reaches 0 after six digits: finer ones are cut
            }

            if (position == start) { return false; }
        }

        if (!TryOffset(text[position..], out var offsetMinutes)) { return false; }
        var days = new DateOnly(year, month, day).DayNumber - DaysTo1970;
        microseconds = ((((((days * 24) + hour) * 60) + minute - offsetMinutes) * 60) + second) * Second + fraction;
        return true;
    }

    /// <summary>Writes the time in UTC with as many digits of the second as it needs, ending in Z.</summary>
    public static string Format(long microseconds)
    {
        var time = DateTime.UnixEpoch.AddTicks(microseconds * 10);
        return time.ToString(
            microseconds % Second == 0 ? "yyyy-MM-dd'T'HH:mm:ss'Z'" : "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'",
            System.Globalization.CultureInfo.InvariantCulture);
    }

    private static bool TryOffset(ReadOnlySpan<byte> text, out int minutes)
    {
        minutes = 0;
        if (text.Length == 1 && (text[0] | 0x20) == 'z') { return true; }
        if (text.Length != 6 || text[0] is not ((byte)'+' or (byte)'-') || text[3] != ':') { return false; }
        if (!TryDigits(text.Slice(1, 2), out var hour) || !TryDigits(text.Slice(4, 2), out var minute) || hour > 23 || minute > 59)
        {
            return false;
        }

        minutes = ((hour * 60) + minute) * (text[0] == '-' ? -1 : 1);
        return true;
    }

    private static bool TryDigits(ReadOnlySpan<byte> text, out int value)
    {
        value = 0;
        foreach (var c in text)
        {
            if (c is < (byte)'0' or > (byte)'9') { return false; }
            value = (value * 10) + (c - '0');
        }

        return true;
    }

    /// <summary>Reads an ISO 8601 duration of whole hours, minutes and seconds, for example <c>PT15M</c>.</summary>
    /// <param name="text">The duration.</param>
    /// <param name="seconds">Its length in seconds, 1 second to 1 day.</param>
    public static bool TryParseDuration(ReadOnlySpan<byte> text, out int seconds)
    {
        seconds = 0;
        if (text.SequenceEqual("P1D"u8))
        {
            seconds = 86_400;
            return true;
        }

        if (text.Length < 4 || !text.StartsWith("PT"u8)) { return false; }
        var rest = text[2..];
        var last = 0;
        while (rest.Length > 0)
        {
            if (!Utf8Parser.TryParse(rest, out int number, out var used) || used >= rest.Length || number < 0 || number > 86_400) { return false; }
            var (order, factor) = rest[used] switch { (byte)'H' => (1, 3_600), (byte)'M' => (2, 60), (byte)'S' => (3, 1), _ => (0, 0) };
            if (order <= last) { return false; }
            last = order;
            if ((long)number * factor + seconds > 86_400) { return false; }
            seconds += number * factor;
            rest = rest[(used + 1)..];
        }

        return seconds > 0;
    }
}
