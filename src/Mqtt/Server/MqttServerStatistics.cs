using System.Numerics;

namespace Headwater.Mqtt.Server;

/// <summary>Why a message did not reach somebody.</summary>
public enum DropReason : byte
{
    /// <summary>QoS 0 to a peer that takes its bytes too slowly.</summary>
    SlowReader = 0,

    /// <summary>The session's queue, or all queues together, are full.</summary>
    QueueFull = 1,

    /// <summary>Its message expiry interval passed before delivery.</summary>
    Expired = 2,

    /// <summary>Larger than the client's Maximum Packet Size.</summary>
    TooLargeForClient = 3,

    /// <summary>The subscriber's rights no longer cover the topic.</summary>
    NotAuthorized = 4,

    /// <summary>QoS 0 for a session without a connection.</summary>
    Offline = 5,

    /// <summary>The retained store is full.</summary>
    RetainedFull = 6,
}

/// <summary>Counters of the server. Written from many threads, mostly once per read and not per message; read by <see cref="Snapshot"/>.</summary>
public sealed class MqttServerStatistics
{
    /// <summary>Latency buckets: four per power of two of microseconds.</summary>
    internal const int LatencyBuckets = 128;

    private static readonly int DropReasons = Enum.GetValues<DropReason>().Length;
    private readonly long[] _messagesIn = new long[3];
    private readonly long[] _messagesOut = new long[3];
    private readonly long[] _dropped = new long[DropReasons];
    private readonly long[] _disconnects = new long[256];
    private readonly long[] _latency = new long[LatencyBuckets];
    private long _bytesIn;
    private long _bytesOut;
    private long _connections;
    private long _accepted;
    private long _connects;
    private long _refusedConnects;
    private long _refusedPublishes;
    private long _refusedSubscribes;
    private long _malformed;
    private long _acknowledged;
    private long _takeOvers;
    private long _queued;
    private long _queuedBytes;
    private long _wills;
    private long _pauses;

    internal long QueuedBytes => Volatile.Read(ref _queuedBytes);

    internal long ConnectionsNow => Volatile.Read(ref _connections);

    internal void Accepted()
    {
        Interlocked.Increment(ref _accepted);
        Interlocked.Increment(ref _connections);
    }

    internal void Closed(ReasonCode reason)
    {
        Interlocked.Decrement(ref _connections);
        Interlocked.Increment(ref _disconnects[(byte)reason]);
    }

    internal void Connected() => Interlocked.Increment(ref _connects);

    internal void ConnectRefused() => Interlocked.Increment(ref _refusedConnects);

    internal void PublishRefused() => Interlocked.Increment(ref _refusedPublishes);

    internal void SubscribeRefused() => Interlocked.Increment(ref _refusedSubscribes);

    internal void Malformed() => Interlocked.Increment(ref _malformed);

    internal void TookOver() => Interlocked.Increment(ref _takeOvers);

    internal void WillPublished() => Interlocked.Increment(ref _wills);

    internal void Paused() => Interlocked.Increment(ref _pauses);

    internal void Dropped(DropReason reason, long count = 1) => Interlocked.Add(ref _dropped[(byte)reason], count);

    internal void Received(QualityOfService level, long count) => Interlocked.Add(ref _messagesIn[(byte)level], count);

    internal void Sent(QualityOfService level, long count) => Interlocked.Add(ref _messagesOut[(byte)level], count);

    internal void BytesReceived(long count) => Interlocked.Add(ref _bytesIn, count);

    internal void BytesSent(long count) => Interlocked.Add(ref _bytesOut, count);

    internal void Queued(int count, long bytes)
    {
        Interlocked.Add(ref _queued, count);
        Interlocked.Add(ref _queuedBytes, bytes);
    }

    /// <summary>Counts acknowledgements written together.</summary>
    /// <param name="count">PUBACK and PUBREC in the write.</param>
    /// <param name="elapsed">From the arrival of the read that brought them.</param>
    internal void Acknowledged(int count, TimeSpan elapsed)
    {
        Interlocked.Add(ref _acknowledged, count);
        Interlocked.Add(ref _latency[Bucket((long)elapsed.TotalMicroseconds)], count);
    }

    internal static int Bucket(long microseconds)
    {
        if (microseconds < 4) { return (int)Math.Max(0, microseconds); }
        var power = BitOperations.Log2((ulong)microseconds);
        return Math.Min(LatencyBuckets - 1, (power * 4) + (int)((microseconds >> (power - 2)) & 3) - 4);
    }

    /// <summary>Upper bound of a bucket, microseconds.</summary>
    internal static long BucketEnd(int bucket)
    {
        if (bucket < 4) { return bucket + 1; }
        var power = (bucket + 4) / 4;
        return (4L + ((bucket + 4) & 3) + 1) << (power - 2);
    }

