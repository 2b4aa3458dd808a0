namespace Headwater.Mqtt.Server;

/// <summary>One session as the Broker page shows it.</summary>
/// <param name="ClientId">Client identifier.</param>
/// <param name="Name">Name of the identity.</param>
/// <param name="IsConnected">A connection is live.</param>
/// <param name="Listener">Listener it came through, or null.</param>
/// <param name="Remote">Peer address and port, or null.</param>
/// <param name="Version">Protocol version.</param>
/// <param name="KeepAliveSeconds">Keep-alive in force; 0: none.</param>
/// <param name="ExpiryInterval">Seconds the session outlives its connection.</param>
/// <param name="CreatedAt">When the session began.</param>
/// <param name="ConnectedAt">When the last connection signed in, or null after a restart.</param>
/// <param name="DisconnectedAt">When the last connection ended; null while connected.</param>
/// <param name="Subscriptions">Number of subscriptions.</param>
/// <param name="Queued">QoS 1 and 2 messages it still has to get, in flight included.</param>
/// <param name="QueuedBytes">Their bytes.</param>
/// <param name="InFlight">Of these, sent and not acknowledged.</param>
/// <param name="Uncommitted">Messages it published that have not committed yet.</param>
/// <param name="OpenIncoming">QoS 2 packet ids received and not yet released.</param>
/// <param name="HasWill">A will is set.</param>
public sealed record SessionView(
    string ClientId, string Name, bool IsConnected, string? Listener, string? Remote, ProtocolVersion Version, int KeepAliveSeconds,
    uint ExpiryInterval, DateTimeOffset CreatedAt, DateTimeOffset? ConnectedAt, DateTimeOffset? DisconnectedAt, int Subscriptions, int Queued,
    long QueuedBytes, int InFlight, int Uncommitted, int OpenIncoming, bool HasWill);

/// <summary>Which sessions to list.</summary>
/// <param name="Text">Part of the client id or name, any case; null for all.</param>
/// <param name="IsConnected">Only connected or only offline ones; null for both.</param>
/// <param name="Skip">Sessions to leave out at the front, in order of client id.</param>
/// <param name="Take">Sessions to give, at most 1,000.</param>
public sealed record SessionQuery(string? Text = null, bool? IsConnected = null, int Skip = 0, int Take = 100);

/// <summary>One page of a list.</summary>
/// <typeparam name="T">What is listed.</typeparam>
/// <param name="Items">The page.</param>
/// <param name="Total">How many match in all.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, int Total);

/// <summary>One subscription as the Broker page shows it.</summary>
/// <param name="ClientId">Whose.</param>
/// <param name="Subscription">Filter and options.</param>
public sealed record SubscriptionView(string ClientId, StoredSubscription Subscription);

/// <summary>One retained message as the Broker page shows it.</summary>
/// <param name="Topic">Topic name.</param>
/// <param name="QualityOfService">Level it was published at.</param>
/// <param name="Publisher">Client id of its publisher.</param>
/// <param name="PublishedAt">When.</param>
/// <param name="PayloadLength">Length of the payload.</param>
/// <param name="Beginning">Its first bytes, at most 512.</param>
public sealed record RetainedView(
    string Topic, QualityOfService QualityOfService, string Publisher, DateTimeOffset PublishedAt, int PayloadLength, ReadOnlyMemory<byte> Beginning);

/// <summary>The lists behind the Broker page.</summary>
internal static class BrokerLists
{
    private const int MostPerPage = 1_000;

    internal static Page<SessionView> Sessions(MqttServer server, SessionQuery query)
    {
        var matching = server.Sessions.All.Where(s => Matches(s, query)).OrderBy(s => s.ClientId, StringComparer.Ordinal).ToList();
        var page = matching.Skip(Math.Max(0, query.Skip)).Take(Math.Clamp(query.Take, 0, MostPerPage)).Select(View).ToList();
        return new Page<SessionView>(page, matching.Count);
    }

    internal static Page<SubscriptionView> Subscriptions(MqttServer server, string? text, int skip, int take)
    {
        var matching = server.Sessions.All
            .SelectMany(s => server.Subscriptions.SubscriptionsOf(s).Select(sub => new SubscriptionView(s.ClientId, MqttServer.ToStored(sub))))
            .Where(v => text is null || Contains(v.ClientId, text) || Contains(v.Subscription.Filter, text))
            .OrderBy(v => v.Subscription.Filter, StringComparer.Ordinal).ThenBy(v => v.ClientId, StringComparer.Ordinal).ToList();
        return new Page<SubscriptionView>(matching.Skip(Math.Max(0, skip)).Take(Math.Clamp(take, 0, MostPerPage)).ToList(), matching.Count);
    }

    internal static Page<RetainedView> Retained(MqttServer server, string? filter, int skip, int take)
    {
        var matching = server.Retained.Match(filter ?? "#", 100_000);
        var page = matching.OrderBy(m => m.Topic, StringComparer.Ordinal).Skip(Math.Max(0, skip)).Take(Math.Clamp(take, 0, MostPerPage)).Select(m =>
        {
            var payload = m.Content.Payload;
            return new RetainedView(m.Topic, m.QualityOfService, m.Publisher, m.PublishedAt, payload.Length, payload[..Math.Min(512, payload.Length)]);
        }).ToList();
        return new Page<RetainedView>(page, matching.Count);
    }

    internal static SessionView View(Session session)
    {
        lock (session.Gate)
        {
            var connection = session.Connection;
            return new SessionView(
                session.ClientId, session.Identity.Name, connection is not null, connection?.Listener.Name, connection?.Remote, session.Version,
                connection?.KeepAliveSeconds ?? 0, session.ExpiryInterval, session.CreatedAt,
                session.ConnectedAt == default ? null : session.ConnectedAt, session.DisconnectedAt, session.SubscriptionCount, session.QueueCount,
                session.QueueBytes, session.InFlight, connection?.OutstandingMessages ?? 0, session.IncomingOpen, session.Will is not null);
        }
    }

    private static bool Matches(Session session, SessionQuery query) =>
        (query.IsConnected is not { } connected || (session.Connection is not null) == connected)
        && (query.Text is not { Length: > 0 } text || Contains(session.ClientId, text) || Contains(session.Identity.Name, text));

    private static bool Contains(string where, string what) => where.Contains(what, StringComparison.OrdinalIgnoreCase);
}
