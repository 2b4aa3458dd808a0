using System.Buffers.Binary;

namespace Headwater.Mqtt.Server;

/// <summary>The QoS 1 and 2 messages one session still has to get, in order: first those in flight, then those that wait.</summary>
/// <remarks>Guarded by the session's gate. Invariants: packet ids in flight are unique and not 0; in flight never exceeds the window of
/// the live connection except for what a former connection sent already; numbers of durable deliveries rise.</remarks>
internal sealed class SessionQueue
{
    private const byte FormatVersion = 1;
    private readonly List<QueuedDelivery> _inFlight = [];
    private readonly Queue<QueuedDelivery> _waiting = new();
    private readonly List<long> _doneAbove = [];
    private ushort _lastPacketId;

    internal int Count => _inFlight.Count + _waiting.Count;

    internal int InFlight => _inFlight.Count;

    internal int Waiting => _waiting.Count;

    internal long Bytes { get; private set; }

    /// <summary>The highest durable number this queue ever held.</summary>
    internal long HighestNumber { get; set; }

    internal IReadOnlyList<QueuedDelivery> InFlightDeliveries => _inFlight;

    internal IEnumerable<QueuedDelivery> All => _inFlight.Concat(_waiting);

    internal void Add(QueuedDelivery delivery)
    {
        _waiting.Enqueue(delivery);
        Bytes += delivery.Message.Weight;
        if (delivery.IsDurable) { HighestNumber = Math.Max(HighestNumber, delivery.Message.Number); }
    }

