using System.Buffers;
using System.Text;
using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Packets;

/// <summary>CONNECT: who the client is, what it wants, and its will.</summary>
/// <remarks>MQTT 3.1.1 and 5.0 section 3.1.</remarks>
public sealed record ConnectPacket
{
    private const ulong Allowed =
        (1UL << (byte)PropertyId.SessionExpiryInterval) | (1UL << (byte)PropertyId.ReceiveMaximum)
        | (1UL << (byte)PropertyId.MaximumPacketSize) | (1UL << (byte)PropertyId.TopicAliasMaximum)
        | (1UL << (byte)PropertyId.RequestResponseInformation) | (1UL << (byte)PropertyId.RequestProblemInformation)
        | (1UL << (byte)PropertyId.UserProperty) | (1UL << (byte)PropertyId.AuthenticationMethod)
        | (1UL << (byte)PropertyId.AuthenticationData);

    private const ulong AllowedInWill =
        (1UL << (byte)PropertyId.WillDelayInterval) | (1UL << (byte)PropertyId.PayloadFormatIndicator)
        | (1UL << (byte)PropertyId.MessageExpiryInterval) | (1UL << (byte)PropertyId.ContentType)
        | (1UL << (byte)PropertyId.ResponseTopic) | (1UL << (byte)PropertyId.CorrelationData)
        | (1UL << (byte)PropertyId.UserProperty);

    /// <summary>Of the protocol; governs every later packet of the connection.</summary>
    public required ProtocolVersion Version { get; init; }

    /// <summary>Client identifier; empty: the server assigns one.</summary>
    public required string ClientId { get; init; }

    /// <summary>Clean Start (5.0) or Clean Session (3.1.1).</summary>
    public bool CleanStart { get; init; }

    /// <summary>Seconds; 0: no keep-alive.</summary>
    public ushort KeepAlive { get; init; }

    /// <summary>User name; null: absent, which differs from empty.</summary>
    public string? UserName { get; init; }

    /// <summary>Password; null: absent, which differs from empty. Not text.</summary>
    public ReadOnlyMemory<byte>? Password { get; init; }

    /// <summary>Null: no will.</summary>
    public WillMessage? Will { get; init; }

    /// <summary>Seconds the session outlives its connection; 0xFFFFFFFF: for ever. 3.1.1 clean session 0 is for ever too.</summary>
    public uint SessionExpiryInterval { get; init; }

    /// <summary>QoS 1 and 2 publishes the client takes unacknowledged; 1 to 65,535.</summary>
    public ushort ReceiveMaximum { get; init; } = ushort.MaxValue;

    /// <summary>Largest packet the client takes, bytes; null: no limit.</summary>
    public uint? MaximumPacketSize { get; init; }

    /// <summary>Highest alias the client takes; 0: none.</summary>
    public ushort TopicAliasMaximum { get; init; }

    /// <summary>The client asks for Response Information.</summary>
    public bool RequestResponseInformation { get; init; }

    /// <summary>False: reason strings and user properties only on PUBLISH, CONNACK and DISCONNECT [MQTT-3.1.2-29].</summary>
    public bool RequestProblemInformation { get; init; } = true;

    /// <summary>Enhanced authentication method; null: none.</summary>
    public string? AuthenticationMethod { get; init; }

    /// <summary>Data of that method.</summary>
    public ReadOnlyMemory<byte>? AuthenticationData { get; init; }

    /// <summary>The application's own pairs.</summary>
    public IReadOnlyList<UserProperty> UserProperties { get; init; } = [];

    /// <summary>Version a CONNECT asks for, to answer a refused one in its own form; null when it is none we know.</summary>
    /// <param name="body">Body of the CONNECT.</param>
    public static ProtocolVersion? PeekVersion(ReadOnlySpan<byte> body) =>
        body.Length >= 7 && body[..6].SequenceEqual("\0\u0004MQTT"u8) && body[6] is 4 or 5 ? (ProtocolVersion)body[6] : null;

