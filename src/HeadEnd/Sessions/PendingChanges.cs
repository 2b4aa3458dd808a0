using Headwater.Mqtt.Server;

namespace Headwater.HeadEnd.Sessions;

/// <summary>Changes of broker state that wait for a commit. Of several that replace each other only the last is kept, so that clients which come
/// and go while the database is away make nothing grow: the bound is one change of each kind per client id or topic.</summary>
/// <remarks>Order: a session's head may take its earlier place, since nothing between depends on it; everything else moves to the end, so that a
/// cursor still clears what was queued before it.</remarks>
internal sealed class PendingChanges
{
    private enum Kind : byte
    {
        Session,
        Subscriptions,
        Progress,
        Removal,
        Retained,
    }

    private readonly List<SessionChange?> _changes = [];
    private readonly Dictionary<(Kind, string), int> _standing = [];

    /// <summary>Changes that will be written.</summary>
    internal int Count { get; private set; }

    /// <summary>Bytes held.</summary>
    internal long Weight { get; private set; }

    internal void Add(SessionChange change)
    {
        switch (change)
        {
            case SessionSaved { Session.ClientId: var id } when _standing.TryGetValue((Kind.Session, id), out var at):
                Weight += WeightOf(change) - WeightOf(_changes[at]!);
                _changes[at] = change;
                break;
            case SessionSaved { Session.ClientId: var id }: Append(Kind.Session, id, change); break;
            case SubscriptionsSaved { ClientId: var id }: Append(Kind.Subscriptions, id, change); break;
            case ProgressSaved { ClientId: var id }: Append(Kind.Progress, id, change); break;
            case RetainedSaved { Topic: var topic }: Append(Kind.Retained, topic, change); break;
            case SessionRemoved { ClientId: var id }:
                Void(Kind.Session, id);
                Void(Kind.Subscriptions, id);
                Void(Kind.Progress, id);
                Append(Kind.Removal, id, change);
                break;
            default: Append(change); break;
        }
    }

    /// <summary>What is to be written, in order.</summary>
    internal List<SessionChange> InOrder() => [.. _changes.OfType<SessionChange>()];

    internal void Clear()
    {
        _changes.Clear();
        _standing.Clear();
        Count = 0;
        Weight = 0;
    }

    private static long WeightOf(SessionChange change) => change switch
    {
        MessageQueued q => 384 + q.Message.Payload.Length + q.Message.Properties.Length + (q.ClientIds.Count * 96L),
        RetainedSaved { Message: { } m } => 384 + m.Payload.Length + m.Properties.Length,
        ProgressSaved p => 256 + p.State.Length,
        SubscriptionsSaved s => 256 + (s.Subscriptions.Count * 160L),
        SessionSaved { Session.Will: { } will } => 640 + will.Payload.Length + will.Properties.Length,
        _ => 384,
    };

    private void Append(Kind kind, string id, SessionChange change)
    {
        Void(kind, id);
        _standing[(kind, id)] = _changes.Count;
        Append(change);
    }

    private void Append(SessionChange change)
    {
        _changes.Add(change);
        Count++;
        Weight += WeightOf(change);
    }

    private void Void(Kind kind, string id)
    {
        if (!_standing.Remove((kind, id), out var at)) { return; }
        Weight -= WeightOf(_changes[at]!);
        _changes[at] = null;
        Count--;
        if (_changes.Count > 1_024 && Count < _changes.Count / 2) { Compact(); }
    }

    private void Compact()
    {
        var moved = new int[_changes.Count];
        var next = 0;
        for (var i = 0; i < _changes.Count; i++)
        {
            moved[i] = next;
            if (_changes[i] is { } change) { _changes[next++] = change; }
        }

        _changes.RemoveRange(next, _changes.Count - next);
        foreach (var (key, at) in _standing) { _standing[key] = moved[at]; }
    }
}
