using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Topics;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Headwater.Mqtt.Server;

/// <summary>The MQTT server: owns sessions, subscriptions, retained messages and figures. One per process.</summary>
/// <remarks>
/// <code>
/// Kestrel --MqttConnectionHandler--> ClientConnection --InboundPublishes--> ICommitLane
///                                        |  sign-in: ConnectStep               |
///                                    Session &lt;---- FanOut &lt;---- committed run --+
/// </code>
/// Knows bytes and topics, not meters: rights and what an uplink is come from <see cref="IMqttAccess"/>, durability from
/// <see cref="ICommitLane"/>. <see cref="StartAsync"/> must have completed before the first listener opens.
/// </remarks>
public sealed class MqttServer : IAsyncDisposable
{
    private readonly ConcurrentDictionary<long, ClientConnection> _connections = new();
    private readonly ConcurrentDictionary<IPAddress, int> _byAddress = new();
    private readonly ConnectionEventRing _events = new(1_000);
    private long _lastConnection;
    private long _lastMessageNumber;
    private long _lastServerRun;
    private int _unsigned;
    private int _stopping;

    /// <summary>Made by the container.</summary>
    /// <param name="options">Limits; all mistakes are reported at once.</param>
    /// <param name="access">Who may do what.</param>
    /// <param name="lane">The way to durable storage.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public MqttServer(IOptions<MqttServerOptions> options, IMqttAccess access, ICommitLane lane, TimeProvider time, ILogger<MqttServer> logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options.Value;
        var mistakes = Options.Validate();
        if (mistakes.Count > 0) { throw new ArgumentException(string.Join(" ", mistakes), nameof(options)); }
        Access = access;
        Lane = lane;
        Time = time;
        Logger = logger;
        LogBudget = new LogBudget(time);
        Tap = new MessageTap(time);
        Subscriptions = new SubscriptionTree<Session>(Options.TopicLevels);
        Retained = new RetainedStore(this);
        SignIns = new SignInThrottle(Options, time);
        Sessions = new SessionRegistry(this);
        Heartbeat = new Heartbeat(this);
    }

    /// <summary>The limits in force.</summary>
    public MqttServerOptions Options { get; }

    /// <summary>Counters.</summary>
    public MqttServerStatistics Statistics { get; } = new();

    /// <summary>A window on passing messages.</summary>
    public MessageTap Tap { get; }

    internal IMqttAccess Access { get; }

    internal ICommitLane Lane { get; }

    internal TimeProvider Time { get; }

    internal ILogger Logger { get; }

    internal LogBudget LogBudget { get; }

    internal SubscriptionTree<Session> Subscriptions { get; }

    internal RetainedStore Retained { get; }

    internal SignInThrottle SignIns { get; }

    internal SessionRegistry Sessions { get; }

    internal Heartbeat Heartbeat { get; }

    internal OutboundTotals OutboundTotals { get; } = new();

    /// <summary>Held while a message gets its number and its places in durable queues, so that numbers rise in each.</summary>
    internal Lock Numbering { get; } = new();

    internal ICollection<ClientConnection> Connections => _connections.Values;

    internal bool IsStopping => Volatile.Read(ref _stopping) == 1;

    /// <summary>Restores what survived and starts the heartbeat.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var stored = await Lane.LoadAsync(cancellationToken);
        await new SessionRestore(this, stored).RunAsync(cancellationToken);
        _lastMessageNumber = Math.Max(_lastMessageNumber, stored.LastMessageNumber);
        Heartbeat.Start();
        Logger.Started(Sessions.Count, stored.Queue.Count, Retained.Count);
    }

    /// <summary>Tells every client that the server goes (0x8B) and ends the connections.</summary>
    /// <param name="cancellationToken">Ends the wait for their last bytes.</param>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _stopping, 1) == 1) { return; }
        var open = _connections.Values.ToList();
        foreach (var connection in open) { connection.Close(ReasonCode.ServerShuttingDown, "server shutting down"); }
        var until = Time.GetTimestamp();
        while (!_connections.IsEmpty && Time.GetElapsedTime(until) < Options.ShutdownGrace && !cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        foreach (var connection in _connections.Values) { connection.Abort(); }
        Heartbeat.SaveProgress();
        Heartbeat.Dispose();
        Logger.Stopped(open.Count);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        SignIns.Dispose();
    }

    /// <summary>Serves one connection until it ends.</summary>
    /// <param name="context">The transport.</param>
    /// <param name="listener">The door it came through.</param>
    public Task ServeAsync(ConnectionContext context, MqttListener listener)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(listener);
        var connection = new ClientConnection(this, context, listener, Interlocked.Increment(ref _lastConnection));
        Statistics.Accepted();
        if (Admit(connection) is { } refusal)
        {
            Refused(connection, "", ReasonCode.ConnectionRateExceeded, refusal);
            Statistics.Closed(ReasonCode.ConnectionRateExceeded);
            context.Abort(new ConnectionAbortedException(refusal));
            return Task.CompletedTask;
        }

        _connections[connection.Number] = connection;
        Interlocked.Increment(ref _unsigned);
        return connection.RunAsync();
    }

    /// <summary>Figures as they are now.</summary>
    public MqttServerFigures Figures() => Statistics.Snapshot() with
    {
        Sessions = Sessions.Count,
        ConnectedSessions = Sessions.Connected,
        Subscriptions = Subscriptions.Count,
        Retained = Retained.Count,
        RetainedBytes = Retained.Bytes,
        OutboundWaiting = OutboundTotals.Waiting,
    };

    /// <summary>A page of sessions in order of client id.</summary>
    /// <param name="query">Which.</param>
    public Page<SessionView> ListSessions(SessionQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        return BrokerLists.Sessions(this, query);
    }

    /// <summary>One session, or null.</summary>
    /// <param name="clientId">Client identifier.</param>
    public SessionView? FindSession(string clientId) => Sessions.Find(clientId) is { } session ? BrokerLists.View(session) : null;

    /// <summary>A page of subscriptions in order of filter.</summary>
    /// <param name="text">Part of client id or filter, or null for all.</param>
    /// <param name="skip">Entries to leave out at the front.</param>
    /// <param name="take">Entries to give, at most 1,000.</param>
    public Page<SubscriptionView> ListSubscriptions(string? text, int skip, int take) => BrokerLists.Subscriptions(this, text, skip, take);

    /// <summary>A page of retained messages in order of topic.</summary>
    /// <param name="filter">Topic filter, or null for all that do not begin with <c>$</c>.</param>
    /// <param name="skip">Entries to leave out at the front.</param>
    /// <param name="take">Entries to give, at most 1,000.</param>
    public Page<RetainedView> ListRetained(string? filter, int skip, int take) => BrokerLists.Retained(this, filter, skip, take);

    /// <summary>The last connection events, newest first.</summary>
    /// <param name="count">At most this many; 1,000 are kept.</param>
    public IReadOnlyList<ConnectionEvent> LatestEvents(int count) => _events.Latest(count);

    /// <summary>Publishes a message of the product's own. Completes once every queue that survives a restart holds it.</summary>
    /// <param name="topic">Valid topic name.</param>
    /// <param name="payload">The application's bytes.</param>
    /// <param name="level">QoS it is published at.</param>
    /// <param name="retain">Kept for later subscribers; an empty payload clears.</param>
    /// <param name="properties">MQTT 5 properties, or null.</param>
    /// <param name="cancellationToken">Ends the wait, not the publish.</param>
    /// <exception cref="ArgumentException">The topic is not a valid topic name.</exception>
    public Task PublishAsync(
        string topic, ReadOnlyMemory<byte> payload, QualityOfService level = QualityOfService.AtLeastOnce, bool retain = false,
        PublishProperties? properties = null, CancellationToken cancellationToken = default)
    {
        if (!TopicName.IsValid(topic)) { throw new ArgumentException("not a valid topic name", nameof(topic)); }
        var message = Message.From(EncodedPublish.Encode(topic, payload.Span, properties), topic, level, retain, "", Time.GetUtcNow());
        return Publish(message, "", ServerItself, new TopicRoute(topic, TopicVerdict.Broker)).WaitAsync(cancellationToken);
    }

    /// <summary>Ends the connections of all clients that a predicate names, for example when a credential is revoked.</summary>
    /// <param name="isMeant">Client id and identity.</param>
    /// <param name="reason">Reason code told to MQTT 5 clients.</param>
    /// <param name="words">The reason in words.</param>
    /// <returns>How many connections were ended.</returns>
    public int Disconnect(Func<string, MqttIdentity, bool> isMeant, ReasonCode reason, string words)
    {
        ArgumentNullException.ThrowIfNull(isMeant);
        var ended = 0;
        foreach (var session in Sessions.All)
        {
            if (session.Connection is { } connection && isMeant(session.ClientId, session.Identity))
            {
                connection.Close(reason, words);
                ended++;
            }
        }

        return ended;
    }

    /// <summary>Ends a session with its queue and its connection.</summary>
    /// <param name="clientId">Client identifier.</param>
    /// <returns>False when there is none.</returns>
    public bool EndSession(string clientId) => Sessions.End(clientId, ReasonCode.AdministrativeAction, "session ended by an operator");

    /// <summary>Checks everything an identity's sessions hold against its rights as they are now: subscriptions, queued messages, will.</summary>
    /// <param name="identity">The identity; sessions of the same owner are meant.</param>
    public void Reauthorize(MqttIdentity identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        foreach (var session in Sessions.All)
        {
            if (!string.Equals(session.Owner, identity.Owner, StringComparison.Ordinal)) { continue; }
            lock (session.Gate)
            {
                session.RightsSeen = session.Identity.RightsVersion - 1;
                ReauthorizeLocked(session);
            }
        }
    }

    internal static MqttIdentity ServerItself { get; } = new ServerIdentity("server", "server");

    internal static StoredSubscription ToStored(Subscription<Session> subscription) => new(
        subscription.Filter, subscription.QualityOfService, subscription.NoLocal, subscription.RetainAsPublished,
        (byte)subscription.Granted.RetainHandling, (int)(subscription.Identifier ?? 0));

    internal long NextMessageNumber() => ++_lastMessageNumber; // under Numbering

    internal void StartNumbersAfter(long number) => _lastMessageNumber = Math.Max(_lastMessageNumber, number);

    internal TopicRoute RoutePublish(MqttIdentity identity, string topic) =>
        topic.StartsWith("$SYS/", StringComparison.Ordinal) || IsRefusedByRule(topic)
            ? new RefusedByRule(topic)
            : Access.RoutePublish(identity, topic);

    /// <summary>Refused by the server's own rule and not by rights: nothing for the lane's quarantine.</summary>
    internal bool IsRefusedByRule(TopicRoute route) => route is RefusedByRule;

    /// <summary>Whether the rule names this topic, or this filter or a wider one at the same place; <c>#</c> alone stays open to everybody.</summary>
    internal bool IsRefusedByRule(string topicOrFilter) => Options.RefusedTopicFilter is { } rule && TopicFilter.Matches(rule, topicOrFilter);

    internal bool HasSubscription(Session session, string filter) =>
        Subscriptions.SubscriptionsOf(session).Any(s => string.Equals(s.Filter, filter, StringComparison.Ordinal));

    internal SubscriptionsSaved SubscriptionsOf(Session session) =>
        new(session.ClientId, Subscriptions.SubscriptionsOf(session).Select(ToStored).ToList());

    internal void ProgressToSave(Session session) => Heartbeat.ProgressToSave(session);

    internal void Reauthorize(Session session)
    {
        lock (session.Gate) { ReauthorizeLocked(session); }
    }

    /// <summary>Under the session's gate.</summary>
    internal void ReauthorizeLocked(Session session)
    {
        var identity = session.Identity;
        if (session.RightsSeen == identity.RightsVersion || session.HasEnded) { return; }
        session.RightsSeen = identity.RightsVersion;
        var removed = false;
        foreach (var subscription in Subscriptions.SubscriptionsOf(session))
        {
            TopicFilter.Split(subscription.Filter, out _, out var inner);
            if (Access.MaySubscribe(identity, inner)) { continue; }
            if (Subscriptions.Unsubscribe(session, subscription.Filter)) { session.SubscriptionCount--; }
            removed = true;
        }

        session.FilterQueue(topic => Access.MayReceive(identity, topic));
        var willDropped = session.Will is { } will && RoutePublish(identity, will.Message.Topic).Verdict == TopicVerdict.Refused;
        if (willDropped) { session.Will = null; }
        if (removed && session.IsDurable) { Lane.Post(SubscriptionsOf(session)); }
        if (willDropped && session.IsSaved) { Lane.Post(new SessionSaved(session.ToStored(session.Connection is not null))); }
    }

    internal void PublishWill(Session session, Will will)
    {
        var route = session.Identity is ServerIdentity
            ? new TopicRoute(will.Message.Topic, TopicVerdict.Broker)
            : RoutePublish(session.Identity, will.Message.Topic);
        if (route.Verdict == TopicVerdict.Refused)
        {
            Statistics.PublishRefused();
            return;
        }

        Statistics.WillPublished();
        var now = Time.GetUtcNow();
        var message = new Message
        {
            Content = will.Message.Content,
            Topic = will.Message.Topic,
            QualityOfService = will.Message.QualityOfService,
            Retain = will.Message.Retain,
            Publisher = session.ClientId,
            PublishedAt = now,
            ExpiresAt = will.Message.Content.MessageExpiryInterval is { } seconds ? now.AddSeconds(seconds) : null,
        };
        _ = Publish(message, session.ClientId, session.Identity, route);
    }

    /// <summary>Publishes at once where nothing has to survive, else through the lane.</summary>
    internal Task Publish(Message message, string clientId, MqttIdentity identity, TopicRoute route)
    {
        if (Tap.IsOpen) { Tap.Saw(clientId, message.Topic, message.QualityOfService, message.Retain, message.Content.Payload.Span); }
        var run = new ServerRun(this, clientId, identity, route, message);
        if (route.Verdict == TopicVerdict.Broker && run.Changes is null) { run.Complete(); }
        else { Lane.Submit(run); }
        return run.Completed;
    }

    /// <summary>The peer has taken what it was behind with: its queue goes on.</summary>
    internal void CaughtUp(ClientConnection connection)
    {
        if (connection.Session is not { } session) { return; }
        lock (session.Gate)
        {
            if (session.Connection == connection) { session.Pump(); }
        }

        connection.Outbound.Flush();
    }

    internal void ConnectedNow(ClientConnection connection, Session session)
    {
        Interlocked.Decrement(ref _unsigned);
        Statistics.Connected();
        Note(ConnectionEventKind.Connected, connection, session.ClientId, session.Identity.Name, ReasonCode.Success, "connected");
        Logger.Connected(session.ClientId, session.Identity.Name, connection.Listener.Name, connection.Remote);
        session.Identity.Connected(connection.Remote);
    }

    internal void SignInFailed(Exception fault)
    {
        if (LogBudget.Allows("sign-in failed", out var suppressed)) { Logger.SignInFailed(fault, suppressed); }
    }

    internal void NoteAnonymousListener(string name) => Logger.AnonymousListener(name);

    /// <summary>A TLS handshake failed: the peer never came as far as MQTT.</summary>
    internal void HandshakeFailed(BaseConnectionContext context, MqttListener listener, string words)
    {
        Statistics.ConnectRefused();
        var remote = context.RemoteEndPoint?.ToString() ?? "unknown";
        _events.Add(new ConnectionEvent(Time.GetUtcNow(), ConnectionEventKind.Refused, "", "", listener.Name, remote, ReasonCode.NotAuthorized, words));
        if (LogBudget.Allows("handshake", out var suppressed)) { Logger.Refused(remote, listener.Name, "", ReasonCode.NotAuthorized, words, suppressed); }
    }

    internal long NextServerRun() => Interlocked.Decrement(ref _lastServerRun);

    /// <summary>A connection was refused before or at sign-in.</summary>
    internal void Refused(ClientConnection connection, string clientId, ReasonCode reason, string words)
    {
        Statistics.ConnectRefused();
        Note(ConnectionEventKind.Refused, connection, clientId, "", reason, words);
        if (LogBudget.Allows("refused " + reason, out var suppressed))
        {
            Logger.Refused(connection.Remote, connection.Listener.Name, clientId, reason, words, suppressed);
        }
    }

    /// <summary>A signed-in client broke the protocol.</summary>
    internal void Violated(ClientConnection connection, ParseVerdict verdict)
    {
        Statistics.Malformed();
        if (LogBudget.Allows("violated " + verdict.Reason, out var suppressed))
        {
            Logger.Malformed(connection.Session?.ClientId ?? "", connection.Remote, verdict.Reason, verdict.Explanation ?? "", suppressed);
        }

        connection.Close(verdict.Reason, verdict.Explanation ?? "protocol error");
    }

    internal void Contested(string clientId, int count, ClientConnection connection)
    {
        Note(ConnectionEventKind.Contested, connection, clientId, "", ReasonCode.SessionTakenOver, "two clients keep taking this client id from each other");
        if (LogBudget.Allows("contested", out var suppressed)) { Logger.Contested(clientId, count, connection.Remote, suppressed); }
    }

    /// <summary>A connection has ended, for whatever reason.</summary>
    internal void Ended(ClientConnection connection)
    {
        if (connection.Session is { } session) { Sessions.Detach(connection, session); }
        Statistics.BytesSent(connection.Outbound.TakeWritten());
    }

    /// <summary>Nothing is left of a connection.</summary>
    internal void Gone(ClientConnection connection)
    {
        if (!_connections.TryRemove(connection.Number, out _)) { return; }
        Heartbeat.Linger(connection.Context);
        Statistics.Closed(connection.EndReason);
        if (!connection.IsSignedIn) { Interlocked.Decrement(ref _unsigned); }
        if (CountsByAddress(connection) && _byAddress.AddOrUpdate(connection.RemoteAddress, 0, (_, count) => count - 1) <= 0)
        {
            _byAddress.TryRemove(new KeyValuePair<IPAddress, int>(connection.RemoteAddress, 0));
        }

        if (connection is { IsSignedIn: true, Session: { } session })
        {
            Note(ConnectionEventKind.Disconnected, connection, session.ClientId, session.Identity.Name, connection.EndReason, connection.EndWords);
            Logger.Disconnected(session.ClientId, connection.Listener.Name, connection.Remote, connection.EndReason, connection.EndWords);
            session.Identity.Disconnected();
        }
    }

    private static bool CountsByAddress(ClientConnection connection) => !IPAddress.IsLoopback(connection.RemoteAddress);

    private string? Admit(ClientConnection connection)
    {
        if (IsStopping) { return "server shutting down"; }
        if (_connections.Count >= Options.Connections) { return "as many connections as this server takes"; }
        if (Volatile.Read(ref _unsigned) >= Options.UnsignedConnections) { return "as many connections wait for sign-in as this server takes"; }
        if (CountsByAddress(connection) && _byAddress.AddOrUpdate(connection.RemoteAddress, 1, (_, count) => count + 1) > Options.ConnectionsPerAddress)
        {
            _byAddress.AddOrUpdate(connection.RemoteAddress, 0, (_, count) => count - 1);
            return "as many connections as this server takes from one address";
        }

        return null;
    }

    private void Note(ConnectionEventKind kind, ClientConnection connection, string clientId, string name, ReasonCode reason, string words) =>
        _events.Add(new ConnectionEvent(Time.GetUtcNow(), kind, clientId, name, connection.Listener.Name, connection.Remote, reason, words));

    private sealed class RefusedByRule(string topic) : TopicRoute(topic, TopicVerdict.Refused);
}
