namespace Headwater.Mqtt.Server;

/// <summary>One message seen passing.</summary>
/// <param name="Number">Grows by one per message seen; a watcher asks for what came after the last it has.</param>
/// <param name="At">Arrival.</param>
/// <param name="ClientId">Publisher.</param>
/// <param name="Topic">Topic name.</param>
/// <param name="QualityOfService">Level it was published at.</param>
/// <param name="Retain">RETAIN flag.</param>
/// <param name="PayloadLength">Length of the whole payload.</param>
/// <param name="Beginning">Its first bytes, at most <see cref="MessageTap.KeptBytes"/>.</param>
public sealed record TappedMessage(
    long Number, DateTimeOffset At, string ClientId, string Topic, QualityOfService QualityOfService, bool Retain, int PayloadLength,
    ReadOnlyMemory<byte> Beginning);

/// <summary>A window on passing messages for the Broker page. Costs one field read per message while nobody watches.</summary>
/// <remarks>Keeps the last <see cref="Capacity"/> messages and at most 200 a tenth of a second, so that watching a busy server does not slow it.</remarks>
public sealed class MessageTap
{
    /// <summary>Messages kept.</summary>
    public const int Capacity = 500;

    /// <summary>Payload bytes kept of each.</summary>
    public const int KeptBytes = 512;

    private const int PerSlice = 200;
    private static readonly long SliceTicks = TimeSpan.FromMilliseconds(100).Ticks;
    private readonly Lock _gate = new();
    private readonly TappedMessage?[] _messages = new TappedMessage?[Capacity];
    private readonly TimeProvider _time;
    private long _next;
    private long _slice;
    private int _inSlice;
    private int _watchers;

    internal MessageTap(TimeProvider time) => _time = time;

    /// <summary>True while somebody watches.</summary>
    public bool IsOpen => Volatile.Read(ref _watchers) > 0;

    /// <summary>Begins to watch; disposing the result ends it.</summary>
    public IDisposable Watch()
    {
        Interlocked.Increment(ref _watchers);
        return new Watcher(this);
    }

    /// <summary>Messages after a number, oldest first.</summary>
    /// <param name="number">The last number the caller has; 0 for all that is kept.</param>
    public IReadOnlyList<TappedMessage> After(long number)
    {
        lock (_gate)
        {
            var first = Math.Max(Math.Max(number, 0), _next - Capacity);
            var result = new List<TappedMessage>((int)Math.Max(0, _next - first));
            for (var i = first; i < _next; i++) { result.Add(_messages[i % Capacity]!); }
            return result;
        }
    }

    internal void Saw(string clientId, string topic, QualityOfService qualityOfService, bool retain, ReadOnlySpan<byte> payload)
    {
        var now = _time.GetUtcNow();
        lock (_gate)
        {
            var slice = now.Ticks / SliceTicks;
            if (slice != _slice)
            {
                _slice = slice;
                _inSlice = 0;
            }

            if (++_inSlice > PerSlice) { return; }
            var beginning = payload[..Math.Min(payload.Length, KeptBytes)].ToArray();
            _messages[_next % Capacity] = new TappedMessage(_next + 1, now, clientId, topic, qualityOfService, retain, payload.Length, beginning);
            _next++;
        }
    }

    private sealed class Watcher(MessageTap tap) : IDisposable
    {
        private MessageTap? _tap = tap;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _tap, null) is { } watched) { Interlocked.Decrement(ref watched._watchers); }
        }
    }
}
