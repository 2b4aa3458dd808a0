using System.Numerics;

namespace Headwater.Simulator.Load;

/// <summary>Counts latencies in buckets of at most 3 % width: exact enough for percentiles, 16 kB whatever the count.</summary>
internal sealed class LatencyHistogram
{
    private const int SubBits = 5; // 32 buckets per power of two
    private readonly long[] _counts = new long[64 << SubBits];

    /// <summary>Values counted.</summary>
    internal long Count { get; private set; }

    /// <summary>The largest value.</summary>
    internal long Largest { get; private set; }

    /// <summary>Counts a latency in microseconds.</summary>
    internal void Add(long microseconds)
    {
        var value = Math.Max(0, microseconds);
        _counts[BucketOf(value)]++;
        Count++;
        if (value > Largest) { Largest = value; }
    }

    /// <summary>Adds another histogram's counts.</summary>
    internal void Add(LatencyHistogram other)
    {
        for (var i = 0; i < _counts.Length; i++) { _counts[i] += other._counts[i]; }
        Count += other.Count;
        Largest = Math.Max(Largest, other.Largest);
    }

    /// <summary>Forgets everything.</summary>
    internal void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
        Largest = 0;
    }

    /// <summary>The latency in microseconds that a share of all values does not exceed (upper edge of its bucket).</summary>
    internal long Quantile(double share)
    {
        var wanted = (long)Math.Ceiling(share * Count);
        long seen = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= wanted && seen > 0) { return Math.Min(UpperEdge(i), Largest); }
        }

        return 0;
    }

    private static int BucketOf(long value)
    {
        if (value < 1 << SubBits) { return (int)value; }
        var shift = BitOperations.Log2((ulong)value) - SubBits;
        return ((shift + 1) << SubBits) + (int)((value >> shift) - (1 << SubBits));
    }

    private static long UpperEdge(int bucket)
    {
        if (bucket < 1 << SubBits) { return bucket; }
        var shift = (bucket >> SubBits) - 1;
        return ((((long)(bucket & ((1 << SubBits) - 1)) + (1 << SubBits) + 1) << shift) - 1);
    }
}
