using System.Text;
using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Server;

/// <summary>What one connection publishes: routes, order, the window of what has not committed yet, acknowledgements.</summary>
/// <remarks>
/// <code>
/// PUBLISH --needs no store--> fan-out, acknowledgement at once
///        \--uplink, durable queue, retained, or behind such a one--> run --lane--> Completed: acknowledgements, then fan-out
/// </code>
/// Made with the first PUBLISH, so that a connection that only listens does not pay for it. Everything but <see cref="Completed"/> and the
/// window's counters belongs to the read loop.
/// </remarks>
internal sealed class InboundPublishes(MqttServer server, ClientConnection connection, Session session)
{
    private readonly RouteCache _routes = new(server, session.Identity);
    private ConnectionRun? _run;
    private DeliveryBatch? _batch;
    private int _outstandingRuns;
    private int _outstandingMessages;
    private int _outstandingBytes;
    private int _unacknowledged;
    private TaskCompletionSource? _resume;
    private int _atMostOnce;
    private int _atLeastOnce;
    private int _exactlyOnce;
    private int _acknowledgedNow;
    private bool _progressInRun;

    internal ClientConnection Connection => connection;

    internal Session Session => session;

    internal int OutstandingMessages => Volatile.Read(ref _outstandingMessages);

    /// <summary>True when nothing more may be read until something has committed.</summary>
    internal bool IsWindowFull =>
        Volatile.Read(ref _outstandingMessages) + (_run?.Count ?? 0) >= server.Options.InboundWindowMessages
        || Volatile.Read(ref _outstandingBytes) + (_run?.Weight ?? 0) >= server.Options.InboundWindowBytes;

    internal bool MustWait => IsWindowFull || server.Lane.IsFull;

    /// <summary>Takes one PUBLISH. A verdict that is not ok ends the connection.</summary>
    internal ParseVerdict Take(scoped in PublishPacket packet)
    {
        var verdict = Resolve(packet, out var known);
        if (!verdict.IsOk) { return verdict; }
        var level = packet.QualityOfService;
        var isV5 = connection.Version == ProtocolVersion.V5;
        if (level != QualityOfService.AtMostOnce && isV5
            && Volatile.Read(ref _unacknowledged) + session.IncomingOpen >= server.Options.ReceiveMaximum
            && !(level == QualityOfService.ExactlyOnce && session.IsIncomingOpen(packet.PacketId)))
        {
            return ParseVerdict.Fail(ReasonCode.ReceiveMaximumExceeded, "receive maximum exceeded"); // [MQTT-3.3.4-9]
        }

        switch (level)
        {
            case QualityOfService.AtMostOnce: _atMostOnce++; break;
            case QualityOfService.AtLeastOnce: _atLeastOnce++; break;
            default: _exactlyOnce++; break;
        }

        if (known is null) { return Refuse(packet, ReasonCode.TopicNameInvalid, "topic longer or deeper than this server takes"); }
        if (server.Tap.IsOpen) { server.Tap.Saw(session.ClientId, known.Route.Topic, level, packet.Retain, packet.Payload); }
        if (known.Route.Verdict == TopicVerdict.Refused)
        {
            server.Statistics.PublishRefused();
            if (isV5 || server.IsRefusedByRule(known.Route)) { return Refuse(packet, ReasonCode.NotAuthorized, "no right to publish to this topic"); }
        }

        var repeats = false;
        if (level == QualityOfService.ExactlyOnce)
        {
            repeats = !session.OpenIncoming(packet.PacketId);
            if (session.IncomingOpen > server.Options.ReceiveMaximum)
            {
                return ParseVerdict.Fail(ReasonCode.ReceiveMaximumExceeded, "more QoS 2 messages open than this server keeps");
            }
        }

        if (MustRun(packet, known, repeats)) { AddToRun(packet, known, repeats); }
        else { PublishNow(packet, known, repeats); }
        return ParseVerdict.Ok;
    }

    /// <summary>Takes a PUBREL: the id's removal commits before the PUBCOMP where the session survives a restart.</summary>
    internal void Release(ushort packetId)
    {
        var known = session.CloseIncoming(packetId);
        var answer = known || connection.Version != ProtocolVersion.V5 ? DeferredAnswer.Complete : DeferredAnswer.UnknownId;
        if (!InOrder && !(known && session.IsDurable))
        {
            connection.WriteAcknowledgement(answer.Type, packetId, answer.Reason, null);
            return;
        }

        var run = CurrentRun();
        run.AddAnswer(packetId, answer);
        if (known && session.IsDurable) { _progressInRun = true; }
    }

