namespace Headwater.Mqtt.Packets;

/// <summary>A Variable Byte Integer: 1 to 4 bytes, 7 bits each, least significant group first.</summary>
/// <remarks>MQTT 3.1.1 section 2.2.3, MQTT 5.0 section 1.5.5. Total: any peer input gives a status, never an exception.</remarks>
public static class RemainingLength
{
    /// <summary>Largest value four bytes can carry: 128^4 - 1.</summary>
    public const int Max = 268_435_455;

    /// <summary>Reads the integer at the start of <paramref name="input"/>.</summary>
    /// <param name="input">Bytes from the first digit on.</param>
    /// <param name="value">0 to <see cref="Max"/>.</param>
    /// <param name="digits">Bytes it took, 1 to 4.</param>
    /// <returns>Complete, NeedMore, or Malformed: a fifth byte, or more bytes than the value needs [MQTT-1.5.5-1].</returns>
    public static ParseStatus TryRead(ReadOnlySpan<byte> input, out int value, out int digits)
    {
        value = 0;
        digits = 0;
        for (var shift = 0; shift < 28; shift += 7)
        {
            if (digits >= input.Length)
            {
                return ParseStatus.NeedMore;
            }

            var digit = input[digits++];
            value |= (digit & 0x7F) << shift;
            if ((digit & 0x80) == 0)
            {
                return digit == 0 && shift > 0 ? ParseStatus.Malformed : ParseStatus.Complete;
            }
        }

        return ParseStatus.Malformed; // a fourth byte with the continuation bit still set
    }

    /// <summary>Bytes that <see cref="Write"/> will use for <paramref name="value"/>.</summary>
    /// <param name="value">0 to <see cref="Max"/>.</param>
    public static int Measure(int value) => value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;

    /// <summary>Writes the shortest form.</summary>
    /// <param name="output">At least <see cref="Measure"/> bytes.</param>
    /// <param name="value">0 to <see cref="Max"/>.</param>
    /// <returns>Bytes written.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The value does not fit four bytes.</exception>
    public static int Write(Span<byte> output, int value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)value, (uint)Max, nameof(value));
        var at = 0;
        while (value >= 0x80)
        {
            output[at++] = (byte)(value | 0x80);
            value >>= 7;
        }

        output[at++] = (byte)value;
        return at;
    }
}
