using Headwater.Devices.Uplink;

namespace Headwater.HeadEnd.Ingest;

/// <summary>Counts of the ingest since the server's start. Received counts grow on arrival, all others after the commit.</summary>
public sealed class IngestStatistics
{
    private static readonly int Reasons = Enum.GetValues<QuarantineReason>().Max(static r => (int)r) + 1;
    private readonly long[] _quarantined = new long[Reasons];
    private long _received;
    private long _receivedBytes;
    private long _committed;
    private long _readings;
    private long _intervals;
    private long _repeats;
    private long _conflicts;
    private long _quarantinedMessages;
    private long _overQuota;

    /// <summary>Uplinks received.</summary>
    public long Received => Interlocked.Read(ref _received);

    /// <summary>Payload bytes received in them.</summary>
    public long ReceivedBytes => Interlocked.Read(ref _receivedBytes);

    /// <summary>Uplinks committed, quarantined ones included.</summary>
    public long Committed => Interlocked.Read(ref _committed);

    /// <summary>Readings stored as new rows.</summary>
    public long Readings => Interlocked.Read(ref _readings);

    /// <summary>Interval values stored in new profile blocks.</summary>
    public long Intervals => Interlocked.Read(ref _intervals);

    /// <summary>Readings and blocks that were there already, with the same value.</summary>
    public long Repeats => Interlocked.Read(ref _repeats);

    /// <summary>Readings that were there already with another value.</summary>
    public long Conflicts => Interlocked.Read(ref _conflicts);

    /// <summary>Messages put into quarantine, whole or in part.</summary>
    public long Quarantined => Interlocked.Read(ref _quarantinedMessages);

    /// <summary>Messages not taken because their sender's quarantine budget was spent.</summary>
    public long OverQuota => Interlocked.Read(ref _overQuota);

    /// <summary>Messages put into quarantine for one reason.</summary>
    public long QuarantinedFor(QuarantineReason reason) => Interlocked.Read(ref _quarantined[(int)reason]);

    internal void AddReceived(long messages, long bytes)
    {
        Interlocked.Add(ref _received, messages);
        Interlocked.Add(ref _receivedBytes, bytes);
    }

    internal void AddCommitted(long messages, long readings, long intervals, long repeats, long conflicts)
    {
        Interlocked.Add(ref _committed, messages);
        Interlocked.Add(ref _readings, readings);
        Interlocked.Add(ref _intervals, intervals);
        Interlocked.Add(ref _repeats, repeats);
        Interlocked.Add(ref _conflicts, conflicts);
    }

    internal void AddQuarantined(QuarantineReason reason)
    {
        Interlocked.Increment(ref _quarantinedMessages);
        Interlocked.Increment(ref _quarantined[(int)reason]);
    }

    internal void AddOverQuota(int messages) => Interlocked.Add(ref _overQuota, messages);
}
