using System.Buffers;

namespace Headwater.Mqtt.Server;

/// <summary>What became of one item of a <see cref="PublishRun"/>; set by the lane before the run completes.</summary>
public enum PublishOutcome : byte
{
    /// <summary>Stored. Acknowledged with success.</summary>
    Committed = 0,

    /// <summary>Stored in quarantine. Acknowledged with success; MQTT 5 gets the reason string.</summary>
    Quarantined = 1,

    /// <summary>Not stored because a limit is spent (quarantine budget): MQTT 5 gets 0x97 quota exceeded; 3.1.1 gets no acknowledgement and
    /// the connection is closed with the reason.</summary>
    OverQuota = 2,
}

/// <summary>What an item of a run is.</summary>
public enum PublishItemKind : byte
{
    /// <summary>A PUBLISH.</summary>
    Publish = 0,

    /// <summary>A PUBREL of a persistent session: its packet id's removal must commit before the PUBCOMP.</summary>
    Release = 1,
}

/// <summary>One packet of a <see cref="PublishRun"/>. Offsets point into the run's bytes.</summary>
public struct PublishItem
{
    /// <summary>The route of its topic (null for a release).</summary>
    public TopicRoute? Route;

    /// <summary>Where the payload begins in <see cref="PublishRun.Bytes"/>.</summary>
    public int PayloadOffset;

    /// <summary>Length of the payload in bytes.</summary>
    public int PayloadLength;

    /// <summary>Where the raw MQTT 5 properties to pass on begin in <see cref="PublishRun.Bytes"/>.</summary>
    public int PropertiesOffset;

    /// <summary>Length of the raw properties in bytes; 0 for 3.1.1.</summary>
    public int PropertiesLength;

    /// <summary>Packet id; 0 at QoS 0.</summary>
    public ushort PacketId;

    /// <summary>Publish or release.</summary>
    public PublishItemKind Kind;

    /// <summary>The level it was published at.</summary>
    public QualityOfService QualityOfService;

    /// <summary>The RETAIN flag.</summary>
    public bool Retain;

    /// <summary>The DUP flag.</summary>
    public bool Duplicate;

    /// <summary>Written by the lane.</summary>
    public PublishOutcome Outcome;

    /// <summary>Words for the MQTT 5 reason string when the outcome is not plain success; a constant or a short text. Written by the lane.</summary>
    public string? OutcomeText;

    /// <summary>Owned by the server: subscribers found at submission, what is to be retained, ...; opaque to the lane.</summary>
    public object? Delivery;
}

/// <summary>The publishes of one connection that arrived in one read, in order: the unit that travels to the commit lane and back.</summary>
/// <remarks>
/// <code>
/// read loop --Submit--> lane: decode, log, COPY, COMMIT --Complete--> connection: one flush with all acknowledgements, then fan-out
/// </code>
/// One object per read, not per message, so that acknowledging costs one flush. Bytes are a rented array that the run owns until it is
/// returned by the server after <see cref="Complete"/>. The lane reads bytes and items on the submitting thread (inside Submit) and again
/// until Complete; it must not keep them longer.
/// </remarks>
public abstract class PublishRun
{
    private byte[] _bytes = [];
    private int _length;
    private PublishItem[] _items = [];
    private int _count;

    /// <summary>Client identifier of the session.</summary>
    public abstract string ClientId { get; }

    /// <summary>Who published.</summary>
    public abstract MqttIdentity Identity { get; }

    /// <summary>Number of the connection, unique within one start of this server.</summary>
    public abstract long ConnectionNumber { get; }

    /// <summary>Protocol version the client speaks.</summary>
    public abstract ProtocolVersion Version { get; }

    /// <summary>Arrival of the read, microseconds since 1970-01-01T00:00:00Z.</summary>
    public long ArrivedAtMicroseconds { get; set; }

    /// <summary>Number of the commit that made it durable; written by the lane before <see cref="Complete"/>, 0 where nothing is numbered.</summary>
    public long CommitNumber { get; set; }

    /// <summary>Session changes to commit in the same transaction (queued messages, retained messages, packet ids); null when there are none.</summary>
    public List<SessionChange>? Changes { get; set; }

    /// <summary>Payloads and properties of all items.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>The rented array behind <see cref="Bytes"/>.</summary>
    public byte[] Buffer => _bytes;

    /// <summary>The packets in order; the lane writes outcomes into them.</summary>
    public Span<PublishItem> Items => _items.AsSpan(0, _count);

    /// <summary>Number of items.</summary>
    public int Count => _count;

    /// <summary>Bytes this run counts against windows and the lane's bound: its content plus a flat cost per item.</summary>
    public int Weight => _length + (_count * 64);

    /// <summary>Called by the lane exactly once, after the commit. Runs on the lane's thread: writes acknowledgements and returns soon.</summary>
    public abstract void Complete();

    /// <summary>Appends bytes and returns where they begin.</summary>
    protected int Append(ReadOnlySpan<byte> bytes)
    {
        if (_bytes.Length - _length < bytes.Length)
        {
            var grown = ArrayPool<byte>.Shared.Rent(Math.Max(_length + bytes.Length, Math.Max(512, _bytes.Length * 2)));
            _bytes.AsSpan(0, _length).CopyTo(grown);
            if (_bytes.Length > 0) { ArrayPool<byte>.Shared.Return(_bytes); }
            _bytes = grown;
        }

        bytes.CopyTo(_bytes.AsSpan(_length));
        var offset = _length;
        _length += bytes.Length;
        return offset;
    }

    /// <summary>Appends an item.</summary>
    protected ref PublishItem AddItem()
    {
        if (_count == _items.Length) { Array.Resize(ref _items, Math.Max(8, _items.Length * 2)); }
        ref var item = ref _items[_count++];
        item = default;
        return ref item;
    }

    /// <summary>Gives the bytes back and empties the run for its next use. Keeps a small item array only.</summary>
    protected void Reset()
    {
        if (_bytes.Length > 0) { ArrayPool<byte>.Shared.Return(_bytes); }
        _bytes = [];
        _length = 0;
        if (_items.Length > 256) { _items = []; } else { Array.Clear(_items, 0, _count); }
        _count = 0;
        Changes = null;
        ArrivedAtMicroseconds = 0;
        CommitNumber = 0;
    }
}
