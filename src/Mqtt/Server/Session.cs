using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Server;

/// <summary>A will kept for a live connection, or still delayed after it broke.</summary>
/// <param name="Message">What is published; its RETAIN flag included.</param>
/// <param name="Delay">Will delay interval, seconds, capped.</param>
internal sealed record Will(Message Message, uint Delay);

/// <summary>What the server keeps of one client id: subscriptions, queue, open QoS 2 ids, will.</summary>
/// <remarks>
/// Lock order: registry stripe, <see cref="Gate"/>, the connection's outbound gate. Everything mutable is guarded by the gate, but
/// <see cref="Connection"/> may be read without it: who acts on it re-checks or can live with one that just ended.
/// </remarks>
internal sealed class Session(MqttServer server, string clientId, MqttIdentity identity)
{
    private readonly MqttServer _server = server;
    private ClientConnection? _connection;
    private SessionQueue? _queue;
    private HashSet<ushort>? _incoming;
    private int _onWire;
    private bool _saving;
    private bool _releasing;
    private int _progressDirty;

    internal Lock Gate { get; } = new();

    internal string ClientId { get; } = clientId;

    internal MqttIdentity Identity { get; set; } = identity;

    internal string Owner => Identity.Owner;

    /// <summary>Rights the subscriptions and queue were last checked against.</summary>
    internal int RightsSeen { get; set; } = identity.RightsVersion;

    internal ProtocolVersion Version { get; set; }

    /// <summary>Seconds the session outlives its connection; <see cref="uint.MaxValue"/>: for ever.</summary>
    internal uint ExpiryInterval { get; set; }

    internal DateTimeOffset CreatedAt { get; init; }

    internal DateTimeOffset ConnectedAt { get; set; }

    internal DateTimeOffset? DisconnectedAt { get; set; }

    internal Will? Will { get; set; }

    /// <summary>When a will that waits for its delay is to be published; null: none waits.</summary>
    internal DateTimeOffset? WillDueAt { get; set; }

    /// <summary>When the heartbeat looks at this session next; an entry of another time is stale.</summary>
    internal DateTimeOffset? DeadlineAt { get; set; }

    /// <summary>Restored after a crash under its connection: its will waits a grace, and is dropped when the client is back.</summary>
    internal bool WasConnectedAtCrash { get; set; }

    internal bool HasEnded { get; private set; }

    /// <summary>True when the store holds (or is about to hold) this session's head.</summary>
    internal bool IsSaved { get; set; }

    internal int TakeOvers { get; set; }

    internal long TakeOversSince { get; set; }

    /// <summary>Subscriptions in the tree.</summary>
    internal int SubscriptionCount { get; set; }

    internal ClientConnection? Connection
    {
        get => Volatile.Read(ref _connection);
        set => Volatile.Write(ref _connection, value);
    }

    /// <summary>Outlives its connection.</summary>
    internal bool IsPersistent => ExpiryInterval > 0;

    /// <summary>Outlives the process: queue and ids are committed.</summary>
    internal bool IsDurable => ExpiryInterval > 0 && _server.Lane.IsDurable;

    internal int QueueCount => _queue?.Count ?? 0;

    internal long QueueBytes => _queue?.Bytes ?? 0;

    internal int InFlight => _queue?.InFlight ?? 0;

    internal int IncomingOpen => _incoming?.Count ?? 0;