    /// <summary>All figures as they are now; not one atomic cut.</summary>
    public MqttServerFigures Snapshot()
    {
        var latency = new long[LatencyBuckets];
        for (var i = 0; i < latency.Length; i++) { latency[i] = Volatile.Read(ref _latency[i]); }
        var drops = new Dictionary<DropReason, long>();
        for (var i = 0; i < _dropped.Length; i++) { drops[(DropReason)i] = Volatile.Read(ref _dropped[i]); }
        var disconnects = new Dictionary<ReasonCode, long>();
        for (var i = 0; i < _disconnects.Length; i++)
        {
            var count = Volatile.Read(ref _disconnects[i]);
            if (count > 0) { disconnects[(ReasonCode)i] = count; }
        }

        return new MqttServerFigures(
            Volatile.Read(ref _connections), Volatile.Read(ref _accepted), Volatile.Read(ref _connects), Volatile.Read(ref _refusedConnects),
            disconnects, Copy(_messagesIn), Copy(_messagesOut), Volatile.Read(ref _bytesIn), Volatile.Read(ref _bytesOut), drops,
            Volatile.Read(ref _refusedPublishes), Volatile.Read(ref _refusedSubscribes), Volatile.Read(ref _malformed),
            Volatile.Read(ref _acknowledged), Volatile.Read(ref _takeOvers), Volatile.Read(ref _queued), Volatile.Read(ref _queuedBytes),
            Volatile.Read(ref _wills), Volatile.Read(ref _pauses), new AcknowledgementLatency(latency));

        static long[] Copy(long[] counters) => [Volatile.Read(ref counters[0]), Volatile.Read(ref counters[1]), Volatile.Read(ref counters[2])];
    }
}

/// <summary>Time from the arrival of a publish to the writing of its PUBACK or PUBREC.</summary>
/// <param name="Counts">Messages per bucket, four buckets per power of two of microseconds; grows for ever: subtract two snapshots for an interval.</param>
public sealed record AcknowledgementLatency(IReadOnlyList<long> Counts)
{
    /// <summary>The upper bound of the bucket that holds a share of all messages.</summary>
    /// <param name="share">0 to 1, for example 0.99.</param>
    /// <returns>Microseconds; 0 when nothing was acknowledged. Within 25 % of the true value.</returns>
    public long Percentile(double share)
    {
        var total = Counts.Sum();
        if (total == 0) { return 0; }
        var rank = (long)Math.Ceiling(total * Math.Clamp(share, 0, 1));
        var seen = 0L;
        for (var i = 0; i < Counts.Count; i++)
        {
            seen += Counts[i];
            if (seen >= rank && seen > 0) { return MqttServerStatistics.BucketEnd(i); }
        }

        return MqttServerStatistics.BucketEnd(Counts.Count - 1);
    }

    /// <summary>What came since an earlier snapshot.</summary>
    public AcknowledgementLatency Since(AcknowledgementLatency earlier)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        return new AcknowledgementLatency(Counts.Zip(earlier.Counts, (now, then) => now - then).ToArray());
    }
}

/// <summary>The server's figures at one time. All but connections and queue contents are counts since the start.</summary>
/// <param name="Connections">Open connections, signed in or not.</param>
/// <param name="Accepted">Connections accepted.</param>
/// <param name="Connects">Successful sign-ins.</param>
/// <param name="RefusedConnects">Connections refused before or at sign-in.</param>
/// <param name="Disconnects">Ended connections by reason.</param>
/// <param name="MessagesIn">PUBLISH received, by QoS.</param>
/// <param name="MessagesOut">PUBLISH sent, by QoS.</param>
/// <param name="BytesIn">Bytes received after TLS.</param>
/// <param name="BytesOut">Bytes sent before TLS.</param>
/// <param name="Dropped">Messages not delivered, by reason.</param>
/// <param name="RefusedPublishes">Publishes without the right.</param>
/// <param name="RefusedSubscribes">Subscriptions without the right or beyond a limit.</param>
/// <param name="Malformed">Connections closed for a malformed packet or a protocol error.</param>
/// <param name="Acknowledged">PUBACK and PUBREC written.</param>
/// <param name="TakeOvers">Sessions taken over by a new connection.</param>
/// <param name="Queued">Messages in sessions' queues now, in flight included.</param>
/// <param name="QueuedBytes">Their bytes.</param>
/// <param name="Wills">Will messages published.</param>
/// <param name="Pauses">Times reading was paused because a window or the lane was full.</param>
/// <param name="Latency">Acknowledgement latency.</param>
public sealed record MqttServerFigures(
    long Connections, long Accepted, long Connects, long RefusedConnects, IReadOnlyDictionary<ReasonCode, long> Disconnects,
    IReadOnlyList<long> MessagesIn, IReadOnlyList<long> MessagesOut, long BytesIn, long BytesOut,
    IReadOnlyDictionary<DropReason, long> Dropped, long RefusedPublishes, long RefusedSubscribes, long Malformed, long Acknowledged,
    long TakeOvers, long Queued, long QueuedBytes, long Wills, long Pauses, AcknowledgementLatency Latency)
{
    /// <summary>Sessions, connected or not.</summary>
    public int Sessions { get; init; }

    /// <summary>Sessions with a connection.</summary>
    public int ConnectedSessions { get; init; }

    /// <summary>Subscriptions of all sessions.</summary>
    public int Subscriptions { get; init; }

    /// <summary>Retained messages.</summary>
    public int Retained { get; init; }

    /// <summary>Bytes of retained messages.</summary>
    public long RetainedBytes { get; init; }

    /// <summary>Bytes that wait for peers which do not take them.</summary>
    public long OutboundWaiting { get; init; }
}
