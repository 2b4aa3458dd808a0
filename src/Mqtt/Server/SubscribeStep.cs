using System.Text;
using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Server;

/// <summary>SUBSCRIBE and UNSUBSCRIBE: judged filter by filter, made durable, answered, then the retained messages.</summary>
internal static class SubscribeStep
{
    /// <summary>Retained messages sent for one filter. They go at the client's pace, so this bounds one list of references only.</summary>
    private const int MaximumRetainedPerFilter = 1_000_000;

    /// <summary>Above this the read loop does not wait for them: the client's acknowledgements make the room they need.</summary>
    private const int SentAtOnce = 256;

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    internal static async Task SubscribeAsync(MqttServer server, ClientConnection connection, SubscribePacket packet)
    {
        var session = connection.Session!;
        var reasons = new ReasonCode[packet.Subscriptions.Count];
        var retained = new List<(TopicSubscription Granted, bool IsNew)>();
        Task? saved = null;
        lock (session.Gate)
        {
            if (session.Connection != connection || session.HasEnded) { return; }
            for (var i = 0; i < reasons.Length; i++) { reasons[i] = Judge(server, session, packet, packet.Subscriptions[i], retained); }
            if (session.IsDurable && retained.Count > 0) { saved = server.Lane.SaveAsync(server.SubscriptionsOf(session), connection.Closing); }
        }

        if (saved is not null) { await saved; }
        lock (connection.Outbound.Gate)
        {
            if (connection.Outbound.IsClosed) { return; }
            SubAckPacket.Write(connection.Outbound, new SubAckPacket { PacketId = packet.PacketId, Reasons = reasons }, connection.Version);
        }

        foreach (var (granted, isNew) in retained)
        {
            if (granted.RetainHandling == RetainHandling.DoNotSend || (granted.RetainHandling == RetainHandling.SendIfNew && !isNew)) { continue; }
            if (TopicFilter.IsShared(granted.Filter)) { continue; } // section 4.8.2: none for shared subscriptions
            var found = server.Retained.Match(granted.Filter, MaximumRetainedPerFilter);
            var sending = SendRetainedAsync(server, connection, granted, packet.SubscriptionIdentifier, found);
            if (found.Count <= SentAtOnce || !connection.BeginsFeeding()) { await sending; }
            else { _ = EndFeedingAsync(connection, sending); }
        }

        connection.Outbound.Flush();
    }

    internal static async Task UnsubscribeAsync(MqttServer server, ClientConnection connection, UnsubscribePacket packet)
    {
        var session = connection.Session!;
        var reasons = new ReasonCode[packet.Filters.Count];
        Task? saved = null;
        lock (session.Gate)
        {
            if (session.Connection != connection || session.HasEnded) { return; }
            var any = false;
            for (var i = 0; i < reasons.Length; i++)
            {
                var existed = server.Subscriptions.Unsubscribe(session, packet.Filters[i]);
                if (existed) { session.SubscriptionCount--; }
                any |= existed;
                reasons[i] = existed ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted;
            }

            if (any && session.IsDurable) { saved = server.Lane.SaveAsync(server.SubscriptionsOf(session), connection.Closing); }
        }

        if (saved is not null) { await saved; }
        lock (connection.Outbound.Gate)
        {
            if (connection.Outbound.IsClosed) { return; }
            UnsubAckPacket.Write(
                connection.Outbound,
                new UnsubAckPacket { PacketId = packet.PacketId, Reasons = connection.Version == ProtocolVersion.V5 ? reasons : [] },
                connection.Version);
        }

        connection.Outbound.Flush();
    }

    private static ReasonCode Judge(
        MqttServer server, Session session, SubscribePacket packet, TopicSubscription asked, List<(TopicSubscription Granted, bool IsNew)> retained)
    {
        TopicFilter.Split(asked.Filter, out _, out var inner);
        if (asked.Filter.StartsWith("$share", StringComparison.Ordinal) && !TopicFilter.IsValid(asked.Filter))
        {
            return ReasonCode.TopicFilterInvalid;
        }

        if (Encoding.UTF8.GetByteCount(asked.Filter) > server.Options.TopicLength) { return Refused(ReasonCode.TopicFilterInvalid); }
        // 0x80 in both versions: the public suites the rule is for know no other.
        if (server.IsRefusedByRule(inner)) { return Refused(ReasonCode.UnspecifiedError); }
        if (!server.Access.MaySubscribe(session.Identity, inner)) { return Refused(ReasonCode.NotAuthorized); }
        if (session.SubscriptionCount >= server.Options.SubscriptionsPerSession && !server.HasSubscription(session, asked.Filter))
        {
            return Refused(ReasonCode.QuotaExceeded);
        }

        switch (server.Subscriptions.Subscribe(session, asked, packet.SubscriptionIdentifier))
        {
            case SubscribeOutcome.Added:
                session.SubscriptionCount++;
                retained.Add((asked, true));
                return (ReasonCode)asked.QualityOfService;
            case SubscribeOutcome.Replaced:
                retained.Add((asked, false));
                return (ReasonCode)asked.QualityOfService;
            default:
                return Refused(ReasonCode.TopicFilterInvalid);
        }

        ReasonCode Refused(ReasonCode reason)
        {
            server.Statistics.SubscribeRefused();
            return reason;
        }
    }

    private static async Task EndFeedingAsync(ClientConnection connection, Task sending)
    {
        await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        connection.EndsFeeding();
    }

    private static async Task SendRetainedAsync(
        MqttServer server, ClientConnection connection, TopicSubscription granted, uint? identifier, List<Message> found)
    {
        var session = connection.Session!;
        uint[] identifiers = identifier is { } known ? [known] : [];
        var batch = DeliveryBatch.Rent();
        for (var i = 0; i < found.Count; i++)
        {
            var message = found[i];
            if (message.Topic[0] == '$' && !server.Access.MayReceive(session.Identity, message.Topic)) { continue; }
            if (granted.NoLocal && string.Equals(message.Publisher, session.ClientId, StringComparison.Ordinal)) { continue; }

            // Replaced since: the newer one went out by the subscription, an older copy must not follow it.
            if (i > 0 && !server.Retained.Holds(message)) { continue; }
            var level = message.QualityOfService < granted.QualityOfService ? message.QualityOfService : granted.QualityOfService;
            FanOut.Send(server, message, session, level, retain: true, identifiers, batch);
            if (i % SentAtOnce != SentAtOnce - 1) { continue; }
            batch.FlushAndReturn();

            // A large answer goes at the client's pace instead of being dropped.
            if (connection.Outbound.IsBehind) { await connection.Outbound.WaitForRoomAsync(); }
            while (connection.IsOpen && session.QueueCount > server.Options.QueueMessages / 2) { await Task.Delay(Pace, server.Time); }
            if (!connection.IsOpen) { return; }
            batch = DeliveryBatch.Rent();
        }

        batch.FlushAndReturn();
    }
}