    /// <summary>Puts a delivery into the queue. Under <see cref="Gate"/>. Null when a bound is reached: the newest is refused.</summary>
    internal QueuedDelivery? Enqueue(Message message, QualityOfService level, bool retain, uint[] identifiers, bool durable, bool committed)
    {
        if (HasEnded) { return null; }
        var queue = _queue ??= new SessionQueue();
        var options = _server.Options;
        if (queue.Count >= options.QueueMessages || queue.Bytes + message.Weight > options.QueueBytes
            || _server.Statistics.QueuedBytes + message.Weight > options.TotalQueueBytes)
        {
            _server.Statistics.Dropped(DropReason.QueueFull);
            if (_server.LogBudget.Allows("queue full", out var suppressed)) { _server.Logger.QueueFull(ClientId, queue.Count, suppressed); }
            return null;
        }

        var delivery = new QueuedDelivery(message, level, retain, identifiers)
        {
            IsDurable = durable,
            Phase = committed ? DeliveryPhase.Waiting : DeliveryPhase.Uncommitted,
        };
        queue.Add(delivery);
        _server.Statistics.Queued(1, message.Weight);
        return delivery;
    }

    /// <summary>Sends what the client's window and the peer's reading allow. Under <see cref="Gate"/>. True when something was written.</summary>
    internal bool Pump()
    {
        var connection = Connection;
        if (_queue is null || connection is null || !connection.MaySend || _saving) { return false; }
        var wrote = false;
        if (_onWire < _queue.InFlight)
        {
            foreach (var delivery in _queue.InFlightDeliveries)
            {
                if (delivery.OnWire) { continue; }
                if (_onWire >= connection.SendWindow || connection.Outbound.IsBehind) { return wrote; }
                Resend(connection, delivery);
                wrote = true;
            }
        }

        List<QueuedDelivery>? toSave = null;
        while (_queue.TryPeekWaiting(out var next))
        {
            if (next.Phase == DeliveryPhase.Uncommitted || _onWire >= connection.SendWindow || connection.Outbound.IsBehind) { break; }
            if (JudgeUndeliverable(connection, next) is { } reason)
            {
                Discard(_queue.DropWaiting(), reason);
                continue;
            }

            var mustSave = next.IsDurable && next.QualityOfService == QualityOfService.ExactlyOnce;
            if (!mustSave && toSave is not null) { break; }
            var delivery = _queue.StartWaiting();
            delivery.OnWire = true;
            _onWire++;
            if (delivery.IsDurable) { MarkProgress(); }
            if (mustSave)
            {
                delivery.Phase = DeliveryPhase.Saving;
                (toSave ??= []).Add(delivery);
                continue;
            }

            Transfer(connection, delivery);
            wrote = true;
        }

        if (toSave is not null)
        {
            _saving = true;
            _ = SendOnceSavedAsync(connection, toSave);
        }

        return wrote;
    }

    /// <summary>A new connection: everything in flight is sent again, in order. Under <see cref="Gate"/>, after CONNACK was written.</summary>
    internal void Resume()
    {
        _onWire = 0;
        if (_queue is null) { return; }
        foreach (var delivery in _queue.InFlightDeliveries) { delivery.OnWire = false; }
        Pump();
    }

    /// <summary>PUBACK, or PUBREC with a failure, or PUBCOMP: the delivery is done with. Takes the gate.</summary>
    internal void Acknowledge(PacketType type, ushort packetId)
    {
        lock (Gate)
        {
            var delivery = _queue?.Find(packetId);
            var expected = type == PacketType.PubAck ? QualityOfService.AtLeastOnce : QualityOfService.ExactlyOnce;
            if (delivery is null || delivery.QualityOfService != expected) { return; }
            if (type == PacketType.PubComp && delivery.Phase != DeliveryPhase.Released) { return; }
            Complete(delivery);
            Pump();
        }
    }

    /// <summary>PUBREC without failure. Takes the gate. The caller calls <see cref="ReleaseReceived"/> at the end of its read.</summary>
    /// <returns>False when the packet id is not known.</returns>
    internal bool Received(ushort packetId, out bool needsRelease)
    {
        needsRelease = false;
        lock (Gate)
        {
            var delivery = _queue?.Find(packetId);
            if (delivery is null || delivery.QualityOfService != QualityOfService.ExactlyOnce) { return false; }
            if (delivery.Phase is DeliveryPhase.Sent or DeliveryPhase.Saving) { delivery.Phase = DeliveryPhase.Releasing; }
            else if (delivery.Phase == DeliveryPhase.Released) { Connection?.WriteRelease(packetId, ReasonCode.Success); }
            needsRelease = delivery.Phase == DeliveryPhase.Releasing;
            return true;
        }
    }

