using System.Buffers;
using System.Text;
using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Packets;

/// <summary>SUBSCRIBE: filters asked for, in order.</summary>
/// <remarks>MQTT 3.1.1 and 5.0 section 3.8. SUBACK answers each filter, in the same order.</remarks>
public sealed record SubscribePacket
{
    private const ulong Allowed = (1UL << (byte)PropertyId.SubscriptionIdentifier) | (1UL << (byte)PropertyId.UserProperty);

    /// <summary>Packet Identifier, 1 to 65,535.</summary>
    public required ushort PacketId { get; init; }

    /// <summary>At least one [MQTT-3.8.3-2].</summary>
    public required IReadOnlyList<TopicSubscription> Subscriptions { get; init; }

    /// <summary>1 to 268,435,455, sent back with each message that matches; null: none.</summary>
    public uint? SubscriptionIdentifier { get; init; }

    /// <summary>The application's own pairs.</summary>
    public IReadOnlyList<UserProperty> UserProperties { get; init; } = [];

    /// <summary>Judges and copies a SUBSCRIBE.</summary>
    /// <param name="body">Variable header and payload.</param>
    /// <param name="version">Of the connection.</param>
    /// <param name="packet">Not null only when the verdict is ok.</param>
    public static ParseVerdict TryParse(ReadOnlySpan<byte> body, ProtocolVersion version, out SubscribePacket? packet)
    {
        packet = null;
        var reader = new ByteReader(body);
        var verdict = SubscriptionHeader.Read(ref reader, version, Allowed, out var packetId, out var identifier, out var pairs);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        if (reader.IsAtEnd)
        {
            return ParseVerdict.ProtocolError("no topic filter"); // [MQTT-3.8.3-2]
        }

        var subscriptions = new List<TopicSubscription>();
        while (!reader.IsAtEnd)
        {
            if (!reader.TryReadBinary(out var filter) || !reader.TryReadByte(out var options))
            {
                return ParseVerdict.Malformed("topic filter or subscription options cut short");
            }

            verdict = JudgeOptions(filter, options, version);
            if (!verdict.IsOk)
            {
                return verdict;
            }

            subscriptions.Add(new TopicSubscription(
                Encoding.UTF8.GetString(filter),
                (QualityOfService)(options & 0b11),
                (options & 0b100) != 0,
                (options & 0b1000) != 0,
                (RetainHandling)((options >> 4) & 0b11)));
        }

        packet = new SubscribePacket
        {
            PacketId = packetId,
            Subscriptions = subscriptions,
            SubscriptionIdentifier = identifier,
            UserProperties = pairs,
        };
        return ParseVerdict.Ok;
    }

    /// <summary>Writes a SUBSCRIBE.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="packet">In 3.1.1 identifier, properties and options other than QoS are left out.</param>
    /// <param name="version">Of the connection.</param>
    public static void Write(IBufferWriter<byte> output, SubscribePacket packet, ProtocolVersion version)
    {
        ArgumentNullException.ThrowIfNull(packet);
        var writer = new PacketWriter();
        var properties = new PacketWriter();
        try
        {
            writer.WriteUInt16(packet.PacketId);
            if (version == ProtocolVersion.V5)
            {
                if (packet.SubscriptionIdentifier is { } identifier)
                {
                    properties.WriteByte((byte)PropertyId.SubscriptionIdentifier);
                    properties.WriteVariable((int)identifier);
                }

                properties.Properties(packet.UserProperties);
                writer.WriteSection(properties);
            }

            foreach (var subscription in packet.Subscriptions)
            {
                writer.WriteText(subscription.Filter);
                var options = (byte)subscription.QualityOfService;
                if (version == ProtocolVersion.V5)
                {
                    options |= (byte)((subscription.NoLocal ? 0b100 : 0) | (subscription.RetainAsPublished ? 0b1000 : 0) | ((byte)subscription.RetainHandling << 4));
                }

                writer.WriteByte(options);
            }

            writer.Finish(output, PacketType.Subscribe, 0b0010);
        }
        finally
        {
            writer.Dispose();
            properties.Dispose();
        }
    }

    private static ParseVerdict JudgeOptions(ReadOnlySpan<byte> filter, byte options, ProtocolVersion version)
    {
        if (!TopicFilter.IsValid(filter))
        {
            return ParseVerdict.Malformed("topic filter empty, not UTF-8 or badly formed"); // [MQTT-3.8.3-1], [MQTT-4.7.1-1], [MQTT-4.8.2-1]
        }

        if ((options & (version == ProtocolVersion.V5 ? 0b1100_0000 : 0b1111_1100)) != 0)
        {
            return ParseVerdict.Malformed("reserved subscription options set"); // [MQTT-3.8.3-5]; 3.1.1 [MQTT-3.8.3-4]
        }

        if ((options & 0b11) == 3)
        {
            return version == ProtocolVersion.V5
                ? ParseVerdict.ProtocolError("maximum QoS 3 does not exist") // section 3.8.3.1
                : ParseVerdict.Malformed("maximum QoS 3 does not exist");
        }

        if ((options & 0b11_0000) == 0b11_0000)
        {
            return ParseVerdict.ProtocolError("retain handling 3 does not exist"); // section 3.8.3.1
        }

        return (options & 0b100) != 0 && TopicFilter.IsShared(filter)
            ? ParseVerdict.ProtocolError("no local on a shared subscription") // [MQTT-3.8.3-4]
            : ParseVerdict.Ok;
    }
}
