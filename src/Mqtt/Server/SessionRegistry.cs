using System.Collections.Concurrent;

namespace Headwater.Mqtt.Server;

/// <summary>What a CONNECT came to in the registry.</summary>
internal sealed record Attached(Session? Session, bool SessionPresent, Task? Saved, ReasonCode Refusal, string Words)
{
    internal static Attached Refused(ReasonCode reason, string words) => new(null, false, null, reason, words);
}

/// <summary>All sessions by client id: making, resuming, taking over, ending.</summary>
/// <remarks>Whatever changes which connection or session a client id has happens under that id's stripe, durable changes included, so that
/// the lane gets them in the order they happened. Nobody takes a stripe while holding a session's gate.</remarks>
internal sealed class SessionRegistry
{
    private static readonly TimeSpan ContestWindow = TimeSpan.FromMinutes(1);
    private readonly MqttServer _server;
    private readonly ConcurrentDictionary<string, Session> _sessions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _offlineByOwner = new(StringComparer.Ordinal);
    private readonly Lock[] _stripes = new Lock[256];
    private int _count;
    private int _connected;

    internal SessionRegistry(MqttServer server)
    {
        _server = server;
        for (var i = 0; i < _stripes.Length; i++) { _stripes[i] = new Lock(); }
    }

    internal int Count => Volatile.Read(ref _count);

    internal int Connected => Volatile.Read(ref _connected);

    internal ICollection<Session> All => _sessions.Values;

    internal Session? Find(string clientId) => _sessions.GetValueOrDefault(clientId);

    /// <summary>Zero, or how long a CONNECT for a contested client id has to wait.</summary>
    internal TimeSpan ContestDelay(string clientId, ClientConnection connection)
    {
        if (Find(clientId) is not { Connection: not null } session) { return TimeSpan.Zero; }
        var count = session.TakeOvers;
        if (count < _server.Options.TakeOversBeforeDelay || _server.Time.GetElapsedTime(session.TakeOversSince) > ContestWindow) { return TimeSpan.Zero; }
        _server.Contested(clientId, count, connection);
        var delay = TimeSpan.FromMilliseconds(250 * Math.Pow(2, Math.Min(count - _server.Options.TakeOversBeforeDelay, 10)));
        return delay < _server.Options.TakeOverDelayCap ? delay : _server.Options.TakeOverDelayCap;
    }

    /// <summary>Gives a signed-in connection its session.</summary>
    internal Attached Attach(ClientConnection connection, string clientId, MqttIdentity identity, bool clean, uint expiry, Will? will)
    {
        ClientConnection? old = null;
        Attached attached;
        lock (StripeOf(clientId))
        {
            var existing = Find(clientId);
            if (existing is not null && !string.Equals(existing.Owner, identity.Owner, StringComparison.Ordinal))
            {
                return Attached.Refused(ReasonCode.ClientIdentifierNotValid, "client identifier belongs to somebody else");
            }

            if (existing is null && Count >= _server.Options.Sessions)
            {
                return Attached.Refused(ReasonCode.QuotaExceeded, "as many sessions as this server keeps");
            }

            var takeOvers = 0;
            var since = 0L;
            if (existing is not null)
            {
                old = existing.Connection;
                (takeOvers, since) = CountTakeOver(existing, old);
                existing = LeaveOrKeep(existing, old, clean);
            }

            var session = existing ?? Add(new Session(_server, clientId, identity) { CreatedAt = _server.Time.GetUtcNow() });
            lock (session.Gate)
            {
                session.Identity = identity;
                session.Version = connection.Version;
                session.ExpiryInterval = expiry;
                session.Will = will;
                session.DeadlineAt = null;
                session.DisconnectedAt = null;
                session.ConnectedAt = _server.Time.GetUtcNow();
                session.TakeOvers = takeOvers;
                session.TakeOversSince = since;
                session.Connection = connection;
                connection.Session = session;
                Interlocked.Increment(ref _connected);
                if (existing is not null)
                {
                    // The rights may have changed while it was away, or be another identity's of the same owner.
                    session.RightsSeen = -1;
                    _server.ReauthorizeLocked(session);
                }

                session.RightsSeen = identity.RightsVersion;
                attached = new Attached(session, existing is not null, SaveHead(session), ReasonCode.Success, "");
            }
        }

        old?.Close(ReasonCode.SessionTakenOver, "taken over by a new connection");
        return attached;
    }

