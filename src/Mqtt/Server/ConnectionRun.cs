using System.Collections.Concurrent;
using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Server;

/// <summary>The publishes of one read of one connection. Pooled: a run is used again once it has completed.</summary>
internal sealed class ConnectionRun : PublishRun
{
    private const int MaximumSpare = 512;
    private static readonly ConcurrentQueue<ConnectionRun> Spare = new();
    private InboundPublishes? _inbound;

    public override string ClientId => _inbound!.Session.ClientId;

    public override MqttIdentity Identity => _inbound!.Session.Identity;

    public override long ConnectionNumber => _inbound!.Connection.Number;

    public override ProtocolVersion Version => _inbound!.Connection.Version;

    /// <summary>Arrival by the monotonic clock, for the latency.</summary>
    internal long ArrivedAtTimestamp { get; set; }

    /// <summary>Version of the subscriptions the plans of its items were made with.</summary>
    internal long PlanVersion { get; set; }

    internal static ConnectionRun Rent(InboundPublishes inbound)
    {
        if (!Spare.TryDequeue(out var run)) { run = new ConnectionRun(); }
        run._inbound = inbound;
        return run;
    }

    public override void Complete() => _inbound!.Completed(this);

    internal void AddPublish(TopicRoute route, scoped in PublishPacket packet, ReadOnlySpan<byte> unaltered, PendingDelivery? delivery)
    {
        var payload = Append(packet.Payload);
        var properties = unaltered.IsEmpty ? 0 : Append(unaltered);
        ref var item = ref AddItem();
        item.Route = route;
        item.PayloadOffset = payload;
        item.PayloadLength = packet.Payload.Length;
        item.PropertiesOffset = properties;
        item.PropertiesLength = unaltered.Length;
        item.PacketId = packet.PacketId;
        item.Kind = PublishItemKind.Publish;
        item.QualityOfService = packet.QualityOfService;
        item.Retain = packet.Retain;
        item.Duplicate = packet.Duplicate;
        item.Delivery = delivery;
    }

    /// <summary>Adds an answer that only keeps its place in the order: PUBCOMP, or a refusal.</summary>
    internal void AddAnswer(ushort packetId, DeferredAnswer answer)
    {
        ref var item = ref AddItem();
        item.Kind = PublishItemKind.Release;
        item.PacketId = packetId;
        item.Delivery = answer;
    }

    internal void AddChange(SessionChange change) => (Changes ??= []).Add(change);

    internal void Recycle()
    {
        Reset();
        _inbound = null;
        if (Spare.Count < MaximumSpare) { Spare.Enqueue(this); }
    }
}

/// <summary>An answer that waits for its run.</summary>
/// <param name="Type">PubAck, PubRec or PubComp.</param>
/// <param name="Reason">Its reason.</param>
/// <param name="Words">MQTT 5 reason string, or null.</param>
internal sealed record DeferredAnswer(PacketType Type, ReasonCode Reason, string? Words)
{
    internal static DeferredAnswer Complete { get; } = new(PacketType.PubComp, ReasonCode.Success, null);

    internal static DeferredAnswer UnknownId { get; } = new(PacketType.PubComp, ReasonCode.PacketIdentifierNotFound, null);
}
