namespace Headwater.Mqtt.Client;

/// <summary>Delays between attempts: doubling, with jitter, so that a fleet does not come back in one instant.</summary>
/// <remarks>
/// A connection counts as good only after it lived longer than <see cref="StableAfter"/>: two clients with one identifier that kick each
/// other out slow down instead of spinning.
/// </remarks>
internal sealed class ReconnectPacing(TimeSpan first, TimeSpan longest, Random random)
{
    internal static readonly TimeSpan StableAfter = TimeSpan.FromSeconds(10);

    private int _failures;

    /// <summary>Half of the step is fixed, half is chance: never zero, on average three quarters of the step.</summary>
    internal TimeSpan Next()
    {
        var step = Math.Min(longest.TotalMilliseconds, first.TotalMilliseconds * Math.Pow(2, Math.Min(_failures, 30)));
        _failures++;
        return TimeSpan.FromMilliseconds((step / 2) + (random.NextDouble() * step / 2));
    }

    internal void Lived(TimeSpan time)
    {
        if (time >= StableAfter)
        {
            _failures = 0;
        }
    }
}