    /// <summary>A connection has ended: its session waits, or ends with it.</summary>
    internal void Detach(ClientConnection connection, Session session)
    {
        lock (StripeOf(session.ClientId))
        {
            Will? now = null;
            bool ends;
            lock (session.Gate)
            {
                if (session.Connection != connection) { return; } // taken over
                session.Connection = null;
                Interlocked.Decrement(ref _connected);
                session.DisconnectedAt = _server.Time.GetUtcNow();
                if (connection.NewExpiryInterval is { } asked) { session.ExpiryInterval = Cap(asked); }
                if (connection.WillIsDropped) { session.Will = null; }

                // A planned stop looks to the wills like a crash: they are published after the restart unless the client is back in time.
                if (_server.IsStopping && _server.Lane.IsDurable && (session.IsPersistent || session.Will is not null)) { return; }
                ends = !session.IsPersistent || TooManyOffline(session);
                // Until the delay has passed or the session ends, whichever is first [MQTT-3.1.3-9]; the deadline finds out.
                if (ends || session.Will is not { Delay: > 0 })
                {
                    now = session.Will;
                    session.Will = null;
                }
            }

            if (now is not null) { _server.PublishWill(session, now); }
            if (ends)
            {
                Remove(session);
                return;
            }

            CountOffline(session, 1);
            lock (session.Gate)
            {
                ScheduleDeadline(session);
                if (session.IsDurable)
                {
                    session.PostProgressIfDirty();
                    _server.Lane.Post(new SessionSaved(session.ToStored(connected: false)));
                }
            }
        }
    }

    /// <summary>Works off a session whose deadline has come: publishes its will, ends it, or finds the next deadline.</summary>
    internal void DeadlineReached(Session session)
    {
        lock (StripeOf(session.ClientId))
        {
            Will? due = null;
            var expired = false;
            lock (session.Gate)
            {
                if (session.HasEnded || session.Connection is not null || session.DisconnectedAt is null) { return; }
                var now = _server.Time.GetUtcNow();
                if (session.WillDueAt is { } willAt && now >= willAt)
                {
                    due = session.Will;
                    session.Will = null;
                    session.WillDueAt = null;
                }

                expired = ExpiresAt(session) is { } end && now >= end;
                if (expired)
                {
                    due ??= session.Will;
                    session.Will = null;
                }
            }

            if (due is not null) { _server.PublishWill(session, due); }
            if (expired)
            {
                CountOffline(session, -1);
                Remove(session);
                return;
            }

            lock (session.Gate)
            {
                ScheduleDeadline(session);
                if (due is not null && session.IsSaved) { _server.Lane.Post(new SessionSaved(session.ToStored(connected: false))); }
            }
        }
    }

    /// <summary>Ends a session by an operator's wish: it is gone with its queue.</summary>
    internal bool End(string clientId, ReasonCode reason, string words)
    {
        ClientConnection? connection;
        lock (StripeOf(clientId))
        {
            if (Find(clientId) is not { } session) { return false; }
            connection = session.Connection;
            if (connection is not null) { Interlocked.Decrement(ref _connected); }
            else { CountOffline(session, -1); }
            Remove(session);
        }

        connection?.Close(reason, words);
        return true;
    }

    /// <summary>Puts back a session that survived a restart.</summary>
    internal void Restore(Session session, StoredSession stored)
    {
        lock (StripeOf(session.ClientId))
        {
            Add(session);
            session.IsSaved = true;
            session.ExpiryInterval = stored.ExpiryInterval;
            session.Version = stored.Version;
            session.DisconnectedAt = stored.DisconnectedAt ?? _server.Time.GetUtcNow();
            session.WasConnectedAtCrash = stored.IsConnected;
            if (session.Will is { } will)
            {
                var grace = stored.IsConnected ? Math.Max(will.Delay, _server.Options.RestartWillGrace.TotalSeconds) : will.Delay;
                session.WillDueAt = session.DisconnectedAt.Value.AddSeconds(grace);
            }

            CountOffline(session, 1);
            lock (session.Gate) { ScheduleDeadline(session); }
        }
    }

