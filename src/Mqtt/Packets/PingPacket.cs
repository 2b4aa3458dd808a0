using System.Buffers;

namespace Headwater.Mqtt.Packets;

/// <summary>PINGREQ and PINGRESP: two bytes, no body.</summary>
/// <remarks>MQTT 3.1.1 and 5.0 sections 3.12 and 3.13.</remarks>
public static class PingPacket
{
    /// <summary>A ping has no body.</summary>
    /// <param name="body">Must be empty.</param>
    public static ParseVerdict TryParse(ReadOnlySpan<byte> body) =>
        body.IsEmpty ? ParseVerdict.Ok : ParseVerdict.Malformed("bytes after the packet");

    /// <summary>Writes PINGREQ.</summary>
    /// <param name="output">Where to.</param>
    public static void WriteRequest(IBufferWriter<byte> output) => Write(output, PacketType.PingReq);

    /// <summary>Writes PINGRESP.</summary>
    /// <param name="output">Where to.</param>
    public static void WriteResponse(IBufferWriter<byte> output) => Write(output, PacketType.PingResp);

    private static void Write(IBufferWriter<byte> output, PacketType type)
    {
        var span = output.GetSpan(2);
        span[0] = (byte)((byte)type << 4);
        span[1] = 0;
        output.Advance(2);
    }
}
