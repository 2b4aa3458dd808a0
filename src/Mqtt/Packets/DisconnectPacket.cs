using System.Buffers;

namespace Headwater.Mqtt.Packets;

/// <summary>DISCONNECT: the last packet, from the client, in 5.0 from the server too.</summary>
/// <remarks>
/// MQTT 3.1.1 and 5.0 section 3.14. Which side may send what is the caller's to judge: a server sends no
/// Session Expiry [MQTT-3.14.2-2], a client no Server Reference.
/// </remarks>
public sealed record DisconnectPacket
{
    private const ulong Allowed =
        (1UL << (byte)PropertyId.SessionExpiryInterval) | (1UL << (byte)PropertyId.ReasonString)
        | (1UL << (byte)PropertyId.UserProperty) | (1UL << (byte)PropertyId.ServerReference);

    /// <summary>Success is the normal end, which drops the will.</summary>
    public ReasonCode Reason { get; init; }

    /// <summary>New session expiry, seconds; null: as at CONNECT.</summary>
    public uint? SessionExpiryInterval { get; init; }

    /// <summary>Words for people; null: none.</summary>
    public string? ReasonString { get; init; }

    /// <summary>Another server to use; null: none.</summary>
    public string? ServerReference { get; init; }

    /// <summary>The application's own pairs.</summary>
    public IReadOnlyList<UserProperty> UserProperties { get; init; } = [];

    /// <summary>Judges and copies a DISCONNECT.</summary>
    /// <param name="body">Variable header; empty in 3.1.1.</param>
    /// <param name="version">Of the connection.</param>
    /// <param name="packet">Not null only when the verdict is ok.</param>
    public static ParseVerdict TryParse(ReadOnlySpan<byte> body, ProtocolVersion version, out DisconnectPacket? packet)
    {
        packet = null;
        if (body.IsEmpty)
        {
            packet = new DisconnectPacket();
            return ParseVerdict.Ok;
        }

        if (version != ProtocolVersion.V5)
        {
            return ParseVerdict.Malformed("bytes after the packet");
        }

        if (!IsReason(body[0]))
        {
            return ParseVerdict.ProtocolError("reason code not valid in this packet"); // [MQTT-3.14.2-1]
        }

        var parsed = new DisconnectPacket { Reason = (ReasonCode)body[0] };
        if (body.Length > 1)
        {
            var verdict = ReadProperties(new ByteReader(body[1..]), ref parsed);
            if (!verdict.IsOk)
            {
                return verdict;
            }
        }

        packet = parsed;
        return ParseVerdict.Ok;
    }

    /// <summary>Writes a DISCONNECT in its shortest form.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="packet">In 3.1.1 nothing of it is written but the fixed header.</param>
    /// <param name="version">Of the connection.</param>
    public static void Write(IBufferWriter<byte> output, DisconnectPacket packet, ProtocolVersion version)
    {
        ArgumentNullException.ThrowIfNull(packet);
        var writer = new PacketWriter();
        var properties = new PacketWriter();
        try
        {
            if (version == ProtocolVersion.V5)
            {
                properties.Property(PropertyId.SessionExpiryInterval, packet.SessionExpiryInterval);
                properties.Property(PropertyId.ReasonString, packet.ReasonString);
                properties.Properties(packet.UserProperties);
                properties.Property(PropertyId.ServerReference, packet.ServerReference);
                if (packet.Reason != ReasonCode.Success || properties.Length > 0)
                {
                    writer.WriteByte((byte)packet.Reason);
                }

                if (properties.Length > 0)
                {
                    writer.WriteSection(properties);
                }
            }

            writer.Finish(output, PacketType.Disconnect, 0);
        }
        finally
        {
            writer.Dispose();
            properties.Dispose();
        }
    }

    private static bool IsReason(byte code) => code is 0 or 4 or (>= 0x80 and <= 0xA2) and not (0x84 or 0x85 or 0x86 or 0x88 or 0x8A or 0x8C or 0x91 or 0x92);

    private static ParseVerdict ReadProperties(ByteReader body, ref DisconnectPacket packet)
    {
        var verdict = PropertyReader.TryOpen(ref body, out var properties);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        if (!body.IsAtEnd)
        {
            return ParseVerdict.Malformed("bytes after the packet");
        }

        List<UserProperty>? pairs = null;
        var reader = new PropertyReader(properties, Allowed);
        while (reader.TryRead())
        {
            switch (reader.Id)
            {
                case PropertyId.SessionExpiryInterval: packet = packet with { SessionExpiryInterval = reader.Number }; break;
                case PropertyId.ReasonString: packet = packet with { ReasonString = reader.Text }; break;
                case PropertyId.ServerReference: packet = packet with { ServerReference = reader.Text }; break;
                default: (pairs ??= []).Add(reader.Pair); break;
            }
        }

        if (pairs is not null)
        {
            packet = packet with { UserProperties = pairs };
        }

        return reader.Verdict;
    }
}
