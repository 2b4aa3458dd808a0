using System.Text;
using System.Text.Unicode;

namespace Headwater.Mqtt.Topics;

/// <summary>Rules for the names messages are published to.</summary>
/// <remarks>MQTT 3.1.1 and 5.0 section 4.7: at least one character, no U+0000, no wildcards, at most 65,535 bytes.</remarks>
public static class TopicName
{
    /// <summary>Longest name in bytes of UTF-8 [MQTT-4.7.3-3].</summary>
    public const int MaximumLength = 65_535;

    /// <summary>True when a message may be published to it.</summary>
    /// <param name="topic">UTF-8.</param>
    public static bool IsValid(ReadOnlySpan<byte> topic) =>
        !topic.IsEmpty && topic.Length <= MaximumLength && topic.IndexOfAny((byte)'+', (byte)'#', (byte)0) < 0 && Utf8.IsValid(topic);

    /// <summary>True when a message may be published to it.</summary>
    /// <param name="topic">Text; a lone surrogate is not valid.</param>
    public static bool IsValid(ReadOnlySpan<char> topic)
    {
        if (topic.IsEmpty || topic.Length > MaximumLength || topic.IndexOfAny('+', '#', '\0') >= 0)
        {
            return false;
        }

        return TryMeasure(topic, out var length) && length <= MaximumLength;
    }

    /// <summary>Number of levels: separators plus one.</summary>
    /// <param name="topic">UTF-8.</param>
    public static int CountLevels(ReadOnlySpan<byte> topic) => topic.Count((byte)'/') + 1;

    /// <summary>Bytes of UTF-8; false for text that has none, i.e. a lone surrogate.</summary>
    internal static bool TryMeasure(ReadOnlySpan<char> text, out int length)
    {
        length = 0;
        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(text, out var rune, out var consumed) != System.Buffers.OperationStatus.Done)
            {
                return false;
            }

            length += rune.Utf8SequenceLength;
            text = text[consumed..];
        }

        return true;
    }
}
