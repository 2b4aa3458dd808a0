using System.Buffers;

namespace Headwater.Mqtt.Packets;

/// <summary>CONNACK: whether the connection is taken, and the server's limits.</summary>
/// <remarks>MQTT 3.1.1 and 5.0 section 3.2. The six return codes of 3.1.1 are mapped to reason codes and back.</remarks>
public sealed record ConnAckPacket
{
    private const ulong Allowed =
        (1UL << (byte)PropertyId.SessionExpiryInterval) | (1UL << (byte)PropertyId.ReceiveMaximum)
        | (1UL << (byte)PropertyId.MaximumQoS) | (1UL << (byte)PropertyId.RetainAvailable)
        | (1UL << (byte)PropertyId.MaximumPacketSize) | (1UL << (byte)PropertyId.AssignedClientIdentifier)
        | (1UL << (byte)PropertyId.TopicAliasMaximum) | (1UL << (byte)PropertyId.ReasonString)
        | (1UL << (byte)PropertyId.UserProperty) | (1UL << (byte)PropertyId.WildcardSubscriptionAvailable)
        | (1UL << (byte)PropertyId.SubscriptionIdentifierAvailable) | (1UL << (byte)PropertyId.SharedSubscriptionAvailable)
        | (1UL << (byte)PropertyId.ServerKeepAlive) | (1UL << (byte)PropertyId.ResponseInformation)
        | (1UL << (byte)PropertyId.ServerReference) | (1UL << (byte)PropertyId.AuthenticationMethod)
        | (1UL << (byte)PropertyId.AuthenticationData);

    /// <summary>The server has a session of this client.</summary>
    public bool SessionPresent { get; init; }

    /// <summary>Success, or why not.</summary>
    public ReasonCode Reason { get; init; }

    /// <summary>Seconds the server really keeps the session; null: as asked for.</summary>
    public uint? SessionExpiryInterval { get; init; }

    /// <summary>QoS 1 and 2 publishes the server takes unacknowledged.</summary>
    public ushort ReceiveMaximum { get; init; } = ushort.MaxValue;

    /// <summary>Highest QoS the server takes.</summary>
    public QualityOfService MaximumQoS { get; init; } = QualityOfService.ExactlyOnce;

    /// <summary>Whether retained messages are kept.</summary>
    public bool RetainAvailable { get; init; } = true;

    /// <summary>Largest packet the server takes, bytes; null: no limit.</summary>
    public uint? MaximumPacketSize { get; init; }

    /// <summary>Identifier given to a client that came without; null: its own.</summary>
    public string? AssignedClientIdentifier { get; init; }

    /// <summary>Highest alias the server takes; 0: none.</summary>
    public ushort TopicAliasMaximum { get; init; }

    /// <summary>Words for people; null: none.</summary>
    public string? ReasonString { get; init; }

    /// <summary>Whether wildcards may be subscribed to.</summary>
    public bool WildcardSubscriptionAvailable { get; init; } = true;

    /// <summary>Whether subscription identifiers are taken.</summary>
    public bool SubscriptionIdentifierAvailable { get; init; } = true;

    /// <summary>Whether shared subscriptions are taken.</summary>
    public bool SharedSubscriptionAvailable { get; init; } = true;

    /// <summary>Seconds of keep-alive the client must use; null: its own.</summary>
    public ushort? ServerKeepAlive { get; init; }

    /// <summary>Basis for response topics; null: none.</summary>
    public string? ResponseInformation { get; init; }

    /// <summary>Another server to use; null: none.</summary>
    public string? ServerReference { get; init; }

    /// <summary>Enhanced authentication method; null: none.</summary>
    public string? AuthenticationMethod { get; init; }

    /// <summary>Data of that method.</summary>
    public ReadOnlyMemory<byte>? AuthenticationData { get; init; }

    /// <summary>The application's own pairs.</summary>
    public IReadOnlyList<UserProperty> UserProperties { get; init; } = [];

