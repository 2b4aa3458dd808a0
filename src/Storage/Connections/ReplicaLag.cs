namespace Headwater.Storage.Connections;

/// <summary>How old what a replica shows is, measured by log positions and our own clock alone.</summary>
/// <remarks>
/// Each round samples the primary's position first, then the replica's replayed one. What the replica shows is as old as the newest
/// sample it has reached. <c>pg_last_xact_replay_timestamp()</c> is not used: on an idle primary it grows without any lag.
/// Not safe for several threads. Pure: no I/O.
/// </remarks>
internal sealed class ReplicaLag
{
    private readonly Queue<(DateTimeOffset At, ulong Position)> _ahead = new();
    private DateTimeOffset? _reached;

    /// <summary>Adds one round. Positions are bytes of WAL (pg_lsn).</summary>
    /// <param name="at">When the primary was asked.</param>
    /// <param name="primary">The primary's position then; null when it did not answer.</param>
    /// <param name="replayed">The replica's replayed position, asked afterwards.</param>
    internal void Add(DateTimeOffset at, ulong? primary, ulong replayed)
    {
        if (primary is { } position) { _ahead.Enqueue((at, position)); }
        while (_ahead.TryPeek(out var sample) && sample.Position <= replayed)
        {
            _reached = sample.At;
            _ahead.Dequeue();
        }
        // A replica that is away for days must not grow this: beyond the bound only "too old" is of interest.
        while (_ahead.Count > 1024) { _ahead.Dequeue(); }
    }

    /// <summary>The age at an instant; null while the replica has never reached a sampled position.</summary>
    internal TimeSpan? At(DateTimeOffset now) => now - _reached;
}