    /// <summary>The read is worked off: hands the run to the lane and flushes subscribers.</summary>
    internal void EndRead()
    {
        if (_batch is { } batch)
        {
            _batch = null;
            batch.FlushAndReturn();
        }

        Count();
        if (_run is not { } run) { return; }
        _run = null;
        Interlocked.Increment(ref _outstandingRuns);
        Interlocked.Add(ref _outstandingMessages, run.Count);
        Interlocked.Add(ref _outstandingBytes, run.Weight);
        if (!_progressInRun)
        {
            server.Lane.Submit(run);
            return;
        }

        _progressInRun = false;
        lock (session.Gate)
        {
            // Taken and handed over under one hold of the gate, as everywhere: of two states of a session the newer one must commit last,
            // else a crash finds packet ids that were given up long ago.
            if (!session.HasEnded) { run.AddChange(session.TakeProgress()); }
            server.Lane.Submit(run);
        }
    }

    /// <summary>Waits until there is room in the window and the lane. The connection's keep-alive clock stands meanwhile.</summary>
    internal async ValueTask WaitForRoomAsync(CancellationToken closing)
    {
        while (!closing.IsCancellationRequested)
        {
            if (IsWindowFull)
            {
                var resume = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                // A full fence: the look at the window must not come before this is seen, else the last completion wakes nobody.
                Interlocked.Exchange(ref _resume, resume);
                if (IsWindowFull) { await resume.Task.WaitAsync(closing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); }
                Volatile.Write(ref _resume, null);
                continue;
            }

            if (!server.Lane.IsFull) { return; }
            try { await server.Lane.WaitForRoomAsync(closing); }
            catch (OperationCanceledException) when (closing.IsCancellationRequested) { return; }
        }
    }

    /// <summary>The run has committed. On the lane's thread: all acknowledgements in one write, then retained messages and fan-out.</summary>
    internal void Completed(ConnectionRun run)
    {
        var acknowledged = WriteAnswers(run);
        if (acknowledged > 0) { server.Statistics.Acknowledged(acknowledged, server.Time.GetElapsedTime(run.ArrivedAtTimestamp)); }
        DeliverCommitted(run);
        var messages = run.Count;
        var weight = run.Weight;
        run.Recycle();
        Interlocked.Add(ref _outstandingMessages, -messages);
        Interlocked.Add(ref _outstandingBytes, -weight);
        Interlocked.Decrement(ref _outstandingRuns);
        if (Volatile.Read(ref _resume) is { } resume && !IsWindowFullOutside()) { resume.TrySetResult(); }
    }

    /// <summary>True while something published before has not committed: what follows keeps its place behind it.</summary>
    private bool InOrder => _run is not null || Volatile.Read(ref _outstandingRuns) > 0;

    private bool IsWindowFullOutside() =>
        Volatile.Read(ref _outstandingMessages) >= server.Options.InboundWindowMessages
        || Volatile.Read(ref _outstandingBytes) >= server.Options.InboundWindowBytes;

    private ParseVerdict Resolve(scoped in PublishPacket packet, out CachedRoute? known)
    {
        known = null;
        if (packet.HasSubscriptionIdentifier) { return ParseVerdict.ProtocolError("subscription identifier from a client"); } // [MQTT-3.3.4-6]
        if (packet.TopicAlias == 0)
        {
            known = _routes.Find(packet.Topic);
            return ParseVerdict.Ok;
        }

        if (packet.TopicAlias > server.Options.TopicAliasMaximum)
        {
            return ParseVerdict.Fail(ReasonCode.TopicAliasInvalid, "topic alias above the maximum"); // [MQTT-3.3.2-9]
        }

        if (packet.Topic.IsEmpty)
        {
            known = _routes.FindAlias(packet.TopicAlias);
            return known is null ? ParseVerdict.ProtocolError("topic alias was never set") : ParseVerdict.Ok;
        }

        // The alias is set even where the topic is refused: rights are checked on the resolved topic each time.
        known = _routes.Find(packet.Topic);
        if (known is not null) { _routes.SetAlias(packet.TopicAlias, known); }
        return ParseVerdict.Ok;
    }

    private DeliveryPlan Plan(CachedRoute known)
    {
        var version = server.Subscriptions.Version;
        if (known.PlanVersion != version || known.Plan is null)
        {
            known.Plan = DeliveryPlan.For(server.Subscriptions, known.TopicBytes, server.Lane.IsDurable);
            known.PlanVersion = version;
        }

        return known.Plan;
    }

