using System.Buffers;
using System.Text;
using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Packets;

/// <summary>UNSUBSCRIBE: filters given up, in order.</summary>
/// <remarks>MQTT 3.1.1 and 5.0 section 3.10.</remarks>
public sealed record UnsubscribePacket
{
    private const ulong Allowed = 1UL << (byte)PropertyId.UserProperty;

    /// <summary>Packet Identifier, 1 to 65,535.</summary>
    public required ushort PacketId { get; init; }

    /// <summary>At least one [MQTT-3.10.3-2].</summary>
    public required IReadOnlyList<string> Filters { get; init; }

    /// <summary>The application's own pairs.</summary>
    public IReadOnlyList<UserProperty> UserProperties { get; init; } = [];

    /// <summary>Judges and copies an UNSUBSCRIBE.</summary>
    /// <param name="body">Variable header and payload.</param>
    /// <param name="version">Of the connection.</param>
    /// <param name="packet">Not null only when the verdict is ok.</param>
    public static ParseVerdict TryParse(ReadOnlySpan<byte> body, ProtocolVersion version, out UnsubscribePacket? packet)
    {
        packet = null;
        var reader = new ByteReader(body);
        var verdict = SubscriptionHeader.Read(ref reader, version, Allowed, out var packetId, out _, out var pairs);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        if (reader.IsAtEnd)
        {
            return ParseVerdict.ProtocolError("no topic filter"); // [MQTT-3.10.3-2]
        }

        var filters = new List<string>();
        while (!reader.IsAtEnd)
        {
            if (!reader.TryReadBinary(out var filter))
            {
                return ParseVerdict.Malformed("topic filter cut short");
            }

            if (!TopicFilter.IsValid(filter))
            {
                return ParseVerdict.Malformed("topic filter empty, not UTF-8 or badly formed"); // [MQTT-3.10.3-1]
            }

            filters.Add(Encoding.UTF8.GetString(filter));
        }

        packet = new UnsubscribePacket { PacketId = packetId, Filters = filters, UserProperties = pairs };
        return ParseVerdict.Ok;
    }

    /// <summary>Writes an UNSUBSCRIBE.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="packet">In 3.1.1 the properties are left out.</param>
    /// <param name="version">Of the connection.</param>
    public static void Write(IBufferWriter<byte> output, UnsubscribePacket packet, ProtocolVersion version)
    {
        ArgumentNullException.ThrowIfNull(packet);
        var writer = new PacketWriter();
        var properties = new PacketWriter();
        try
        {
            writer.WriteUInt16(packet.PacketId);
            if (version == ProtocolVersion.V5)
            {
                properties.Properties(packet.UserProperties);
                writer.WriteSection(properties);
            }

            foreach (var filter in packet.Filters)
            {
                writer.WriteText(filter);
            }

            writer.Finish(output, PacketType.Unsubscribe, 0b0010);
        }
        finally
        {
            writer.Dispose();
            properties.Dispose();
        }
    }
}
