using System.Buffers;
using System.Buffers.Binary;

namespace Headwater.Mqtt.Packets;

/// <summary>PUBACK, PUBREC, PUBREL and PUBCOMP, which share one layout. A view over the received bytes; allocates nothing.</summary>
/// <remarks>
/// MQTT 3.1.1 and 5.0 sections 3.4 to 3.7. In 5.0 the reason may be left out (Success) and the properties too.
/// </remarks>
public readonly ref struct AcknowledgementPacket
{
    private const ulong Allowed = (1UL << (byte)PropertyId.ReasonString) | (1UL << (byte)PropertyId.UserProperty);

    /// <summary>Packet Identifier, 1 to 65,535.</summary>
    public ushort PacketId { get; private init; }

    /// <summary>Outcome; always Success in 3.1.1.</summary>
    public ReasonCode Reason { get; private init; }

    /// <summary>Encoded properties without their length, already judged.</summary>
    public ReadOnlySpan<byte> Properties { get; private init; }

    /// <summary>The peer's words; null when absent.</summary>
    public string? ReadReasonString()
    {
        var reader = new PropertyReader(Properties);
        while (reader.TryRead())
        {
            if (reader.Id == PropertyId.ReasonString)
            {
                return reader.Text;
            }
        }

        return null;
    }

    /// <summary>Judges and views an acknowledgement.</summary>
    /// <param name="type">PubAck, PubRec, PubRel or PubComp.</param>
    /// <param name="body">Variable header; the packet stays a view of it.</param>
    /// <param name="version">Of the connection.</param>
    /// <param name="packet">Filled only when the verdict is ok.</param>
    public static ParseVerdict TryParse(PacketType type, ReadOnlySpan<byte> body, ProtocolVersion version, out AcknowledgementPacket packet)
    {
        packet = default;
        if (!BinaryPrimitives.TryReadUInt16BigEndian(body, out var packetId))
        {
            return ParseVerdict.Malformed("packet identifier missing");
        }

        if (packetId == 0)
        {
            return ParseVerdict.ProtocolError("packet identifier 0"); // [MQTT-2.2.1-3]
        }

        if (body.Length == 2)
        {
            packet = new AcknowledgementPacket { PacketId = packetId };
            return ParseVerdict.Ok;
        }

        if (version != ProtocolVersion.V5)
        {
            return ParseVerdict.Malformed("bytes after the packet");
        }

        var reason = (ReasonCode)body[2];
        if (!IsReasonOf(type, reason))
        {
            return ParseVerdict.ProtocolError("reason code not valid in this packet"); // [MQTT-3.4.2-1], [MQTT-3.5.2-1], [MQTT-3.6.2-1], [MQTT-3.7.2-1]
        }

        ReadOnlySpan<byte> properties = default;
        if (body.Length > 3)
        {
            var rest = new ByteReader(body[3..]);
            var verdict = PropertyReader.TryOpen(ref rest, out properties);
            if (!verdict.IsOk)
            {
                return verdict;
            }

            if (!rest.IsAtEnd)
            {
                return ParseVerdict.Malformed("bytes after the packet");
            }

            var reader = new PropertyReader(properties, Allowed);
            while (reader.TryRead())
            {
                // Judged by the reader; nothing to keep.
            }

            if (!reader.Verdict.IsOk)
            {
                return reader.Verdict;
            }
        }

        packet = new AcknowledgementPacket { PacketId = packetId, Reason = reason, Properties = properties };
        return ParseVerdict.Ok;
    }

    /// <summary>Writes an acknowledgement in its shortest form.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="type">PubAck, PubRec, PubRel or PubComp.</param>
    /// <param name="packetId">1 to 65,535.</param>
    /// <param name="version">3.1.1 leaves reason and words out.</param>
    /// <param name="reason">Outcome.</param>
    /// <param name="reasonString">Words for the peer's log; null: none.</param>
    public static void Write(IBufferWriter<byte> output, PacketType type, ushort packetId, ProtocolVersion version, ReasonCode reason = ReasonCode.Success, string? reasonString = null)
    {
        var first = (byte)(((byte)type << 4) | (type == PacketType.PubRel ? 0b0010 : 0));
        if (version != ProtocolVersion.V5 || (reason == ReasonCode.Success && reasonString is null))
        {
            var span = output.GetSpan(4);
            span[0] = first;
            span[1] = 2;
            BinaryPrimitives.WriteUInt16BigEndian(span[2..], packetId);
            output.Advance(4);
            return;
        }

        if (reasonString is null)
        {
            var span = output.GetSpan(5);
            span[0] = first;
            span[1] = 3;
            BinaryPrimitives.WriteUInt16BigEndian(span[2..], packetId);
            span[4] = (byte)reason;
            output.Advance(5);
            return;
        }

        var writer = new PacketWriter();
        var properties = new PacketWriter();
        try
        {
            writer.WriteUInt16(packetId);
            writer.WriteByte((byte)reason);
            properties.Property(PropertyId.ReasonString, reasonString);
            writer.WriteSection(properties);
            writer.Finish(output, type, (byte)(first & 0x0F));
        }
        finally
        {
            writer.Dispose();
            properties.Dispose();
        }
    }

    private static bool IsReasonOf(PacketType type, ReasonCode reason) => type switch
    {
        PacketType.PubAck or PacketType.PubRec => reason is ReasonCode.Success or ReasonCode.NoMatchingSubscribers
            or ReasonCode.UnspecifiedError or ReasonCode.ImplementationSpecificError or ReasonCode.NotAuthorized
            or ReasonCode.TopicNameInvalid or ReasonCode.PacketIdentifierInUse or ReasonCode.QuotaExceeded
            or ReasonCode.PayloadFormatInvalid,
        _ => reason is ReasonCode.Success or ReasonCode.PacketIdentifierNotFound,
    };
}