    /// <summary>Return code of 3.1.1 (section 3.2.2.3) that says the same, or the nearest.</summary>
    /// <param name="reason">A reason code of 5.0.</param>
    public static byte ToReturnCode(ReasonCode reason) => reason switch
    {
        ReasonCode.Success => 0,
        ReasonCode.UnsupportedProtocolVersion => 1,
        ReasonCode.ClientIdentifierNotValid => 2,
        ReasonCode.BadUserNameOrPassword or ReasonCode.BadAuthenticationMethod => 4,
        ReasonCode.NotAuthorized or ReasonCode.Banned => 5,
        _ => 3,
    };

    /// <summary>Judges and copies a CONNACK.</summary>
    /// <param name="body">Variable header.</param>
    /// <param name="version">Of the CONNECT it answers.</param>
    /// <param name="packet">Not null only when the verdict is ok.</param>
    public static ParseVerdict TryParse(ReadOnlySpan<byte> body, ProtocolVersion version, out ConnAckPacket? packet)
    {
        packet = null;
        var reader = new ByteReader(body);
        if (!reader.TryReadByte(out var flags) || !reader.TryReadByte(out var code))
        {
            return ParseVerdict.Malformed("acknowledge flags or reason code missing");
        }

        if ((flags & 0xFE) != 0)
        {
            return ParseVerdict.Malformed("reserved acknowledge flags set"); // [MQTT-3.2.2-1]
        }

        if (version == ProtocolVersion.V311)
        {
            return ParseV311(reader, flags, code, out packet);
        }

        if (!IsReason(code))
        {
            return ParseVerdict.ProtocolError("reason code not valid in this packet"); // [MQTT-3.2.2-8]
        }

        var parsed = new ConnAckPacket { SessionPresent = flags == 1, Reason = (ReasonCode)code };
        var verdict = ReadProperties(ref reader, ref parsed);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        if (flags == 1 && code != 0)
        {
            return ParseVerdict.ProtocolError("session present in a refusal"); // [MQTT-3.2.2-6]
        }

        packet = parsed;
        return ParseVerdict.Ok;
    }

    /// <summary>Writes a CONNACK.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="packet">In 3.1.1 only flags and mapped code are written.</param>
    /// <param name="version">Of the CONNECT it answers.</param>
    public static void Write(IBufferWriter<byte> output, ConnAckPacket packet, ProtocolVersion version)
    {
        ArgumentNullException.ThrowIfNull(packet);
        var writer = new PacketWriter();
        var properties = new PacketWriter();
        try
        {
            writer.WriteByte(packet is { SessionPresent: true, Reason: ReasonCode.Success } ? (byte)1 : (byte)0);
            if (version == ProtocolVersion.V311)
            {
                writer.WriteByte(ToReturnCode(packet.Reason));
            }
            else
            {
                writer.WriteByte((byte)packet.Reason);
                WriteProperties(ref properties, packet);
                writer.WriteSection(properties);
            }

            writer.Finish(output, PacketType.ConnAck, 0);
        }
        finally
        {
            writer.Dispose();
            properties.Dispose();
        }
    }

    private static ParseVerdict ParseV311(ByteReader reader, byte flags, byte code, out ConnAckPacket? packet)
    {
        packet = null;
        if (!reader.IsAtEnd)
        {
            return ParseVerdict.Malformed("bytes after the packet");
        }

        if (code > 5)
        {
            return ParseVerdict.Malformed("return code reserved");
        }

        if (flags == 1 && code != 0)
        {
            return ParseVerdict.ProtocolError("session present in a refusal"); // 3.1.1 [MQTT-3.2.2-4]
        }

        packet = new ConnAckPacket
        {
            SessionPresent = flags == 1,
            Reason = code switch
            {
                0 => ReasonCode.Success,
                1 => ReasonCode.UnsupportedProtocolVersion,
                2 => ReasonCode.ClientIdentifierNotValid,
                3 => ReasonCode.ServerUnavailable,
                4 => ReasonCode.BadUserNameOrPassword,
                _ => ReasonCode.NotAuthorized,
            },
        };
        return ParseVerdict.Ok;
    }

    private static bool IsReason(byte code) => code is 0 or (>= 0x80 and <= 0x8A) or 0x8C or 0x90 or 0x95 or 0x97 or 0x99 or 0x9A or 0x9B or 0x9C or 0x9D or 0x9F;

