using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Server;

/// <summary>Puts back sessions, subscriptions, queues and retained messages after a restart.</summary>
internal sealed class SessionRestore(MqttServer server, StoredSessions stored)
{
    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach (var message in stored.Retained) { server.Retained.Set(Message.From(message, retain: true)); }
        var packed = new Dictionary<string, PackedProgress>(StringComparer.Ordinal);
        foreach (var head in stored.Sessions)
        {
            var identity = await server.Access.RestoreAsync(head.Owner, head.ClientId, cancellationToken) ?? new ServerIdentity(head.Owner, head.Owner);
            var session = new Session(server, head.ClientId, identity)
            {
                CreatedAt = server.Time.GetUtcNow(),
                Will = head.Will is { } will ? new Will(Message.From(will, head.WillRetain), head.WillDelay) : null,
            };
            server.Sessions.Restore(session, head);
            RestoreSubscriptions(session);
            if (stored.Progress.TryGetValue(head.ClientId, out var progress))
            {
                var unpacked = SessionQueue.Unpack(progress.State);
                packed[head.ClientId] = unpacked;
                lock (session.Gate) { session.RestoreProgress(progress, unpacked); }
            }
        }

        RestoreQueues(packed);
    }

    private void RestoreSubscriptions(Session session)
    {
        if (!stored.Subscriptions.TryGetValue(session.ClientId, out var subscriptions)) { return; }
        foreach (var one in subscriptions)
        {
            var granted = new TopicSubscription(one.Filter, one.QualityOfService, one.NoLocal, one.RetainAsPublished, (RetainHandling)one.RetainHandling);
            uint? identifier = one.SubscriptionIdentifier == 0 ? null : (uint)one.SubscriptionIdentifier;
            if (server.Subscriptions.Subscribe(session, granted, identifier) == Topics.SubscribeOutcome.Added) { session.SubscriptionCount++; }
        }
    }

    private void RestoreQueues(Dictionary<string, PackedProgress> packed)
    {
        // Entries of one message share one object, as before the restart.
        var messages = new Dictionary<long, Message>();
        foreach (var entry in stored.Queue.GroupBy(e => e.ClientId, StringComparer.Ordinal))
        {
            if (server.Sessions.Find(entry.Key) is not { } session) { continue; }
            var progress = packed.GetValueOrDefault(entry.Key);
            var through = stored.Progress.TryGetValue(entry.Key, out var saved) ? saved.AcknowledgedThrough : 0;
            lock (session.Gate)
            {
                foreach (var one in entry.Where(e => e.Message.Number > through).OrderBy(e => Position(progress, e.Message.Number)).ThenBy(e => e.Message.Number))
                {
                    if (progress is not null && progress.Done.Contains(one.Message.Number)) { continue; }
                    if (!messages.TryGetValue(one.Message.Number, out var message))
                    {
                        messages[one.Message.Number] = message = Message.From(one.Message, one.Grant.Retain);
                    }

                    session.Restore(Delivery(session, message, one.Grant, progress));
                }
            }
        }
    }

    /// <summary>What was in flight comes first, whatever number came later.</summary>
    private static int Position(PackedProgress? progress, long number) => progress is not null && progress.InFlight.ContainsKey(number) ? 0 : 1;

    private static QueuedDelivery Delivery(Session session, Message message, StoredGrant grant, PackedProgress? progress)
    {
        var delivery = new QueuedDelivery(
            message, grant.QualityOfService, grant.Retain, [.. grant.SubscriptionIdentifiers.Select(i => (uint)i)])
        { IsDurable = true };
        if (progress is not null && progress.InFlight.TryGetValue(message.Number, out var flying))
        {
            delivery.PacketId = flying.PacketId;
            delivery.Phase = flying.Released ? DeliveryPhase.Released : DeliveryPhase.Sent;
            delivery.WasSent = true;
        }

        // Sent in the last second before a crash and not noted: DUP is the honest flag for a session that was connected.
        delivery.WasSent |= session.WasConnectedAtCrash && grant.QualityOfService == QualityOfService.AtLeastOnce;
        return delivery;
    }
}
