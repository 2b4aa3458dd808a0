namespace Headwater.Mqtt.Packets;

/// <summary>What differs from one transfer of a message to the next: everything that is not topic, payload or the publisher's own properties.</summary>
/// <remarks>MQTT 3.1.1 and 5.0 section 3.3.1 and 3.3.2.</remarks>
public ref struct PublishStamp
{
    /// <summary>Of the receiving connection; 3.1.1 leaves all properties out.</summary>
    public ProtocolVersion Version { get; set; }

    /// <summary>QoS of this transfer.</summary>
    public QualityOfService QualityOfService { get; set; }

    /// <summary>1 to 65,535 at QoS 1 and 2; ignored at QoS 0.</summary>
    public ushort PacketId { get; set; }

    /// <summary>DUP: this QoS 1 or 2 transfer repeats an earlier attempt [MQTT-3.3.1-1].</summary>
    public bool Duplicate { get; set; }

    /// <summary>RETAIN flag.</summary>
    public bool Retain { get; set; }

    /// <summary>Seconds still left; null: never expires.</summary>
    public uint? MessageExpiryInterval { get; set; }

    /// <summary>Alias to set or use; 0: none.</summary>
    public ushort TopicAlias { get; set; }

    /// <summary>True: the receiver knows the alias, the topic name is left empty.</summary>
    public bool OmitTopic { get; set; }

    /// <summary>Identifiers of the matching subscriptions, each 1 to 268,435,455; server to client only.</summary>
    public ReadOnlySpan<uint> SubscriptionIdentifiers { get; set; }
}