    private static void WriteProperties(ref PacketWriter writer, ConnAckPacket packet)
    {
        writer.Property(PropertyId.SessionExpiryInterval, packet.SessionExpiryInterval);
        writer.Property(PropertyId.ReceiveMaximum, packet.ReceiveMaximum == ushort.MaxValue ? null : packet.ReceiveMaximum);
        writer.Property(PropertyId.MaximumQoS, packet.MaximumQoS == QualityOfService.ExactlyOnce ? null : packet.MaximumQoS == QualityOfService.AtLeastOnce);
        writer.Property(PropertyId.RetainAvailable, packet.RetainAvailable ? null : false);
        writer.Property(PropertyId.MaximumPacketSize, packet.MaximumPacketSize);
        writer.Property(PropertyId.AssignedClientIdentifier, packet.AssignedClientIdentifier);
        writer.Property(PropertyId.TopicAliasMaximum, packet.TopicAliasMaximum == 0 ? null : packet.TopicAliasMaximum);
        writer.Property(PropertyId.ReasonString, packet.ReasonString);
        writer.Properties(packet.UserProperties);
        writer.Property(PropertyId.WildcardSubscriptionAvailable, packet.WildcardSubscriptionAvailable ? null : false);
        writer.Property(PropertyId.SubscriptionIdentifierAvailable, packet.SubscriptionIdentifierAvailable ? null : false);
        writer.Property(PropertyId.SharedSubscriptionAvailable, packet.SharedSubscriptionAvailable ? null : false);
        writer.Property(PropertyId.ServerKeepAlive, packet.ServerKeepAlive);
        writer.Property(PropertyId.ResponseInformation, packet.ResponseInformation);
        writer.Property(PropertyId.ServerReference, packet.ServerReference);
        writer.Property(PropertyId.AuthenticationMethod, packet.AuthenticationMethod);
        writer.Property(PropertyId.AuthenticationData, packet.AuthenticationData);
    }

    private static ParseVerdict ReadProperties(ref ByteReader body, ref ConnAckPacket packet)
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
            packet = reader.Id switch
            {
                PropertyId.SessionExpiryInterval => packet with { SessionExpiryInterval = reader.Number },
                PropertyId.ReceiveMaximum => packet with { ReceiveMaximum = (ushort)reader.Number },
                PropertyId.MaximumQoS => packet with { MaximumQoS = (QualityOfService)reader.Number },
                PropertyId.RetainAvailable => packet with { RetainAvailable = reader.Number == 1 },
                PropertyId.MaximumPacketSize => packet with { MaximumPacketSize = reader.Number },
                PropertyId.AssignedClientIdentifier => packet with { AssignedClientIdentifier = reader.Text },
                PropertyId.TopicAliasMaximum => packet with { TopicAliasMaximum = (ushort)reader.Number },
                PropertyId.ReasonString => packet with { ReasonString = reader.Text },
                PropertyId.WildcardSubscriptionAvailable => packet with { WildcardSubscriptionAvailable = reader.Number == 1 },
                PropertyId.SubscriptionIdentifierAvailable => packet with { SubscriptionIdentifierAvailable = reader.Number == 1 },
                PropertyId.SharedSubscriptionAvailable => packet with { SharedSubscriptionAvailable = reader.Number == 1 },
                PropertyId.ServerKeepAlive => packet with { ServerKeepAlive = (ushort)reader.Number },
                PropertyId.ResponseInformation => packet with { ResponseInformation = reader.Text },
                PropertyId.ServerReference => packet with { ServerReference = reader.Text },
                PropertyId.AuthenticationMethod => packet with { AuthenticationMethod = reader.Text },
                PropertyId.AuthenticationData => packet with { AuthenticationData = reader.Data.ToArray() },
                _ => packet,
            };
            if (reader.Id == PropertyId.UserProperty)
            {
                (pairs ??= []).Add(reader.Pair);
            }
        }

        if (pairs is not null)
        {
            packet = packet with { UserProperties = pairs };
        }

        return reader.Verdict;
    }
}
