using System.Buffers;

namespace Headwater.Mqtt.Packets;

/// <summary>UNSUBACK: the answer to each filter, in the order asked.</summary>
/// <remarks>MQTT 3.1.1 and 5.0 section 3.11.</remarks>
public sealed record UnsubAckPacket
{
    private const ulong Allowed = (1UL << (byte)PropertyId.ReasonString) | (1UL << (byte)PropertyId.UserProperty);

    /// <summary>Packet Identifier of the request.</summary>
    public required ushort PacketId { get; init; }

    /// <summary>Outcome for each filter; empty in 3.1.1, which does not say.</summary>
    public required IReadOnlyList<ReasonCode> Reasons { get; init; }

    /// <summary>Words for people; null: none.</summary>
    public string? ReasonString { get; init; }

    /// <summary>The application's own pairs.</summary>
    public IReadOnlyList<UserProperty> UserProperties { get; init; } = [];

    /// <summary>Judges and copies a UNSUBACK.</summary>
    /// <param name="body">Variable header and payload.</param>
    /// <param name="version">Of the connection.</param>
    /// <param name="packet">Not null only when the verdict is ok.</param>
    public static ParseVerdict TryParse(ReadOnlySpan<byte> body, ProtocolVersion version, out UnsubAckPacket? packet)
    {
        packet = null;
        var reader = new ByteReader(body);
        var verdict = SubscriptionHeader.Read(ref reader, version, Allowed, out var packetId, out _, out var pairs, out var reasonString);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        if (version == ProtocolVersion.V5 ? reader.IsAtEnd : !reader.IsAtEnd)
        {
            return ParseVerdict.Malformed("reason codes missing, or present in 3.1.1");
        }

        var reasons = new ReasonCode[reader.Rest.Length];
        for (var i = 0; i < reasons.Length; i++)
        {
            var code = reader.Rest[i];
            if (!IsReason(code))
            {
                return ParseVerdict.ProtocolError("reason code not valid in this packet"); // [MQTT-3.11.3-2]
            }

            reasons[i] = (ReasonCode)code;
        }

        packet = new UnsubAckPacket { PacketId = packetId, Reasons = reasons, ReasonString = reasonString, UserProperties = pairs };
        return ParseVerdict.Ok;
    }

    /// <summary>Writes an UNSUBACK.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="packet">In 3.1.1 only the identifier is written.</param>
    /// <param name="version">Of the connection.</param>
    public static void Write(IBufferWriter<byte> output, UnsubAckPacket packet, ProtocolVersion version)
    {
        ArgumentNullException.ThrowIfNull(packet);
        var writer = new PacketWriter();
        var properties = new PacketWriter();
        try
        {
            writer.WriteUInt16(packet.PacketId);
            if (version == ProtocolVersion.V5)
            {
                properties.Property(PropertyId.ReasonString, packet.ReasonString);
                properties.Properties(packet.UserProperties);
                writer.WriteSection(properties);
                foreach (var reason in packet.Reasons)
                {
                    writer.WriteByte((byte)reason);
                }
            }

            writer.Finish(output, PacketType.UnsubAck, 0);
        }
        finally
        {
            writer.Dispose();
            properties.Dispose();
        }
    }

    private static bool IsReason(byte code) => code is 0 or 0x11 or 0x80 or 0x83 or 0x87 or 0x8F or 0x91;
}