    /// <summary>Judges and copies a CONNECT.</summary>
    /// <param name="body">Variable header and payload.</param>
    /// <param name="packet">Not null only when the verdict is ok.</param>
    public static ParseVerdict TryParse(ReadOnlySpan<byte> body, out ConnectPacket? packet)
    {
        packet = null;
        var reader = new ByteReader(body);
        if (!reader.TryReadBinary(out var name) || !reader.TryReadByte(out var level))
        {
            return ParseVerdict.Malformed("protocol name or version cut short");
        }

        if (name.SequenceEqual("MQIsdp"u8))
        {
            return ParseVerdict.Fail(ReasonCode.UnsupportedProtocolVersion, "MQTT 3.1 is not supported");
        }

        if (!name.SequenceEqual("MQTT"u8))
        {
            return ParseVerdict.Fail(ReasonCode.UnsupportedProtocolVersion, "protocol name is not MQTT"); // [MQTT-3.1.2-1]
        }

        if (level is not (4 or 5))
        {
            return ParseVerdict.Fail(ReasonCode.UnsupportedProtocolVersion, "protocol version is neither 4 nor 5"); // [MQTT-3.1.2-2]
        }

        if (!reader.TryReadByte(out var flags) || !reader.TryReadUInt16(out var keepAlive))
        {
            return ParseVerdict.Malformed("connect flags or keep-alive cut short");
        }

        var version = (ProtocolVersion)level;
        var verdict = JudgeFlags(flags, version);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        var parsed = new ConnectPacket
        {
            Version = version,
            ClientId = "",
            CleanStart = (flags & 0b10) != 0,
            KeepAlive = keepAlive,
            SessionExpiryInterval = version == ProtocolVersion.V311 && (flags & 0b10) == 0 ? uint.MaxValue : 0,
        };
        if (version == ProtocolVersion.V5)
        {
            verdict = ReadProperties(ref reader, ref parsed);
            if (!verdict.IsOk)
            {
                return verdict;
            }
        }

        verdict = ReadPayload(ref reader, flags, ref parsed);
        if (verdict.IsOk)
        {
            packet = parsed;
        }

        return verdict;
    }

    /// <summary>Writes a CONNECT.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="packet">In 3.1.1 everything it cannot carry is left out.</param>
    public static void Write(IBufferWriter<byte> output, ConnectPacket packet)
    {
        ArgumentNullException.ThrowIfNull(packet);
        var writer = new PacketWriter();
        var properties = new PacketWriter();
        var willProperties = new PacketWriter();
        try
        {
            var will = packet.Will;
            writer.WriteBytes("\0\u0004MQTT"u8);
            writer.WriteByte((byte)packet.Version);
            writer.WriteByte((byte)((packet.CleanStart ? 0b10 : 0)
                | (will is null ? 0 : 0b100 | ((byte)will.QualityOfService << 3) | (will.Retain ? 0b10_0000 : 0))
                | (packet.Password is null ? 0 : 0b100_0000) | (packet.UserName is null ? 0 : 0b1000_0000)));
            writer.WriteUInt16(packet.KeepAlive);
            if (packet.Version == ProtocolVersion.V5)
            {
                WriteProperties(ref properties, packet);
                writer.WriteSection(properties);
            }

            writer.WriteText(packet.ClientId);
            if (will is not null)
            {
                if (packet.Version == ProtocolVersion.V5)
                {
                    willProperties.Property(PropertyId.WillDelayInterval, will.DelayInterval == 0 ? null : will.DelayInterval);
                    willProperties.Property(PropertyId.MessageExpiryInterval, will.Properties?.MessageExpiryInterval);
                    will.Properties?.WriteUnaltered(ref willProperties);
                    writer.WriteSection(willProperties);
                }

                writer.WriteText(will.Topic);
                writer.WriteBinary(will.Payload.Span);
            }

            if (packet.UserName is not null)
            {
                writer.WriteText(packet.UserName);
            }

            if (packet.Password is { } password)
            {
                writer.WriteBinary(password.Span);
            }

            writer.Finish(output, PacketType.Connect, 0);
        }
        finally
        {
            writer.Dispose();
            properties.Dispose();
            willProperties.Dispose();
        }
    }

    /// <summary>All but the password, which never goes to a log.</summary>
    public override string ToString() => $"CONNECT {Version} client '{ClientId}' clean {CleanStart} keep-alive {KeepAlive} s";

