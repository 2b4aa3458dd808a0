using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Server;

/// <summary>Hands messages to subscribers.</summary>
internal static class FanOut
{
    private static readonly Func<Session, bool> CanReceiveNow = session => session.Connection is { MaySend: true } connection && !connection.Outbound.IsBehind;

    /// <summary>Delivers to everybody in the plan except those whose durable queue holds the message already.</summary>
    /// <param name="server">The server.</param>
    /// <param name="message">The message.</param>
    /// <param name="plan">Who gets it.</param>
    /// <param name="reserved">Durable places taken before the commit, or null.</param>
    /// <param name="batch">Takes the connections to flush.</param>
    internal static void Deliver(MqttServer server, Message message, DeliveryPlan plan, PendingDelivery? reserved, DeliveryBatch batch)
    {
        foreach (var target in plan.Targets)
        {
            if (reserved is null || !reserved.Holds(target.Session)) { DeliverTo(server, message, target, batch); }
        }

        foreach (var group in plan.Groups)
        {
            if (reserved is not null && reserved.Holds(group)) { continue; }
            if (group.Pick(CanReceiveNow) is { } chosen) { DeliverTo(server, message, DeliveryTarget.From(chosen), batch); }
        }
    }

    /// <summary>Takes places in durable queues under the next message number, before the run is submitted.</summary>
    /// <returns>Null when no durable queue takes the message.</returns>
    internal static PendingDelivery? Reserve(MqttServer server, Message message, DeliveryPlan plan, out MessageQueued? change)
    {
        change = null;
        if (message.QualityOfService == QualityOfService.AtMostOnce) { return null; }
        PendingDelivery? pending = null;
        List<string>? clients = null;
        List<StoredGrant>? grants = null;

        // One lock for number and places, so that numbers rise in every queue.
        lock (server.Numbering)
        {
            foreach (var target in plan.Targets) { Take(target); }
            foreach (var group in plan.Groups)
            {
                if (group.Pick(CanReceiveNow) is not { } chosen) { continue; }
                var target = DeliveryTarget.From(chosen);
                if (Take(target)) { pending!.Holding(group); }
                else if (!target.Session.IsDurable)
                {
                    // Its turn has been used: it gets the message at completion, outside the store.
                    (pending ??= new PendingDelivery(message)).Later(group, target);
                }
            }
        }

        if (clients is not null) { change = new MessageQueued(message.ToStored(), clients, grants!); }
        return pending;

        bool Take(DeliveryTarget candidate)
        {
            if (Own(message, candidate) is not { } target || !target.Session.IsDurable || !MayReceive(server, target.Session, message.Topic)) { return false; }
            var level = Lower(message.QualityOfService, target.QualityOfService);
            if (level == QualityOfService.AtMostOnce) { return false; }
            if (message.Number == 0) { message.Number = server.NextMessageNumber(); }
            var retain = message.Retain && target.RetainAsPublished;
            QueuedDelivery? place;
            lock (target.Session.Gate) { place = target.Session.Enqueue(message, level, retain, target.Identifiers, durable: true, committed: false); }
            pending ??= new PendingDelivery(message);
            if (place is null)
            {
                pending.Refused(target.Session);
                return true;
            }

            pending.Holding(target.Session, place);
            (clients ??= []).Add(target.Session.ClientId);
            (grants ??= []).Add(new StoredGrant(level, retain, Array.ConvertAll(target.Identifiers, i => (int)i)));
            return true;
        }
    }

    /// <summary>Delivers one message to one session.</summary>
    internal static void DeliverTo(MqttServer server, Message message, DeliveryTarget candidate, DeliveryBatch batch)
    {
        if (Own(message, candidate) is not { } target || !MayReceive(server, target.Session, message.Topic)) { return; }
        Send(server, message, target.Session, Lower(message.QualityOfService, target.QualityOfService), message.Retain && target.RetainAsPublished, target.Identifiers, batch);
    }

    /// <summary>Sends or queues one message for one session.</summary>
    internal static void Send(MqttServer server, Message message, Session session, QualityOfService level, bool retain, uint[] identifiers, DeliveryBatch batch)
    {
        var connection = session.Connection;
        if (level == QualityOfService.AtMostOnce)
        {
            if (connection is null || !connection.MaySend)
            {
                server.Statistics.Dropped(DropReason.Offline);
                return;
            }

            if (connection.TrySendAtMostOnce(message, retain, identifiers)) { batch.Wrote(connection); }
            return;
        }

        bool wrote;
        lock (session.Gate)
        {
            if (session.Enqueue(message, level, retain, identifiers, durable: false, committed: true) is null) { return; }
            connection = session.Connection;
            wrote = session.Pump();
        }

        if (wrote && connection is not null) { batch.Wrote(connection); }
    }

    private static DeliveryTarget? Own(Message message, DeliveryTarget target)
    {
        if (!target.NoLocal && target.Own is null) { return target; }
        if (!string.Equals(message.Publisher, target.Session.ClientId, StringComparison.Ordinal)) { return target; }
        return target.NoLocal ? null : target.Own;
    }

    private static bool MayReceive(MqttServer server, Session session, string topic)
    {
        if (session.RightsSeen != session.Identity.RightsVersion) { server.Reauthorize(session); }
        if (topic[0] != '$') { return true; }
        var isFigure = topic.StartsWith("$SYS/", StringComparison.Ordinal);
        if ((!isFigure || session.Identity.IsOperator) && server.Access.MayReceive(session.Identity, topic)) { return true; }
        server.Statistics.Dropped(DropReason.NotAuthorized);
        return false;
    }

    private static QualityOfService Lower(QualityOfService one, QualityOfService other) => one < other ? one : other;
}

/// <summary>What a publish in a run waits to deliver once the run has committed.</summary>
internal sealed class PendingDelivery(Message message)
{
    private List<(Session Session, QueuedDelivery? Place)>? _places;
    private List<(ShareGroup<Session> Group, DeliveryTarget? Later)>? _groups;

    internal Message Message { get; } = message;

    /// <summary>True when queues that had to take it were full and none took it.</summary>
    internal bool WasRefusedByAll => _places is { Count: > 0 } && _places.TrueForAll(p => p.Place is null) && _groups is null;

    internal void Holding(Session session, QueuedDelivery place) => (_places ??= []).Add((session, place));

    internal void Refused(Session session) => (_places ??= []).Add((session, null));

    internal void Holding(ShareGroup<Session> group) => (_groups ??= []).Add((group, null));

    internal void Later(ShareGroup<Session> group, DeliveryTarget target) => (_groups ??= []).Add((group, target));

    internal bool Holds(Session session) => _places is not null && _places.Exists(p => ReferenceEquals(p.Session, session));

    internal bool Holds(ShareGroup<Session> group) => _groups is not null && _groups.Exists(g => ReferenceEquals(g.Group, group));

    /// <summary>The run has committed: the reserved places may be sent.</summary>
    internal void Release(MqttServer server, DeliveryBatch batch)
    {
        if (_places is not null)
        {
            foreach (var (session, place) in _places)
            {
                if (place is null) { continue; }
                bool wrote;
                ClientConnection? connection;
                lock (session.Gate)
                {
                    if (place.Phase == DeliveryPhase.Uncommitted) { place.Phase = DeliveryPhase.Waiting; }
                    connection = session.Connection;
                    wrote = session.Pump();
                }

                if (wrote && connection is not null) { batch.Wrote(connection); }
            }
        }

        if (_groups is not null)
        {
            foreach (var (_, later) in _groups)
            {
                if (later is not null) { FanOut.DeliverTo(server, Message, later, batch); }
            }
        }
    }
}
