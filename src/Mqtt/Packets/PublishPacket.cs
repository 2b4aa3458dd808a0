using System.Buffers;
using System.Buffers.Binary;

namespace Headwater.Mqtt.Packets;

/// <summary>PUBLISH: an application message, in either direction. A view over the received bytes; allocates nothing.</summary>
/// <remarks>
/// MQTT 3.1.1 and 5.0 section 3.3. Parsing judges what one packet can tell. What depends on the connection is the
/// caller's: alias above the maximum or unset, receive maximum, and a Subscription Identifier sent by a client
/// (<see cref="HasSubscriptionIdentifier"/>, [MQTT-3.3.4-6]).
/// </remarks>
public readonly ref struct PublishPacket
{
    private const ulong Allowed =
        (1UL << (byte)PropertyId.PayloadFormatIndicator) | (1UL << (byte)PropertyId.MessageExpiryInterval)
        | (1UL << (byte)PropertyId.ContentType) | (1UL << (byte)PropertyId.ResponseTopic)
        | (1UL << (byte)PropertyId.CorrelationData) | (1UL << (byte)PropertyId.SubscriptionIdentifier)
        | (1UL << (byte)PropertyId.TopicAlias) | (1UL << (byte)PropertyId.UserProperty);

    /// <summary>Topic name, UTF-8 without wildcards; empty only where a <see cref="TopicAlias"/> stands for it.</summary>
    public ReadOnlySpan<byte> Topic { get; private init; }

    /// <summary>The application's bytes; may be empty.</summary>
    public ReadOnlySpan<byte> Payload { get; private init; }

    /// <summary>Encoded properties without their length, already judged: read with <see cref="PropertyReader"/>. Empty in 3.1.1.</summary>
    public ReadOnlySpan<byte> Properties { get; private init; }

    /// <summary>Packet Identifier, 1 to 65,535; 0 at QoS 0, which has none.</summary>
    public ushort PacketId { get; private init; }

    /// <summary>QoS of this transfer.</summary>
    public QualityOfService QualityOfService { get; private init; }

    /// <summary>RETAIN flag.</summary>
    public bool Retain { get; private init; }

    /// <summary>DUP flag: perhaps a re-delivery.</summary>
    public bool Duplicate { get; private init; }

    /// <summary>Topic Alias, 1 to 65,535; 0: none.</summary>
    public ushort TopicAlias { get; private init; }

    /// <summary>Seconds the message may wait; null: for ever.</summary>
    public uint? MessageExpiryInterval { get; private init; }

    /// <summary>True: the payload is declared to be UTF-8 text.</summary>
    public bool PayloadIsText { get; private init; }

    /// <summary>True when at least one Subscription Identifier is there; only a server may send it.</summary>
    public bool HasSubscriptionIdentifier { get; private init; }

    /// <summary>Content Type as UTF-8; empty when absent.</summary>
    public ReadOnlySpan<byte> ContentType => Find(PropertyId.ContentType);

    /// <summary>Response Topic as UTF-8; empty when absent.</summary>
    public ReadOnlySpan<byte> ResponseTopic => Find(PropertyId.ResponseTopic);

    /// <summary>Correlation Data; empty when absent or empty.</summary>
    public ReadOnlySpan<byte> CorrelationData => Find(PropertyId.CorrelationData);

    /// <summary>Subscription Identifiers in order; allocates, as they are asked for by client applications only.</summary>
    public uint[] ReadSubscriptionIdentifiers()
    {
        if (!HasSubscriptionIdentifier)
        {
            return [];
        }

        var found = new List<uint>();
        var reader = new PropertyReader(Properties);
        while (reader.TryRead())
        {
            if (reader.Id == PropertyId.SubscriptionIdentifier)
            {
                found.Add(reader.Number);
            }
        }

        return [.. found];
    }

    /// <summary>Copies the properties into a record; null when there are none of its kind.</summary>
    public PublishProperties? ReadProperties()
    {
        if (Properties.IsEmpty)
        {
            return null;
        }

        bool? isText = null;
        string? contentType = null;
        string? responseTopic = null;
        ReadOnlyMemory<byte>? correlation = null;
        List<UserProperty>? pairs = null;
        var reader = new PropertyReader(Properties);
        while (reader.TryRead())
        {
            switch (reader.Id)
            {
                case PropertyId.PayloadFormatIndicator: isText = reader.Number == 1; break;
                case PropertyId.ContentType: contentType = reader.Text; break;
                case PropertyId.ResponseTopic: responseTopic = reader.Text; break;
                case PropertyId.CorrelationData: correlation = reader.Data.ToArray(); break;
                case PropertyId.UserProperty: (pairs ??= []).Add(reader.Pair); break;
                default: break;
            }
        }

        return new PublishProperties
        {
            PayloadIsText = isText,
            MessageExpiryInterval = MessageExpiryInterval,
            ContentType = contentType,
            ResponseTopic = responseTopic,
            CorrelationData = correlation,
            UserProperties = pairs is null ? [] : pairs,
        };
    }

    /// <summary>Copies the properties that a server passes on: all but Topic Alias, Message Expiry Interval and Subscription Identifier.</summary>
    /// <param name="kept">At least as long as <see cref="Properties"/>.</param>
    /// <returns>Bytes copied.</returns>
    public int CopyUnaltered(Span<byte> kept)
    {
        var properties = Properties;
        if (TopicAlias == 0 && MessageExpiryInterval is null && !HasSubscriptionIdentifier)
        {
            properties.CopyTo(kept);
            return properties.Length;
        }

        var length = 0;
        var before = 0;
        var reader = new PropertyReader(properties);
        while (reader.TryRead())
        {
            var after = reader.Position;
            if (reader.Id is not (PropertyId.TopicAlias or PropertyId.MessageExpiryInterval or PropertyId.SubscriptionIdentifier))
            {
                properties[before..after].CopyTo(kept[length..]);
                length += after - before;
            }

            before = after;
        }

        return length;
    }

    /// <summary>Judges and views a PUBLISH.</summary>
    /// <param name="body">Variable header and payload; the packet stays a view of it.</param>
    /// <param name="flags">Low nibble of the fixed header.</param>
    /// <param name="version">Of the connection.</param>
    /// <param name="packet">Filled only when the verdict is ok.</param>
    public static ParseVerdict TryParse(ReadOnlySpan<byte> body, byte flags, ProtocolVersion version, out PublishPacket packet)
    {
        packet = default;
        var qos = (flags >> 1) & 0b11;
        var duplicate = (flags & 0b1000) != 0;
        if (qos == 3)
        {
            return ParseVerdict.Malformed("QoS 3 does not exist"); // [MQTT-3.3.1-4]
        }

        if (duplicate && qos == 0)
        {
            return ParseVerdict.Malformed("DUP flag set at QoS 0"); // [MQTT-3.3.1-2]
        }

        if (!BinaryPrimitives.TryReadUInt16BigEndian(body, out var topicLength) || body.Length - 2 < topicLength)
        {
            return ParseVerdict.Malformed("topic name cut short");
        }

        var topic = body.Slice(2, topicLength);
        var rest = body[(2 + topicLength)..];
        if (topic.IndexOfAny((byte)'+', (byte)'#', (byte)0) >= 0)
        {
            return ParseVerdict.Malformed("topic name has a wildcard or U+0000"); // [MQTT-3.3.2-2], [MQTT-1.5.4-2]
        }

        if (!System.Text.Unicode.Utf8.IsValid(topic))
        {
            return ParseVerdict.Malformed("topic name is not UTF-8 as section 1.5.4 says");
        }

        ushort packetId = 0;
        if (qos != 0)
        {
            if (!BinaryPrimitives.TryReadUInt16BigEndian(rest, out packetId))
            {
                return ParseVerdict.Malformed("packet identifier missing");
            }

            if (packetId == 0)
            {
                return ParseVerdict.ProtocolError("packet identifier 0"); // [MQTT-2.2.1-3]
            }

            rest = rest[2..];
        }

        if (version != ProtocolVersion.V5)
        {
            if (topic.IsEmpty)
            {
                return ParseVerdict.Malformed("topic name empty"); // [MQTT-4.7.3-1]
            }

            packet = new PublishPacket
            {
                Topic = topic,
                Payload = rest,
                PacketId = packetId,
                QualityOfService = (QualityOfService)qos,
                Retain = (flags & 1) != 0,
                Duplicate = duplicate,
            };
            return ParseVerdict.Ok;
        }

        return ParseV5(rest, flags, topic, packetId, out packet);
    }

    private static ParseVerdict ParseV5(ReadOnlySpan<byte> rest, byte flags, ReadOnlySpan<byte> topic, ushort packetId, out PublishPacket packet)
    {
        packet = default;
        ushort alias = 0;
        uint? expiry = null;
        var isText = false;
        var hasIdentifier = false;
        ReadOnlySpan<byte> properties = default;
        if (!rest.IsEmpty && rest[0] == 0)
        {
            rest = rest[1..];
        }
        else
        {
            var body = new ByteReader(rest);
            var opened = PropertyReader.TryOpen(ref body, out properties);
            if (!opened.IsOk)
            {
                return opened;
            }

            rest = body.Rest;
            var reader = new PropertyReader(properties, Allowed, identifiersRepeat: true);
            while (reader.TryRead())
            {
                switch (reader.Id)
                {
                    case PropertyId.TopicAlias: alias = (ushort)reader.Number; break;
                    case PropertyId.MessageExpiryInterval: expiry = reader.Number; break;
                    case PropertyId.PayloadFormatIndicator: isText = reader.Number == 1; break;
                    case PropertyId.SubscriptionIdentifier: hasIdentifier = true; break;
                    default: break;
                }
            }

            if (!reader.Verdict.IsOk)
            {
                return reader.Verdict;
            }
        }

        if (topic.IsEmpty && alias == 0)
        {
            return ParseVerdict.ProtocolError("topic name empty and no topic alias"); // section 3.3.2.1
        }

        packet = new PublishPacket
        {
            Topic = topic,
            Payload = rest,
            Properties = properties,
            PacketId = packetId,
            QualityOfService = (QualityOfService)((flags >> 1) & 0b11),
            Retain = (flags & 1) != 0,
            Duplicate = (flags & 0b1000) != 0,
            TopicAlias = alias,
            MessageExpiryInterval = expiry,
            PayloadIsText = isText,
            HasSubscriptionIdentifier = hasIdentifier,
        };
        return ParseVerdict.Ok;
    }

    /// <summary>Bytes that <see cref="Write"/> will use, fixed header included; compare with the peer's Maximum Packet Size.</summary>
    /// <param name="topicLength">Bytes of the topic name.</param>
    /// <param name="payloadLength">Bytes of the payload.</param>
    /// <param name="unalteredLength">Bytes of the encoded properties passed on unaltered; ignored in 3.1.1.</param>
    /// <param name="stamp">What differs for this transfer.</param>
    public static int Measure(int topicLength, int payloadLength, int unalteredLength, scoped in PublishStamp stamp)
    {
        var body = MeasureBody(topicLength, payloadLength, unalteredLength, stamp, out _);
        return 1 + RemainingLength.Measure(body) + body;
    }

    /// <summary>Writes a PUBLISH straight into the output.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="topic">Topic name as UTF-8, valid; at most 65,535 bytes.</param>
    /// <param name="payload">The application's bytes.</param>
    /// <param name="unaltered">
    /// Encoded properties without length, without Topic Alias, Message Expiry and Subscription Identifier, which come
    /// from the stamp; ignored in 3.1.1.
    /// </param>
    /// <param name="stamp">What differs for this transfer.</param>
    /// <returns>Bytes written.</returns>
    public static int Write(IBufferWriter<byte> output, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> unaltered, scoped in PublishStamp stamp)
    {
        var bodyLength = MeasureBody(topic.Length, payload.Length, unaltered.Length, stamp, out var propertiesLength);
        var total = 1 + RemainingLength.Measure(bodyLength) + bodyLength;
        var span = output.GetSpan(total);
        span[0] = (byte)(0x30 | (stamp.Duplicate ? 8 : 0) | ((byte)stamp.QualityOfService << 1) | (stamp.Retain ? 1 : 0));
        var at = 1 + RemainingLength.Write(span[1..], bodyLength);
        var written = stamp.OmitTopic ? default : topic;
        BinaryPrimitives.WriteUInt16BigEndian(span[at..], (ushort)written.Length);
        written.CopyTo(span[(at + 2)..]);
        at += 2 + written.Length;
        if (stamp.QualityOfService != QualityOfService.AtMostOnce)
        {
            BinaryPrimitives.WriteUInt16BigEndian(span[at..], stamp.PacketId);
            at += 2;
        }

        if (stamp.Version == ProtocolVersion.V5)
        {
            at += RemainingLength.Write(span[at..], propertiesLength);
            at += WriteStampedProperties(span[at..], stamp);
            unaltered.CopyTo(span[at..]);
            at += unaltered.Length;
        }

        payload.CopyTo(span[at..]);
        output.Advance(total);
        return total;
    }

    private static int WriteStampedProperties(Span<byte> span, scoped in PublishStamp stamp)
    {
        var at = 0;
        if (stamp.TopicAlias != 0)
        {
            span[at] = (byte)PropertyId.TopicAlias;
            BinaryPrimitives.WriteUInt16BigEndian(span[(at + 1)..], stamp.TopicAlias);
            at += 3;
        }

        if (stamp.MessageExpiryInterval is { } expiry)
        {
            span[at] = (byte)PropertyId.MessageExpiryInterval;
            BinaryPrimitives.WriteUInt32BigEndian(span[(at + 1)..], expiry);
            at += 5;
        }

        foreach (var identifier in stamp.SubscriptionIdentifiers)
        {
            span[at++] = (byte)PropertyId.SubscriptionIdentifier;
            at += RemainingLength.Write(span[at..], (int)identifier);
        }

        return at;
    }

    private static int MeasureBody(int topicLength, int payloadLength, int unalteredLength, scoped in PublishStamp stamp, out int propertiesLength)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(topicLength, Utf8Text.MaximumLength);
        var body = 2 + (stamp.OmitTopic ? 0 : topicLength) + payloadLength + (stamp.QualityOfService == QualityOfService.AtMostOnce ? 0 : 2);
        propertiesLength = 0;
        if (stamp.Version != ProtocolVersion.V5)
        {
            return body;
        }

        propertiesLength = unalteredLength + (stamp.TopicAlias != 0 ? 3 : 0) + (stamp.MessageExpiryInterval is null ? 0 : 5);
        foreach (var identifier in stamp.SubscriptionIdentifiers)
        {
            propertiesLength += 1 + RemainingLength.Measure((int)identifier);
        }

        return body + RemainingLength.Measure(propertiesLength) + propertiesLength;
    }

    private ReadOnlySpan<byte> Find(PropertyId id)
    {
        if (Properties.IsEmpty)
        {
            return default;
        }

        var reader = new PropertyReader(Properties);
        while (reader.TryRead())
        {
            if (reader.Id == id)
            {
                return reader.Data;
            }
        }

        return default;
    }
}