    private static void WriteProperties(ref PacketWriter writer, ConnectPacket packet)
    {
        writer.Property(PropertyId.SessionExpiryInterval, packet.SessionExpiryInterval == 0 ? null : packet.SessionExpiryInterval);
        writer.Property(PropertyId.ReceiveMaximum, packet.ReceiveMaximum == ushort.MaxValue ? null : packet.ReceiveMaximum);
        writer.Property(PropertyId.MaximumPacketSize, packet.MaximumPacketSize);
        writer.Property(PropertyId.TopicAliasMaximum, packet.TopicAliasMaximum == 0 ? null : packet.TopicAliasMaximum);
        writer.Property(PropertyId.RequestResponseInformation, packet.RequestResponseInformation ? true : null);
        writer.Property(PropertyId.RequestProblemInformation, packet.RequestProblemInformation ? null : false);
        writer.Property(PropertyId.AuthenticationMethod, packet.AuthenticationMethod);
        writer.Property(PropertyId.AuthenticationData, packet.AuthenticationData);
        writer.Properties(packet.UserProperties);
    }

    /// <summary>Connect flags: bit 0 reserved, 1 clean, 2 will, 3-4 will QoS, 5 will retain, 6 password, 7 user name.</summary>
    private static ParseVerdict JudgeFlags(byte flags, ProtocolVersion version)
    {
        if ((flags & 1) != 0)
        {
            return ParseVerdict.Malformed("reserved connect flag set"); // [MQTT-3.1.2-3]
        }

        var willQos = (flags >> 3) & 0b11;
        if (willQos == 3)
        {
            return ParseVerdict.Malformed("will QoS 3 does not exist"); // [MQTT-3.1.2-12]
        }

        if ((flags & 0b100) == 0 && (flags & 0b11_1000) != 0)
        {
            return ParseVerdict.Malformed("will QoS or will retain without a will"); // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
        }

        // 5.0 allows a password without a user name, 3.1.1 does not [MQTT-3.1.2-22].
        return version == ProtocolVersion.V311 && (flags & 0b1100_0000) == 0b100_0000
            ? ParseVerdict.Malformed("password without user name")
            : ParseVerdict.Ok;
    }

    private static ParseVerdict ReadProperties(ref ByteReader body, ref ConnectPacket packet)
    {
        var verdict = PropertyReader.TryOpen(ref body, out var properties);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        List<UserProperty>? pairs = null;
        var reader = new PropertyReader(properties, Allowed);
        while (reader.TryRead())
        {
            switch (reader.Id)
            {
                case PropertyId.SessionExpiryInterval: packet = packet with { SessionExpiryInterval = reader.Number }; break;
                case PropertyId.ReceiveMaximum: packet = packet with { ReceiveMaximum = (ushort)reader.Number }; break;
                case PropertyId.MaximumPacketSize: packet = packet with { MaximumPacketSize = reader.Number }; break;
                case PropertyId.TopicAliasMaximum: packet = packet with { TopicAliasMaximum = (ushort)reader.Number }; break;
                case PropertyId.RequestResponseInformation: packet = packet with { RequestResponseInformation = reader.Number == 1 }; break;
                case PropertyId.RequestProblemInformation: packet = packet with { RequestProblemInformation = reader.Number == 1 }; break;
                case PropertyId.AuthenticationMethod: packet = packet with { AuthenticationMethod = reader.Text }; break;
                case PropertyId.AuthenticationData: packet = packet with { AuthenticationData = reader.Data.ToArray() }; break;
                default: (pairs ??= []).Add(reader.Pair); break;
            }
        }

        if (!reader.Verdict.IsOk)
        {
            return reader.Verdict;
        }

        if (pairs is not null)
        {
            packet = packet with { UserProperties = pairs };
        }

        return packet.AuthenticationData is not null && packet.AuthenticationMethod is null
            ? ParseVerdict.ProtocolError("authentication data without a method") // section 3.1.2.11.10
            : ParseVerdict.Ok;
    }

