namespace Headwater.Mqtt.Client;

/// <summary>Outgoing QoS 1 and 2 messages: packet ids, the server's quota, what waits, what is sent again. Used under the client's lock.</summary>
/// <remarks>
/// MQTT 5.0 section 4.4 (sending again), 4.6 (order), 4.9 (flow control). Places grow from nothing, so an idle client holds no array.
/// Invariant: ids in use = messages in flight; published without acknowledgement on this connection = quota used.
/// </remarks>
internal sealed class OutgoingWindow(int maximumInFlight, int maximumQueued)
{
    private OutgoingPublish?[] _places = [];
    private ushort[] _free = [];
    private int _freeCount;
    private int _inFlight;
    private int _quota;
    private int _quotaLimit;
    private long _order;
    private Queue<OutgoingPublish>? _again;
    private LinkedList<OutgoingPublish>? _waiting;

    internal int InFlight => _inFlight;

    internal int Waiting => _waiting?.Count ?? 0;

    /// <summary>A publish would be sent at once.</summary>
    internal bool HasRoom => _quota > 0 && _inFlight < maximumInFlight && (_waiting is null || _waiting.Count == 0) && (_again is null || _again.Count == 0);

    /// <summary>Queues a message; <see cref="TryTakeNext"/> hands it out when there is room.</summary>
    /// <returns>False when the queue is full.</returns>
    internal bool TryEnqueue(OutgoingPublish publish)
    {
        if (Waiting >= maximumQueued + (HasRoom ? 1 : 0))
        {
            return false;
        }

        (_waiting ??= []).AddLast(publish);
        return true;
    }

    /// <summary>Takes back a message that was not sent yet.</summary>
    internal bool Withdraw(OutgoingPublish publish) => _waiting is not null && _waiting.Remove(publish);

    /// <summary>The next message to send, with its packet id, while quota and places last.</summary>
    internal OutgoingPublish? TryTakeNext()
    {
        if (_quota == 0)
        {
            return null;
        }

        while (_again is not null && _again.TryDequeue(out var again))
        {
            if (_again.Count == 0)
            {
                _again = null;
            }

            // May have been answered meanwhile by an acknowledgement of the resumed session.
            if (ReferenceEquals(_places[again.PacketId - 1], again) && again.Step == OutgoingStep.Waiting)
            {
                _quota--;
                again.Step = OutgoingStep.Published;
                return again;
            }
        }

        if (_waiting is null || _waiting.First is not { } first || _inFlight >= maximumInFlight)
        {
            return null;
        }

        _waiting.RemoveFirst();
        var publish = first.Value;
        publish.PacketId = TakeId();
        publish.Order = ++_order;
        publish.Step = OutgoingStep.Published;
        _places[publish.PacketId - 1] = publish;
        _inFlight++;
        _quota--;
        return publish;
    }

    internal OutgoingPublish? Find(ushort packetId) => packetId <= _places.Length ? _places[packetId - 1] : null;

    /// <summary>Frees the id: the last acknowledgement came.</summary>
    internal void Remove(OutgoingPublish publish)
    {
        _places[publish.PacketId - 1] = null;
        _free[_freeCount++] = publish.PacketId;
        _inFlight--;
        _quota = Math.Min(_quota + 1, _quotaLimit);
        if (_inFlight == 0 && _places.Length > 64)
        {
            _places = [];
            _free = [];
            _freeCount = 0;
        }
    }

    /// <summary>The connection is gone: nothing is sent until the next one.</summary>
    internal void Pause() => _quota = 0;

    /// <summary>A connection is there.</summary>
    /// <param name="receiveMaximum">The server's.</param>
    /// <param name="sessionPresent">False: the server knows nothing of what was in flight.</param>
    /// <param name="released">Messages whose PUBREL is to be sent again, in order.</param>
    /// <param name="done">Messages the server had received before it lost the session.</param>
    internal void Resume(int receiveMaximum, bool sessionPresent, out List<OutgoingPublish> released, out List<OutgoingPublish> done)
    {
        _quotaLimit = receiveMaximum;
        _quota = receiveMaximum;
        released = [];
        done = [];
        _again = null;
        if (_inFlight == 0)
        {
            return;
        }

        var again = new List<OutgoingPublish>();
        foreach (var place in _places)
        {
            switch (place)
            {
                case null:
                    break;
                case { Step: OutgoingStep.Released }:
                    (sessionPresent ? released : done).Add(place);
                    break;
                default:
                    place.Step = OutgoingStep.Waiting;
                    place.WasSent = place.WasSent && sessionPresent;
                    again.Add(place);
                    break;
            }
        }

        foreach (var publish in done)
        {
            Remove(publish);
        }

        // What the server still holds of QoS 2 counts against its maximum until PUBCOMP.
        _quota = Math.Max(0, receiveMaximum - released.Count);
        again.Sort(static (left, right) => left.Order.CompareTo(right.Order));
        released.Sort(static (left, right) => left.Order.CompareTo(right.Order));
        if (again.Count > 0)
        {
            _again = new Queue<OutgoingPublish>(again);
        }
    }

    /// <summary>Empties everything: the client stops.</summary>
    internal List<OutgoingPublish> TakeAll()
    {
        var all = new List<OutgoingPublish>();
        foreach (var place in _places)
        {
            if (place is not null)
            {
                all.Add(place);
            }
        }

        all.AddRange(_waiting ?? []);
        _places = [];
        _free = [];
        _freeCount = 0;
        _inFlight = 0;
        _quota = 0;
        _again = null;
        _waiting = null;
        return all;
    }

    private ushort TakeId()
    {
        if (_freeCount == 0)
        {
            var before = _places.Length;
            var after = Math.Min(maximumInFlight, Math.Max(4, before * 2));
            Array.Resize(ref _places, after);
            Array.Resize(ref _free, after);
            for (var id = after; id > before; id--)
            {
                _free[_freeCount++] = (ushort)id;
            }
        }

        return _free[--_freeCount];
    }
}