    /// <summary>Sends PUBREL for all PUBRECs received; for a durable session only after that state has committed, else a crash would send
    /// the message again under an id the receiver has already given up.</summary>
    internal void ReleaseReceived()
    {
        Task saved;
        List<QueuedDelivery> releasing;
        lock (Gate)
        {
            if (_queue is null || _releasing) { return; }
            releasing = _queue.InFlightDeliveries.Where(d => d.Phase == DeliveryPhase.Releasing).ToList();
            if (releasing.Count == 0) { return; }
            if (!IsDurable || !releasing.Exists(d => d.IsDurable))
            {
                WriteReleases(releasing);
                return;
            }

            _releasing = true;
            saved = _server.Lane.SaveAsync(TakeProgress(), CancellationToken.None);
        }

        _ = ReleaseOnceSavedAsync(saved, releasing);
    }

    /// <summary>Notes an incoming QoS 2 id. Takes the gate.</summary>
    /// <returns>False when the id is open already: a repeat, not to be delivered again.</returns>
    internal bool OpenIncoming(ushort packetId)
    {
        lock (Gate) { return (_incoming ??= []).Add(packetId); }
    }

    internal bool IsIncomingOpen(ushort packetId)
    {
        lock (Gate) { return _incoming is not null && _incoming.Contains(packetId); }
    }

    internal bool CloseIncoming(ushort packetId)
    {
        lock (Gate) { return _incoming is not null && _incoming.Remove(packetId); }
    }

    /// <summary>The session's progress as it is now. Under <see cref="Gate"/>.</summary>
    internal ProgressSaved TakeProgress()
    {
        Volatile.Write(ref _progressDirty, 0);
        var queue = _queue ??= new SessionQueue();
        var cursor = queue.Cursor();
        return new ProgressSaved(ClientId, cursor, queue.Pack(cursor, _incoming));
    }

    internal void PostProgressIfDirty()
    {
        if (Volatile.Read(ref _progressDirty) == 0) { return; }
        lock (Gate)
        {
            if (!HasEnded && IsDurable) { _server.Lane.Post(TakeProgress()); }
        }
    }

    /// <summary>Removes queued messages the session may no longer get. Under <see cref="Gate"/>.</summary>
    internal void FilterQueue(Func<string, bool> mayReceive)
    {
        if (_queue is null) { return; }
        foreach (var removed in _queue.RemoveWhere(d => !mayReceive(d.Message.Topic)))
        {
            _server.Statistics.Queued(-1, -removed.Message.Weight);
            _server.Statistics.Dropped(DropReason.NotAuthorized);
            if (removed.IsDurable) { MarkProgress(); }
        }
    }

    /// <summary>Empties the session for good. Under <see cref="Gate"/>.</summary>
    internal void End()
    {
        HasEnded = true;
        if (_queue is not null)
        {
            _server.Statistics.Queued(-_queue.Count, -_queue.Bytes);
            foreach (var delivery in _queue.All) { delivery.Phase = DeliveryPhase.Done; }
        }

        _queue = null;
        _incoming = null;
        Connection = null;
    }

    internal void Restore(QueuedDelivery delivery)
    {
        (_queue ??= new SessionQueue()).Restore(delivery);
        _server.Statistics.Queued(1, delivery.Message.Weight);
    }

    internal void RestoreProgress(ProgressSaved progress, PackedProgress packed)
    {
        (_queue ??= new SessionQueue()).RestoreDone(progress.AcknowledgedThrough, packed.Done);
        if (packed.Incoming.Count > 0) { _incoming = [.. packed.Incoming]; }
    }

