namespace Headwater.Mqtt.Server;

/// <summary>How far a QoS 1 or 2 delivery has come.</summary>
internal enum DeliveryPhase : byte
{
    /// <summary>Its publisher's run has not committed yet: holds its place in the order.</summary>
    Uncommitted = 0,

    /// <summary>Waits for room in the client's window.</summary>
    Waiting = 1,

    /// <summary>QoS 2: its packet id is being made durable before the first transfer.</summary>
    Saving = 2,

    /// <summary>Sent; PUBACK or PUBREC is awaited.</summary>
    Sent = 3,

    /// <summary>PUBREC came and is being made durable.</summary>
    Releasing = 4,

    /// <summary>PUBREL sent; PUBCOMP is awaited.</summary>
    Released = 5,

    /// <summary>Done with.</summary>
    Done = 6,
}

/// <summary>One message in one session's queue.</summary>
internal sealed class QueuedDelivery(Message message, QualityOfService level, bool retain, uint[] identifiers)
{
    internal Message Message { get; } = message;

    internal QualityOfService QualityOfService { get; } = level;

    internal bool Retain { get; } = retain;

    internal uint[] Identifiers { get; } = identifiers;

    internal DeliveryPhase Phase { get; set; } = DeliveryPhase.Waiting;

    internal ushort PacketId { get; set; }

    /// <summary>True while the live connection was sent it: counts against the client's Receive Maximum.</summary>
    internal bool OnWire { get; set; }

    /// <summary>True once it was handed to a connection: a further transfer carries DUP.</summary>
    internal bool WasSent { get; set; }

    /// <summary>True when this delivery is part of the durable queue (the same message may be volatile elsewhere).</summary>
    internal bool IsDurable { get; init; }
}
