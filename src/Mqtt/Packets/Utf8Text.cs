using System.Text.Unicode;

namespace Headwater.Mqtt.Packets;

/// <summary>Judgement of UTF-8 encoded strings.</summary>
/// <remarks>
/// MQTT 3.1.1 section 1.5.3, MQTT 5.0 section 1.5.4: well formed (no surrogates, nothing over-long, nothing above
/// U+10FFFF) and without U+0000. Control characters and non-characters are SHOULD NOT of the sender and are taken.
/// A leading U+FEFF is text and stays [MQTT-1.5.4-3].
/// </remarks>
public static class Utf8Text
{
    /// <summary>Largest encoded string or binary field: its length has two bytes.</summary>
    public const int MaximumLength = 65_535;

    /// <summary>True when the bytes are a string the standard allows.</summary>
    /// <param name="text">Bytes without their length prefix.</param>
    public static bool IsAllowed(ReadOnlySpan<byte> text) => !text.Contains((byte)0) && Utf8.IsValid(text);
}