    private static ParseVerdict ReadPayload(ref ByteReader reader, byte flags, ref ConnectPacket packet)
    {
        if (!reader.TryReadBinary(out var clientId) || !Utf8Text.IsAllowed(clientId))
        {
            return ParseVerdict.Malformed("client identifier cut short or not UTF-8"); // [MQTT-3.1.3-4]
        }

        packet = packet with { ClientId = Encoding.UTF8.GetString(clientId) };
        if ((flags & 0b100) != 0)
        {
            var verdict = ReadWill(ref reader, flags, packet.Version, out var will);
            if (!verdict.IsOk)
            {
                return verdict;
            }

            packet = packet with { Will = will };
        }

        if ((flags & 0b1000_0000) != 0)
        {
            if (!reader.TryReadBinary(out var user) || !Utf8Text.IsAllowed(user))
            {
                return ParseVerdict.Malformed("user name cut short or not UTF-8"); // [MQTT-3.1.3-11], [MQTT-3.1.3-12]
            }

            packet = packet with { UserName = Encoding.UTF8.GetString(user) };
        }

        if ((flags & 0b100_0000) != 0)
        {
            if (!reader.TryReadBinary(out var password))
            {
                return ParseVerdict.Malformed("password cut short");
            }

            packet = packet with { Password = password.ToArray() };
        }

        if (!reader.IsAtEnd)
        {
            return ParseVerdict.Malformed("bytes after the packet");
        }

        // Judged last: a malformed packet is not answered as if only its identifier were wrong.
        return packet.Version == ProtocolVersion.V311 && clientId.IsEmpty && !packet.CleanStart
            ? ParseVerdict.Fail(ReasonCode.ClientIdentifierNotValid, "empty client identifier without clean session") // 3.1.1 [MQTT-3.1.3-8]
            : ParseVerdict.Ok;
    }

    private static ParseVerdict ReadWill(ref ByteReader reader, byte flags, ProtocolVersion version, out WillMessage? will)
    {
        will = null;
        PublishProperties? properties = null;
        uint delay = 0;
        if (version == ProtocolVersion.V5)
        {
            var verdict = ReadWillProperties(ref reader, out delay, out properties);
            if (!verdict.IsOk)
            {
                return verdict;
            }
        }

        if (!reader.TryReadBinary(out var topic) || !TopicName.IsValid(topic))
        {
            return ParseVerdict.Malformed("will topic cut short, empty, not UTF-8 or with a wildcard"); // [MQTT-3.1.3-10]
        }

        if (!reader.TryReadBinary(out var payload))
        {
            return ParseVerdict.Malformed("will payload cut short");
        }

        will = new WillMessage
        {
            Topic = Encoding.UTF8.GetString(topic),
            Payload = payload.ToArray(),
            QualityOfService = (QualityOfService)((flags >> 3) & 0b11),
            Retain = (flags & 0b10_0000) != 0,
            DelayInterval = delay,
            Properties = properties,
        };
        return ParseVerdict.Ok;
    }

    private static ParseVerdict ReadWillProperties(ref ByteReader body, out uint delay, out PublishProperties? properties)
    {
        delay = 0;
        properties = null;
        var verdict = PropertyReader.TryOpen(ref body, out var section);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        var found = new PublishProperties();
        var empty = found;
        List<UserProperty>? pairs = null;
        var reader = new PropertyReader(section, AllowedInWill);
        while (reader.TryRead())
        {
            switch (reader.Id)
            {
                case PropertyId.WillDelayInterval: delay = reader.Number; break;
                case PropertyId.PayloadFormatIndicator: found = found with { PayloadIsText = reader.Number == 1 }; break;
                case PropertyId.MessageExpiryInterval: found = found with { MessageExpiryInterval = reader.Number }; break;
                case PropertyId.ContentType: found = found with { ContentType = reader.Text }; break;
                case PropertyId.ResponseTopic: found = found with { ResponseTopic = reader.Text }; break;
                case PropertyId.CorrelationData: found = found with { CorrelationData = reader.Data.ToArray() }; break;
                default: (pairs ??= []).Add(reader.Pair); break;
            }
        }

        if (pairs is not null)
        {
            found = found with { UserProperties = pairs };
        }

        properties = ReferenceEquals(found, empty) ? null : found;
        return reader.Verdict;
    }
}
