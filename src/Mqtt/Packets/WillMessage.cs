namespace Headwater.Mqtt.Packets;

/// <summary>Message the server publishes when a connection ends without a good-bye.</summary>
/// <remarks>MQTT 3.1.1 and 5.0 section 3.1.2.5 and 3.1.3.2.</remarks>
public sealed record WillMessage
{
    /// <summary>Topic name, without wildcards.</summary>
    public required string Topic { get; init; }

    /// <summary>The application's bytes; may be empty.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>QoS to publish with.</summary>
    public QualityOfService QualityOfService { get; init; }

    /// <summary>Whether it is published as retained.</summary>
    public bool Retain { get; init; }

    /// <summary>Seconds the server waits before publishing; 0 and 3.1.1: at once.</summary>
    public uint DelayInterval { get; init; }

    /// <summary>The publisher's properties; null: none.</summary>
    public PublishProperties? Properties { get; init; }
}
