using System.Buffers;

namespace Headwater.Mqtt.Packets;

/// <summary>AUTH: a step of enhanced authentication.</summary>
/// <remarks>MQTT 5.0 section 3.15; in 3.1.1 the type is reserved.</remarks>
public sealed record AuthPacket
{
    private const ulong Allowed =
        (1UL << (byte)PropertyId.AuthenticationMethod) | (1UL << (byte)PropertyId.AuthenticationData)
        | (1UL << (byte)PropertyId.ReasonString) | (1UL << (byte)PropertyId.UserProperty);

    /// <summary>Success, ContinueAuthentication or ReAuthenticate.</summary>
    public ReasonCode Reason { get; init; }

    /// <summary>Name of the method; null only in the empty form, which means Success.</summary>
    public string? Method { get; init; }

    /// <summary>Data of that method.</summary>
    public ReadOnlyMemory<byte>? Data { get; init; }

    /// <summary>Words for people; null: none.</summary>
    public string? ReasonString { get; init; }

    /// <summary>The application's own pairs.</summary>
    public IReadOnlyList<UserProperty> UserProperties { get; init; } = [];

    /// <summary>Judges and copies an AUTH.</summary>
    /// <param name="body">Variable header.</param>
    /// <param name="version">Of the connection.</param>
    /// <param name="packet">Not null only when the verdict is ok.</param>
    public static ParseVerdict TryParse(ReadOnlySpan<byte> body, ProtocolVersion version, out AuthPacket? packet)
    {
        packet = null;
        if (version != ProtocolVersion.V5)
        {
            return ParseVerdict.Malformed("packet type 15 is reserved in 3.1.1");
        }

        if (body.IsEmpty)
        {
            packet = new AuthPacket();
            return ParseVerdict.Ok;
        }

        if (body[0] is not (0x00 or 0x18 or 0x19))
        {
            return ParseVerdict.ProtocolError("reason code not valid in this packet"); // [MQTT-3.15.2-1]
        }

        var reader = new ByteReader(body[1..]);
        var verdict = PropertyReader.TryOpen(ref reader, out var section);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        if (!reader.IsAtEnd)
        {
            return ParseVerdict.Malformed("bytes after the packet");
        }

        var parsed = new AuthPacket { Reason = (ReasonCode)body[0] };
        List<UserProperty>? pairs = null;
        var properties = new PropertyReader(section, Allowed);
        while (properties.TryRead())
        {
            switch (properties.Id)
            {
                case PropertyId.AuthenticationMethod: parsed = parsed with { Method = properties.Text }; break;
                case PropertyId.AuthenticationData: parsed = parsed with { Data = properties.Data.ToArray() }; break;
                case PropertyId.ReasonString: parsed = parsed with { ReasonString = properties.Text }; break;
                default: (pairs ??= []).Add(properties.Pair); break;
            }
        }

        if (!properties.Verdict.IsOk)
        {
            return properties.Verdict;
        }

        if (parsed.Method is null)
        {
            return ParseVerdict.ProtocolError("authentication method missing"); // section 3.15.2.2.2
        }

        packet = pairs is null ? parsed : parsed with { UserProperties = pairs };
        return ParseVerdict.Ok;
    }

    /// <summary>Writes an AUTH; 5.0 only.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="packet">Its data never goes to a log.</param>
    public static void Write(IBufferWriter<byte> output, AuthPacket packet)
    {
        ArgumentNullException.ThrowIfNull(packet);
        var writer = new PacketWriter();
        var properties = new PacketWriter();
        try
        {
            properties.Property(PropertyId.AuthenticationMethod, packet.Method);
            properties.Property(PropertyId.AuthenticationData, packet.Data);
            properties.Property(PropertyId.ReasonString, packet.ReasonString);
            properties.Properties(packet.UserProperties);
            if (packet.Reason != ReasonCode.Success || properties.Length > 0)
            {
                writer.WriteByte((byte)packet.Reason);
                writer.WriteSection(properties);
            }

            writer.Finish(output, PacketType.Auth, 0);
        }
        finally
        {
            writer.Dispose();
            properties.Dispose();
        }
    }

    /// <summary>All but the data.</summary>
    public override string ToString() => $"AUTH {Reason} method '{Method}'";
}
