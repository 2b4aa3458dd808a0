namespace Headwater.Mqtt.Packets;

/// <summary>What a publisher says about its message, besides topic and payload; a will carries the same.</summary>
/// <remarks>MQTT 5.0 section 3.3.2.3 and 3.1.3.2. All but the expiry are passed to subscribers unaltered.</remarks>
public sealed record PublishProperties
{
    /// <summary>True: the payload is UTF-8 text; false: unspecified bytes; null: not said.</summary>
    public bool? PayloadIsText { get; init; }

    /// <summary>Seconds after which an undelivered message is dropped; null: never.</summary>
    public uint? MessageExpiryInterval { get; init; }

    /// <summary>Kind of the payload, in words of the application.</summary>
    public string? ContentType { get; init; }

    /// <summary>Topic name an answer is to be published to; without wildcards.</summary>
    public string? ResponseTopic { get; init; }

    /// <summary>Bytes the answer is to repeat.</summary>
    public ReadOnlyMemory<byte>? CorrelationData { get; init; }

    /// <summary>The application's own pairs, in order.</summary>
    public IReadOnlyList<UserProperty> UserProperties { get; init; } = [];

    /// <summary>Writes all that does not change on the way, i.e. everything but the expiry.</summary>
    internal void WriteUnaltered(ref PacketWriter writer)
    {
        writer.Property(PropertyId.PayloadFormatIndicator, PayloadIsText);
        writer.Property(PropertyId.ContentType, ContentType);
        writer.Property(PropertyId.ResponseTopic, ResponseTopic);
        writer.Property(PropertyId.CorrelationData, CorrelationData);
        writer.Properties(UserProperties);
    }
}
