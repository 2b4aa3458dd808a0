using System.Diagnostics;

namespace Headwater.Simulator.Load;

/// <summary>What the threads of a run agree on: when it starts, what was measured in it, what they have to say meanwhile.</summary>
internal sealed class LoadGate(LoadPlan plan, int parties) : IDisposable
{
    private readonly Barrier _barrier = new(parties);
    private readonly Lock _lock = new();
    private long _start;

    /// <summary>Called once, when every connection of every thread is ready.</summary>
    internal Action<TimeSpan>? Ready { get; init; }

    /// <summary>Waits for the other threads.</summary>
    /// <returns>The stopwatch time at which the run starts, the same for all.</returns>
    internal long WaitForStart(long began)
    {
        _barrier.SignalAndWait();
        lock (_lock)
        {
            if (_start == 0)
            {
                _start = Stopwatch.GetTimestamp();
                Ready?.Invoke(Stopwatch.GetElapsedTime(began));
            }

            return _start;
        }
    }

    /// <summary>When measuring begins; a run of a fixed count is measured whole.</summary>
    internal long MeasureFrom(long start) => plan.Count > 0 ? start : start + (long)(plan.WarmUp.TotalSeconds * Stopwatch.Frequency);

    /// <summary>When measuring ends; never by time with a fixed count.</summary>
    internal long MeasureTo(long start) => plan.Count > 0
        ? long.MaxValue
        : start + (long)((plan.WarmUp + plan.Measured).TotalSeconds * Stopwatch.Frequency);

    public void Dispose() => _barrier.Dispose();
}

/// <summary>What one thread measured.</summary>
/// <param name="Tally">Its counts, at the end.</param>
/// <param name="Measured">Acknowledged, delivered or connected while measuring, as the mode counts.</param>
/// <param name="Elapsed">How long it measured.</param>
internal sealed record LoadShare(LoadTally Tally, long Measured, TimeSpan Elapsed);
