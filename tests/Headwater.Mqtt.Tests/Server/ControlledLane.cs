using Headwater.Mqtt.Server;

namespace Headwater.Mqtt.Tests.Server;

/// <summary>A durable lane that commits when its test says so, and knows afterwards what a restart would find.</summary>
internal sealed class ControlledLane(StoredSessions? stored = null) : ICommitLane
{
    private readonly Lock _gate = new();
    private readonly Queue<Action> _waiting = new();
    private readonly Dictionary<string, StoredSession> _sessions = (stored?.Sessions ?? []).ToDictionary(s => s.ClientId, StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyList<StoredSubscription>> _subscriptions = stored is null ? new(StringComparer.Ordinal) : new(stored.Subscriptions, StringComparer.Ordinal);
    private readonly Dictionary<string, ProgressSaved> _progress = stored is null ? new(StringComparer.Ordinal) : new(stored.Progress, StringComparer.Ordinal);
    private readonly Dictionary<string, StoredMessage> _retained = (stored?.Retained ?? []).ToDictionary(m => m.Topic, StringComparer.Ordinal);
    private readonly List<StoredQueueEntry> _queue = [.. stored?.Queue ?? []];
    private long _lastNumber = stored?.LastMessageNumber ?? 0;
    private TaskCompletionSource _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isFull;

    internal bool CommitsAtOnce { get; set; }

    /// <summary>Uplinks and refused publishes committed, as topic and payload.</summary>
    internal List<(string ClientId, string Topic, string Payload, ushort PacketId)> Stored { get; } = [];

    internal Func<PublishItem, (PublishOutcome Outcome, string? Words)>? Judge { get; set; }

    internal int Waiting
    {
        get
        {
            lock (_gate) { return _waiting.Count; }
        }
    }

    public bool IsDurable => true;

    public bool IsFull
    {
        get => Volatile.Read(ref _isFull);
        set
        {
            Volatile.Write(ref _isFull, value);
            if (!value) { Interlocked.Exchange(ref _room, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult(); }
        }
    }

    public void Submit(PublishRun run) => Take(() =>
    {
        foreach (ref var item in run.Items)
        {
            if (item.Kind != PublishItemKind.Publish) { continue; }
            (item.Outcome, item.OutcomeText) = Judge?.Invoke(item) ?? (PublishOutcome.Committed, null);
            if (item.Route!.Verdict == TopicVerdict.Broker || item.Outcome == PublishOutcome.OverQuota) { continue; }
            var payload = System.Text.Encoding.UTF8.GetString(run.Bytes.Slice(item.PayloadOffset, item.PayloadLength));
            lock (Stored) { Stored.Add((run.ClientId, item.Route.Topic, payload, item.PacketId)); }
        }

        foreach (var change in run.Changes ?? []) { Apply(change); }
        run.Complete();
    });

    public Task SaveAsync(SessionChange change, CancellationToken cancellationToken)
    {
        var saved = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Take(() =>
        {
            Apply(change);
            saved.TrySetResult();
        });
        return saved.Task.WaitAsync(cancellationToken);
    }

    public void Post(SessionChange change) => Take(() => Apply(change));

    public async ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
    {
        var room = Volatile.Read(ref _room);
        if (IsFull) { await room.Task.WaitAsync(cancellationToken); }
    }

    public Task<StoredSessions> LoadAsync(CancellationToken cancellationToken) => Task.FromResult(Survived());

    /// <summary>Commits the oldest entries.</summary>
    internal void Commit(int count = 1)
    {
        for (; count > 0; count--)
        {
            Action next;
            lock (_gate)
            {
                if (!_waiting.TryDequeue(out next!)) { return; }
            }

            next();
        }
    }

    internal void CommitAll() => Commit(int.MaxValue);

    /// <summary>What a restart would find now.</summary>
    internal StoredSessions Survived()
    {
        lock (_gate)
        {
            var queue = _queue.Where(e => !_progress.TryGetValue(e.ClientId, out var p) || e.Message.Number > p.AcknowledgedThrough).ToList();
            return new StoredSessions([.. _sessions.Values], _subscriptions.ToDictionary(StringComparer.Ordinal), _progress.ToDictionary(StringComparer.Ordinal), queue, [.. _retained.Values], _lastNumber);
        }
    }

    private void Take(Action commit)
    {
        lock (_gate)
        {
            if (!CommitsAtOnce || _waiting.Count > 0)
            {
                _waiting.Enqueue(commit);
                if (!CommitsAtOnce) { return; }
                commit = () => { };
            }
        }

        if (CommitsAtOnce) { CommitAll(); }
        commit();
    }

    private void Apply(SessionChange change)
    {
        lock (_gate)
        {
            switch (change)
            {
                case SessionSaved saved: _sessions[saved.Session.ClientId] = saved.Session; break;
                case SessionRemoved removed:
                    _sessions.Remove(removed.ClientId);
                    _subscriptions.Remove(removed.ClientId);
                    _progress.Remove(removed.ClientId);
                    _queue.RemoveAll(e => string.Equals(e.ClientId, removed.ClientId, StringComparison.Ordinal));
                    break;
                case SubscriptionsSaved saved: _subscriptions[saved.ClientId] = saved.Subscriptions; break;
                case ProgressSaved saved: _progress[saved.ClientId] = saved; break;
                case RetainedSaved { Message: null } cleared: _retained.Remove(cleared.Topic); break;
                case RetainedSaved saved: _retained[saved.Topic] = saved.Message!; break;
                case MessageQueued queued:
                    _lastNumber = Math.Max(_lastNumber, queued.Message.Number);
                    for (var i = 0; i < queued.ClientIds.Count; i++) { _queue.Add(new StoredQueueEntry(queued.ClientIds[i], queued.Message, queued.Grants[i])); }
                    break;
                default: throw new NotSupportedException(change.GetType().Name);
            }
        }
    }
}