    private bool MustRun(scoped in PublishPacket packet, CachedRoute known, bool repeats)
    {
        if (known.Route.Verdict != TopicVerdict.Broker || InOrder) { return true; }
        if (packet.QualityOfService == QualityOfService.ExactlyOnce && session.IsDurable) { return true; }
        if (packet.Retain && server.Lane.IsDurable) { return true; }
        return !repeats && packet.QualityOfService != QualityOfService.AtMostOnce && Plan(known).MayBeDurable;
    }

    private void AddToRun(scoped in PublishPacket packet, CachedRoute known, bool repeats)
    {
        var run = CurrentRun();
        PendingDelivery? pending = null;
        var published = known.Route.IsPublished && !repeats;
        if (published)
        {
            var plan = Plan(known);
            if (!plan.IsEmpty || packet.Retain || packet.MessageExpiryInterval is not null)
            {
                var message = MessageOf(packet, known);
                if (plan.MayBeDurable)
                {
                    pending = FanOut.Reserve(server, message, plan, out var queued);
                    if (queued is not null) { run.AddChange(queued); }
                }

                pending ??= new PendingDelivery(message);
                if (packet.Retain && server.Lane.IsDurable && server.Retained.Takes(message))
                {
                    run.AddChange(new RetainedSaved(message.Topic, packet.Payload.IsEmpty ? null : message.ToStored()));
                }
            }
        }

        // Properties go on as they came; only those that belong to one hop are left out.
        if (packet.TopicAlias == 0 && packet.MessageExpiryInterval is null) { run.AddPublish(known.Route, packet, packet.Properties, pending); }
        else
        {
            var content = pending?.Message.Content ?? EncodedPublish.From(packet, known.TopicBytes);
            run.AddPublish(known.Route, packet, content.Properties.Span, pending);
        }

        if (repeats) { run.Items[^1].Delivery = Repeat.Marker; }
        if (packet.QualityOfService == QualityOfService.ExactlyOnce && session.IsDurable) { _progressInRun = true; }
        if (packet.QualityOfService == QualityOfService.AtLeastOnce) { Interlocked.Increment(ref _unacknowledged); }
    }

    private void PublishNow(scoped in PublishPacket packet, CachedRoute known, bool repeats)
    {
        if (!repeats)
        {
            var plan = Plan(known);
            if (!plan.IsEmpty || packet.Retain)
            {
                var message = MessageOf(packet, known);
                if (packet.Retain) { server.Retained.Set(message); }
                _batch ??= DeliveryBatch.Rent();
                FanOut.Deliver(server, message, plan, null, _batch);
            }
        }

        if (packet.QualityOfService == QualityOfService.AtMostOnce) { return; }
        _acknowledgedNow++;
        connection.WriteAcknowledgement(
            packet.QualityOfService == QualityOfService.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec, packet.PacketId, ReasonCode.Success, null);
    }

    private Message MessageOf(scoped in PublishPacket packet, CachedRoute known) => Message.From(
        EncodedPublish.From(packet, known.TopicBytes), known.Route.Topic, packet.QualityOfService, packet.Retain, session.ClientId, server.Time.GetUtcNow());

    /// <summary>A publish that goes nowhere. MQTT 5 says so in the acknowledgement; 3.1.1 cannot: a limit closes the connection there, a
    /// rule of the test listener is acknowledged and the message dropped.</summary>
    private ParseVerdict Refuse(scoped in PublishPacket packet, ReasonCode reason, string words)
    {
        if (connection.Version != ProtocolVersion.V5)
        {
            if (reason != ReasonCode.NotAuthorized) { return ParseVerdict.Fail(reason, words); }
            reason = ReasonCode.Success;
        }

        if (packet.QualityOfService == QualityOfService.AtMostOnce) { return ParseVerdict.Ok; }
        var type = packet.QualityOfService == QualityOfService.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec;
        if (InOrder) { CurrentRun().AddAnswer(packet.PacketId, new DeferredAnswer(type, reason, words)); }
        else { connection.WriteAcknowledgement(type, packet.PacketId, reason, words); }
        return ParseVerdict.Ok;
    }