    internal bool TryPeekWaiting([System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out QueuedDelivery delivery) => _waiting.TryPeek(out delivery);

    /// <summary>Takes the first waiting delivery out as done: expired, too large or no longer allowed.</summary>
    internal QueuedDelivery DropWaiting()
    {
        var delivery = _waiting.Dequeue();
        Finish(delivery);
        return delivery;
    }

    /// <summary>Moves the first waiting delivery into flight under a free packet id.</summary>
    internal QueuedDelivery StartWaiting()
    {
        var delivery = _waiting.Dequeue();
        delivery.PacketId = NextPacketId();
        _inFlight.Add(delivery);
        return delivery;
    }

    internal QueuedDelivery? Find(ushort packetId)
    {
        // Acknowledgements come in order from nearly every client: the first entry is the one.
        foreach (var delivery in _inFlight)
        {
            if (delivery.PacketId == packetId) { return delivery; }
        }

        return null;
    }

    internal void Remove(QueuedDelivery delivery)
    {
        _inFlight.Remove(delivery);
        Finish(delivery);
    }

    /// <summary>Takes out everything a predicate names, in flight or not.</summary>
    internal List<QueuedDelivery> RemoveWhere(Predicate<QueuedDelivery> unwanted)
    {
        var removed = _waiting.Where(d => unwanted(d)).ToList();
        if (removed.Count > 0)
        {
            var kept = _waiting.Where(d => !unwanted(d)).ToList();
            _waiting.Clear();
            foreach (var delivery in kept) { _waiting.Enqueue(delivery); }
            foreach (var delivery in removed) { Finish(delivery); }
        }

        return removed;
    }

    internal void Restore(QueuedDelivery delivery)
    {
        if (delivery.PacketId != 0)
        {
            _inFlight.Add(delivery);
            _lastPacketId = Math.Max(_lastPacketId, delivery.PacketId);
            Bytes += delivery.Message.Weight;
            HighestNumber = Math.Max(HighestNumber, delivery.Message.Number);
            return;
        }

        Add(delivery);
    }

    /// <summary>What was done with before a restart. Kept, because the store keeps those messages until the cursor has passed them: forgotten
    /// here, the next restart would deliver them again.</summary>
    internal void RestoreDone(long cursor, IEnumerable<long> above)
    {
        _doneAbove.AddRange(above);
        HighestNumber = Math.Max(HighestNumber, _doneAbove.Count == 0 ? cursor : Math.Max(cursor, _doneAbove.Max()));
    }

    /// <summary>Everything up to and including this number is done with.</summary>
    internal long Cursor()
    {
        var lowest = long.MaxValue;
        foreach (var delivery in _inFlight)
        {
            if (delivery.IsDurable && delivery.Message.Number < lowest) { lowest = delivery.Message.Number; }
        }

        foreach (var delivery in _waiting)
        {
            if (!delivery.IsDurable) { continue; }
            // Numbers rise within the waiting part.
            lowest = Math.Min(lowest, delivery.Message.Number);
            break;
        }

        return lowest == long.MaxValue ? HighestNumber : lowest - 1;
    }

    /// <summary>Packs what must survive besides the messages themselves.</summary>
    /// <remarks><code>
    /// version(1) cursor-relative lists, big endian:
    /// inFlight count(2) { number(8) packetId(2) phase(1) }   incoming count(2) { packetId(2) }   done count(2) { number(8) }
    /// </code></remarks>
    internal byte[] Pack(long cursor, IReadOnlyCollection<ushort>? incoming)
    {
        _doneAbove.RemoveAll(number => number <= cursor);
        var flying = _inFlight.Where(d => d.IsDurable && d.PacketId != 0).ToList();
        var state = new byte[1 + 2 + (flying.Count * 11) + 2 + ((incoming?.Count ?? 0) * 2) + 2 + (_doneAbove.Count * 8)];
        var rest = state.AsSpan();
        rest[0] = FormatVersion;
        rest = rest[1..];
        Put16(ref rest, (ushort)flying.Count);
        foreach (var delivery in flying)
        {
            Put64(ref rest, delivery.Message.Number);
            Put16(ref rest, delivery.PacketId);
            rest[0] = delivery.Phase is DeliveryPhase.Releasing or DeliveryPhase.Released ? (byte)2 : (byte)1;
            rest = rest[1..];
        }

        Put16(ref rest, (ushort)(incoming?.Count ?? 0));
        if (incoming is not null)
        {
            foreach (var id in incoming) { Put16(ref rest, id); }
        }

        Put16(ref rest, (ushort)_doneAbove.Count);
        foreach (var number in _doneAbove) { Put64(ref rest, number); }
        return state;

        static void Put16(ref Span<byte> rest, ushort value)
        {
            BinaryPrimitives.WriteUInt16BigEndian(rest, value);
            rest = rest[2..];
        }

        static void Put64(ref Span<byte> rest, long value)
        {
            BinaryPrimitives.WriteInt64BigEndian(rest, value);
            rest = rest[8..];
        }
    }

    /// <summary>Reads what <see cref="Pack"/> wrote; an unknown version or a cut state gives what was readable.</summary>
    internal static PackedProgress Unpack(ReadOnlySpan<byte> state)
    {
        var flying = new Dictionary<long, (ushort PacketId, bool Released)>();
        var incoming = new List<ushort>();
        var done = new HashSet<long>();
        if (state.IsEmpty || state[0] != FormatVersion) { return new PackedProgress(flying, incoming, done); }
        var rest = state[1..];
        for (var left = Take16(ref rest); left > 0 && rest.Length >= 11; left--)
        {
            var number = BinaryPrimitives.ReadInt64BigEndian(rest);
            flying[number] = (BinaryPrimitives.ReadUInt16BigEndian(rest[8..]), rest[10] == 2);
            rest = rest[11..];
        }

        for (var left = Take16(ref rest); left > 0 && rest.Length >= 2; left--) { incoming.Add(Take16(ref rest)); }
        for (var left = Take16(ref rest); left > 0 && rest.Length >= 8; left--)
        {
            done.Add(BinaryPrimitives.ReadInt64BigEndian(rest));
            rest = rest[8..];
        }

        return new PackedProgress(flying, incoming, done);

        static ushort Take16(ref ReadOnlySpan<byte> rest)
        {
            if (rest.Length < 2) { return 0; }
            var value = BinaryPrimitives.ReadUInt16BigEndian(rest);
            rest = rest[2..];
            return value;
        }
    }

    private void Finish(QueuedDelivery delivery)
    {
        delivery.Phase = DeliveryPhase.Done;
        Bytes -= delivery.Message.Weight;
        if (delivery.IsDurable) { _doneAbove.Add(delivery.Message.Number); }
        if (_doneAbove.Count > 1024)
        {
            var cursor = Cursor();
            _doneAbove.RemoveAll(number => number <= cursor);
        }
    }

    private ushort NextPacketId()
    {
        do { _lastPacketId = _lastPacketId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastPacketId + 1); }
        while (_inFlight.Count > 0 && Find(_lastPacketId) is not null);
        return _lastPacketId;
    }
}

/// <summary>A session's packed progress, unpacked.</summary>
/// <param name="InFlight">By message number.</param>
/// <param name="Incoming">Incoming QoS 2 packet ids not yet released.</param>
/// <param name="Done">Numbers above the cursor that are done with.</param>
internal sealed record PackedProgress(
    IReadOnlyDictionary<long, (ushort PacketId, bool Released)> InFlight, IReadOnlyList<ushort> Incoming, IReadOnlySet<long> Done);
