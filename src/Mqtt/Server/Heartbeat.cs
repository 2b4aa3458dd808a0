using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Headwater.Mqtt.Server;

/// <summary>One tick a second for everything that has to do with time, instead of a timer for each connection.</summary>
/// <remarks>Keep-alive, CONNECT time-out, write stalls, farewells not taken, will delays, session expiries, progress to save, rights that
/// changed, <c>$SYS</c> figures. Tests drive it with fake time.</remarks>
internal sealed class Heartbeat(MqttServer server) : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>No entry lies further ahead, so that sessions that come and go leave no long trail of stale ones.</summary>
    private static readonly TimeSpan Horizon = TimeSpan.FromHours(1);

    private readonly Lock _gate = new();
    private readonly PriorityQueue<(Session Session, DateTimeOffset At), DateTimeOffset> _deadlines = new();
    private readonly ConcurrentQueue<Session> _progress = new();
    private readonly ConcurrentQueue<(BaseConnectionContext Context, long Since)> _lingering = new();
    private ITimer? _timer;
    private DateTimeOffset _systemTopicsAt;
    private int _ticking;

    internal void Start() => _timer = server.Time.CreateTimer(static state => ((Heartbeat)state!).Tick(), this, Period, Period);

    public void Dispose() => _timer?.Dispose();

    /// <summary>Cuts a transport whose peer does not take the last bytes: it would keep socket and buffers for ever.</summary>
    internal void Linger(BaseConnectionContext context)
    {
        // Without a token (WebSocket) the HTTP server has time-outs of its own.
        if (context.ConnectionClosed is { CanBeCanceled: true, IsCancellationRequested: false }) { _lingering.Enqueue((context, server.Time.GetTimestamp())); }
    }

    internal void ProgressToSave(Session session) => _progress.Enqueue(session);

    /// <summary>Looks at a session again at a time. Under its gate.</summary>
    internal void Schedule(Session session, DateTimeOffset at)
    {
        var latest = server.Time.GetUtcNow() + Horizon;
        if (at > latest) { at = latest; }
        if (session.DeadlineAt is { } planned && planned <= at) { return; }
        session.DeadlineAt = at;
        lock (_gate) { _deadlines.Enqueue((session, at), at); }
    }

    internal void Tick()
    {
        // A tick that takes longer than its period is not run twice at once.
        if (Interlocked.Exchange(ref _ticking, 1) == 1) { return; }
        try
        {
            foreach (var connection in server.Connections) { Look(connection); }
            CutLingering();
            WorkOffDeadlines();
            SaveProgress();
            PublishSystemTopics();
        }
        catch (Exception fault)
        {
            server.Logger.HeartbeatFailed(fault);
        }
        finally
        {
            Volatile.Write(ref _ticking, 0);
        }
    }

    internal void SaveProgress()
    {
        for (var count = _progress.Count; count > 0 && _progress.TryDequeue(out var session); count--) { session.PostProgressIfDirty(); }
    }

    private void Look(ClientConnection connection)
    {
        var options = server.Options;
        if (!connection.IsOpen)
        {
            if (server.Time.GetElapsedTime(connection.ClosedAt) > options.ShutdownGrace) { connection.Abort(); }
            return;
        }

        if (!connection.IsSignedIn)
        {
            if (!connection.IsBeingJudged && server.Time.GetElapsedTime(connection.AcceptedAt) >= options.ConnectTimeout)
            {
                server.Refused(connection, "", ReasonCode.MaximumConnectTime, "no CONNECT in time");
                connection.Close(ReasonCode.MaximumConnectTime, "no CONNECT in time");
            }

            return;
        }

        server.Statistics.BytesSent(connection.Outbound.TakeWritten());
        if (connection.Outbound.BehindFor() >= options.WriteStallTimeout)
        {
            connection.Close(ReasonCode.UnspecifiedError, "does not take what it is sent");
            connection.Abort();
            return;
        }

        if (!connection.IsPaused && connection.SilenceAllowed > TimeSpan.Zero
            && server.Time.GetElapsedTime(connection.LastReceived) > connection.SilenceAllowed)
        {
            connection.Close(ReasonCode.KeepAliveTimeout, "keep-alive time-out");
            return;
        }

        if (connection.Session is { } session && session.RightsSeen != session.Identity.RightsVersion) { server.Reauthorize(session); }
    }

    private void CutLingering()
    {
        while (_lingering.TryPeek(out var oldest) && server.Time.GetElapsedTime(oldest.Since) > server.Options.ShutdownGrace)
        {
            _lingering.TryDequeue(out _);
            if (!oldest.Context.ConnectionClosed.IsCancellationRequested) { oldest.Context.Abort(new ConnectionAbortedException("does not take its last bytes")); }
        }
    }

    private void WorkOffDeadlines()
    {
        var now = server.Time.GetUtcNow();
        while (true)
        {
            Session session;
            lock (_gate)
            {
                if (!_deadlines.TryPeek(out var entry, out var at) || at > now) { return; }
                _deadlines.Dequeue();
                session = entry.Session;
                if (session.DeadlineAt != entry.At) { continue; }
            }

            lock (session.Gate) { session.DeadlineAt = null; }
            server.Sessions.DeadlineReached(session);
        }
    }

    private void PublishSystemTopics()
    {
        var now = server.Time.GetUtcNow();
        if (now < _systemTopicsAt) { return; }
        _systemTopicsAt = now + server.Options.SystemTopicInterval;
        SystemTopics.Publish(server);
    }
}
