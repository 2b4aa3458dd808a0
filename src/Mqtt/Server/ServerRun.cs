using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Server;

/// <summary>One message the server publishes itself: a will, or a message of the product's own, on its way through the lane.</summary>
internal sealed class ServerRun : PublishRun
{
    private readonly MqttServer _server;
    private readonly string _clientId;
    private readonly MqttIdentity _identity;
    private readonly Message _message;
    private readonly PendingDelivery? _reserved;
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal ServerRun(MqttServer server, string clientId, MqttIdentity identity, TopicRoute route, Message message)
    {
        _server = server;
        ConnectionNumber = server.NextServerRun();
        _clientId = clientId;
        _identity = identity;
        _message = message;
        var content = message.Content;
        var payload = Append(content.Payload.Span);
        var properties = Append(content.Properties.Span);
        ref var item = ref AddItem();
        item.Route = route;
        item.PayloadOffset = payload;
        item.PayloadLength = content.Payload.Length;
        item.PropertiesOffset = properties;
        item.PropertiesLength = content.Properties.Length;
        item.QualityOfService = message.QualityOfService;
        item.Retain = message.Retain;
        item.Kind = PublishItemKind.Publish;
        ArrivedAtMicroseconds = (message.PublishedAt.UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        var plan = DeliveryPlan.For(server.Subscriptions, content.Topic.Span, server.Lane.IsDurable);
        if (plan.MayBeDurable)
        {
            _reserved = FanOut.Reserve(server, message, plan, out var queued);
            if (queued is not null) { (Changes ??= []).Add(queued); }
        }

        if (message.Retain && server.Lane.IsDurable && server.Retained.Takes(message))
        {
            (Changes ??= []).Add(new RetainedSaved(message.Topic, content.Payload.IsEmpty ? null : message.ToStored()));
        }
    }

    public override string ClientId => _clientId;

    public override MqttIdentity Identity => _identity;

    /// <summary>Below 0: no connection, and no order with any other run.</summary>
    public override long ConnectionNumber { get; }

    public override ProtocolVersion Version => ProtocolVersion.V5;

    internal Task Completed => _completed.Task;

    public override void Complete()
    {
        var batch = DeliveryBatch.Rent();
        _reserved?.Release(_server, batch);
        if (Items[0].Outcome != PublishOutcome.OverQuota)
        {
            if (_message.Retain) { _server.Retained.Set(_message); }
            FanOut.Deliver(_server, _message, DeliveryPlan.For(_server.Subscriptions, _message.Content.Topic.Span, _server.Lane.IsDurable), _reserved, batch);
        }

        batch.FlushAndReturn();
        Reset();
        _completed.TrySetResult();
    }
}

/// <summary>Stands for the server itself, and for the unknown owner of a will found after a restart.</summary>
internal sealed class ServerIdentity(string name, string owner) : MqttIdentity
{
    public override string Name => name;

    public override string Owner => owner;

    public override bool IsOperator => false;
}
