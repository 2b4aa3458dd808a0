using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Client;

/// <summary>Called when a publish ended. Runs on the read loop: return soon.</summary>
/// <param name="state">As given with the publish.</param>
/// <param name="result">How it ended.</param>
public delegate void PublishCompleted(object? state, PublishResult result);

/// <summary>Where an outgoing QoS 1 or 2 message stands.</summary>
internal enum OutgoingStep : byte
{
    /// <summary>Not sent on any connection yet, or to be sent again.</summary>
    Waiting,

    /// <summary>PUBLISH sent on this connection; PUBACK or PUBREC is to come.</summary>
    Published,

    /// <summary>PUBREC came: PUBREL is to be answered by PUBCOMP; the message itself is never sent again [MQTT-4.3.3-4].</summary>
    Released,
}

/// <summary>An outgoing QoS 1 or 2 message until it is acknowledged.</summary>
internal sealed class OutgoingPublish(EncodedPublish message, QualityOfService qualityOfService, bool retain, PublishCompleted? completed, object? state)
{
    internal EncodedPublish Message { get; } = message;

    internal QualityOfService QualityOfService { get; } = qualityOfService;

    internal bool Retain { get; } = retain;

    internal ushort PacketId { get; set; }

    internal OutgoingStep Step { get; set; }

    /// <summary>Sent before in this session: the next PUBLISH carries DUP.</summary>
    internal bool WasSent { get; set; }

    /// <summary>Order of the first sending, kept when sent again [MQTT-4.6.0-1].</summary>
    internal long Order { get; set; }

    internal void Complete(PublishResult result) => completed?.Invoke(state, result);
}
