using System.Diagnostics;

namespace Headwater.Simulator.Load;

/// <summary>What one thread of the load generator has counted. Not shared between threads; added up at the end.</summary>
internal sealed class LoadTally
{
    private readonly Dictionary<string, int> _failures = new(StringComparer.Ordinal);

    internal long Sent { get; set; }

    internal long Acknowledged { get; set; }

    internal long Delivered { get; set; }

    internal long Connected { get; set; }

    /// <summary>Latencies while measuring, in microseconds.</summary>
    internal LatencyHistogram Latencies { get; } = new();

    /// <summary>Whether latencies are kept.</summary>
    internal bool IsMeasuring { get; set; }

    /// <summary>What went wrong, with how often.</summary>
    internal IReadOnlyDictionary<string, int> Failures => _failures;

    /// <summary>Counts an acknowledgement that took this many stopwatch ticks.</summary>
    internal void Acknowledge(long ticks)
    {
        Acknowledged++;
        if (IsMeasuring) { Latencies.Add(ticks * 1_000_000 / Stopwatch.Frequency); }
    }

    /// <summary>Counts a failure in words; at most 20 different ones are kept apart.</summary>
    internal void Fail(string words)
    {
        var key = _failures.Count < 20 || _failures.ContainsKey(words) ? words : "other";
        _failures[key] = _failures.GetValueOrDefault(key) + 1;
    }
}