    private Session? LeaveOrKeep(Session existing, ClientConnection? old, bool clean)
    {
        Will? toPublish = null;
        bool ends;
        lock (existing.Gate)
        {
            if (old is not null)
            {
                _server.Statistics.TookOver();
                Interlocked.Decrement(ref _connected);
                existing.Connection = null;
            }
            else { CountOffline(existing, -1); }

            // Section 3.1.4: the will of a connection taken over is published unless the session goes on and its delay is not 0.
            // One that waits since before a restart is dropped: its client is back.
            ends = clean || (!existing.IsPersistent && !existing.WasConnectedAtCrash) || !existing.IsPersistent;
            if (!existing.WasConnectedAtCrash && existing.Will is { } will && (ends || (old is not null && will.Delay == 0))) { toPublish = will; }
            existing.Will = null;
            existing.WillDueAt = null;
            existing.WasConnectedAtCrash = false;
        }

        if (toPublish is not null) { _server.PublishWill(existing, toPublish); }
        if (!ends) { return existing; }
        Remove(existing);
        return null;
    }

    private (int Count, long Since) CountTakeOver(Session existing, ClientConnection? old)
    {
        if (old is null) { return (existing.TakeOvers, existing.TakeOversSince); }
        return existing.TakeOvers == 0 || _server.Time.GetElapsedTime(existing.TakeOversSince) > ContestWindow
            ? (1, _server.Time.GetTimestamp())
            : (existing.TakeOvers + 1, existing.TakeOversSince);
    }

    private Task SaveHead(Session session)
    {
        var lane = _server.Lane;
        if (!lane.IsDurable) { return Task.CompletedTask; }
        if (!session.IsDurable && session.Will is null)
        {
            if (session.IsSaved)
            {
                session.IsSaved = false;
                lane.Post(new SessionRemoved(session.ClientId));
            }

            return Task.CompletedTask;
        }

        session.IsSaved = true;
        return lane.SaveAsync(new SessionSaved(session.ToStored(connected: true)), CancellationToken.None);
    }

    private Session Add(Session session)
    {
        if (_sessions.TryAdd(session.ClientId, session)) { Interlocked.Increment(ref _count); }
        return session;
    }

    private void Remove(Session session)
    {
        _server.Subscriptions.RemoveAll(session);
        lock (session.Gate)
        {
            if (session.HasEnded) { return; }
            session.SubscriptionCount = 0;
            session.End();
        }

        if (_sessions.TryRemove(new KeyValuePair<string, Session>(session.ClientId, session))) { Interlocked.Decrement(ref _count); }
        if (session.IsSaved) { _server.Lane.Post(new SessionRemoved(session.ClientId)); }
    }

    /// <summary>Plans the session's next look: its will's delay or its expiry, whichever comes first. Under its gate.</summary>
    private void ScheduleDeadline(Session session)
    {
        if (session.Will is { } will) { session.WillDueAt ??= session.DisconnectedAt!.Value.AddSeconds(will.Delay); }
        var next = ExpiresAt(session);
        if (session.Will is not null && (next is null || session.WillDueAt < next)) { next = session.WillDueAt; }
        if (next is { } at) { _server.Heartbeat.Schedule(session, at); }
    }

    private DateTimeOffset? ExpiresAt(Session session)
    {
        if (session.ExpiryInterval == 0 && session.Will is not null && session.WasConnectedAtCrash) { return session.WillDueAt; }
        return session.ExpiryInterval == uint.MaxValue ? null : session.DisconnectedAt?.AddSeconds(session.ExpiryInterval);
    }

    private uint Cap(uint seconds) => _server.Options.SessionExpiryCap.TotalSeconds >= uint.MaxValue
        ? seconds : (uint)Math.Min(seconds, _server.Options.SessionExpiryCap.TotalSeconds);

    private bool TooManyOffline(Session session) => _offlineByOwner.GetValueOrDefault(session.Owner) >= _server.Options.SessionsPerOwner;

    private void CountOffline(Session session, int change)
    {
        if (_offlineByOwner.AddOrUpdate(session.Owner, Math.Max(0, change), (_, count) => Math.Max(0, count + change)) == 0)
        {
            _offlineByOwner.TryRemove(new KeyValuePair<string, int>(session.Owner, 0));
        }
    }

    private Lock StripeOf(string clientId) => _stripes[StringComparer.Ordinal.GetHashCode(clientId) & 255];
}