    private ConnectionRun CurrentRun()
    {
        if (_run is not null) { return _run; }
        var run = ConnectionRun.Rent(this);
        run.ArrivedAtMicroseconds = (server.Time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        run.ArrivedAtTimestamp = connection.LastReceived;
        run.PlanVersion = server.Subscriptions.Version;
        return _run = run;
    }

    private void Count()
    {
        if (_atMostOnce > 0) { server.Statistics.Received(QualityOfService.AtMostOnce, _atMostOnce); }
        if (_atLeastOnce > 0) { server.Statistics.Received(QualityOfService.AtLeastOnce, _atLeastOnce); }
        if (_exactlyOnce > 0) { server.Statistics.Received(QualityOfService.ExactlyOnce, _exactlyOnce); }
        if (_acknowledgedNow > 0) { server.Statistics.Acknowledged(_acknowledgedNow, server.Time.GetElapsedTime(connection.LastReceived)); }
        _atMostOnce = _atLeastOnce = _exactlyOnce = _acknowledgedNow = 0;
    }

    private int WriteAnswers(ConnectionRun run)
    {
        var acknowledged = 0;
        var firstLevel = 0;
        string? closeWith = null;
        lock (connection.Outbound.Gate)
        {
            foreach (ref var item in run.Items)
            {
                if (item.Kind == PublishItemKind.Release)
                {
                    if (item.Delivery is DeferredAnswer answer) { connection.WriteAcknowledgement(answer.Type, item.PacketId, answer.Reason, answer.Words); }
                    continue;
                }

                if (item.QualityOfService == QualityOfService.AtMostOnce) { continue; }
                if (item.QualityOfService == QualityOfService.AtLeastOnce) { firstLevel++; }
                var reason = ReasonCode.Success;
                var words = item.OutcomeText;
                if (item.Outcome == PublishOutcome.OverQuota)
                {
                    reason = ReasonCode.QuotaExceeded;
                    if (connection.Version != ProtocolVersion.V5)
                    {
                        closeWith = words ?? "quota exceeded";
                        break; // not acknowledged: 3.1.1 has no other way to say no
                    }
                }
                else if (item.Delivery is PendingDelivery { WasRefusedByAll: true } && item.Route?.Verdict == TopicVerdict.Broker)
                {
                    reason = ReasonCode.QuotaExceeded;
                    words = "the queues of all subscribers are full";
                }

                acknowledged++;
                connection.WriteAcknowledgement(
                    item.QualityOfService == QualityOfService.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec, item.PacketId, reason, words);
            }
        }

        connection.Outbound.Flush();
        if (firstLevel > 0) { Interlocked.Add(ref _unacknowledged, -firstLevel); }
        foreach (ref var item in run.Items)
        {
            // A PUBREC with a failure ends the exchange: the id is free again.
            if (item is { Outcome: PublishOutcome.OverQuota, Kind: PublishItemKind.Publish, QualityOfService: QualityOfService.ExactlyOnce })
            {
                session.CloseIncoming(item.PacketId);
            }
        }

        if (closeWith is not null) { connection.Close(ReasonCode.QuotaExceeded, closeWith); }
        return acknowledged;
    }

    private void DeliverCommitted(ConnectionRun run)
    {
        var planChanged = run.PlanVersion != server.Subscriptions.Version;
        DeliveryBatch? batch = null;
        Span<byte> scratch = stackalloc byte[512];
        foreach (ref var item in run.Items)
        {
            if (item.Kind != PublishItemKind.Publish || item.Route is not { IsPublished: true } route || ReferenceEquals(item.Delivery, Repeat.Marker)) { continue; }
            var pending = item.Delivery as PendingDelivery;
            if (item.Outcome == PublishOutcome.OverQuota)
            {
                // Places in durable queues have committed with the run: memory follows the store. Nobody else hears of it.
                pending?.Release(server, batch ??= DeliveryBatch.Rent());
                continue;
            }

            if (pending is null && !planChanged) { continue; }
            var topic = route.Topic.Length * 3 <= scratch.Length ? scratch[..Encoding.UTF8.GetBytes(route.Topic, scratch)] : Encoding.UTF8.GetBytes(route.Topic);
            var plan = DeliveryPlan.For(server.Subscriptions, topic, server.Lane.IsDurable);
            if (pending is null && plan.IsEmpty) { continue; }
            var message = pending?.Message ?? Message.From(
                EncodedPublish.From(
                    topic, run.Bytes.Slice(item.PropertiesOffset, item.PropertiesLength), run.Bytes.Slice(item.PayloadOffset, item.PayloadLength), null),
                route.Topic, item.QualityOfService, item.Retain, session.ClientId, server.Time.GetUtcNow());
            if (message.Retain) { server.Retained.Set(message); }
            batch ??= DeliveryBatch.Rent();
            pending?.Release(server, batch);
            FanOut.Deliver(server, message, plan, pending, batch);
        }

        batch?.FlushAndReturn();
    }

    private static class Repeat
    {
        internal static readonly object Marker = new();
    }
}