    internal StoredSession ToStored(bool connected) => new(
        ClientId, Owner, Version, ExpiryInterval, connected, DisconnectedAt, Will?.Message.ToStored(), Will?.Delay ?? 0, Will?.Message.Retain ?? false);

    private DropReason? JudgeUndeliverable(ClientConnection connection, QueuedDelivery delivery)
    {
        if (delivery.Message.ExpiresAt is not null && delivery.Message.IsExpired(_server.Time.GetUtcNow())) { return DropReason.Expired; }
        return connection.Takes(delivery.Message, delivery.QualityOfService, delivery.Identifiers) ? null : DropReason.TooLargeForClient;
    }

    private void Discard(QueuedDelivery delivery, DropReason reason)
    {
        _server.Statistics.Queued(-1, -delivery.Message.Weight);
        _server.Statistics.Dropped(reason);
        if (delivery.IsDurable) { MarkProgress(); }
    }

    private void Transfer(ClientConnection connection, QueuedDelivery delivery)
    {
        delivery.Phase = DeliveryPhase.Sent;
        connection.WritePublish(delivery);
        delivery.WasSent = true;
    }

    private void Resend(ClientConnection connection, QueuedDelivery delivery)
    {
        delivery.OnWire = true;
        _onWire++;
        if (delivery.Phase == DeliveryPhase.Releasing) { return; } // PUBREL follows once that state has committed
        if (delivery.Phase == DeliveryPhase.Released)
        {
            connection.WriteRelease(delivery.PacketId, ReasonCode.Success);
            return;
        }

        Transfer(connection, delivery);
    }

    private void Complete(QueuedDelivery delivery)
    {
        _queue!.Remove(delivery);
        if (delivery.OnWire) { _onWire--; }
        _server.Statistics.Queued(-1, -delivery.Message.Weight);
        if (delivery.IsDurable) { MarkProgress(); }
    }

    private void MarkProgress()
    {
        if (Interlocked.Exchange(ref _progressDirty, 1) == 0) { _server.ProgressToSave(this); }
    }

    private async Task SendOnceSavedAsync(ClientConnection connection, List<QueuedDelivery> deliveries)
    {
        try
        {
            Task saved;
            lock (Gate) { saved = HasEnded ? Task.CompletedTask : _server.Lane.SaveAsync(TakeProgress(), CancellationToken.None); }
            await saved;
        }
        catch (Exception fault)
        {
            _server.Logger.SaveFailed(fault, ClientId);
        }

        lock (Gate)
        {
            _saving = false;
            foreach (var delivery in deliveries)
            {
                if (delivery.Phase != DeliveryPhase.Saving) { continue; }
                if (Connection == connection && connection.IsOpen) { Transfer(connection, delivery); }
                else
                {
                    delivery.Phase = DeliveryPhase.Sent; // the next connection sends it, for the first time
                    delivery.OnWire = false;
                }
            }

            Pump();
        }

        Connection?.Outbound.Flush();
    }

    private async Task ReleaseOnceSavedAsync(Task saved, List<QueuedDelivery> releasing)
    {
        try { await saved; }
        catch (Exception fault) { _server.Logger.SaveFailed(fault, ClientId); }
        lock (Gate)
        {
            _releasing = false;
            WriteReleases(releasing.Where(d => d.Phase == DeliveryPhase.Releasing).ToList());
        }

        Connection?.Outbound.Flush();
        ReleaseReceived(); // what came in while this was being saved
    }

    private void WriteReleases(List<QueuedDelivery> deliveries)
    {
        foreach (var delivery in deliveries)
        {
            delivery.Phase = DeliveryPhase.Released;
            // Before its CONNACK a connection gets nothing; Resume sends it then.
            if (Connection is { MaySend: true } connection) { connection.WriteRelease(delivery.PacketId, ReasonCode.Success); }
        }
    }
}
