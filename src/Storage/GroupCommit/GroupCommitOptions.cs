namespace Headwater.Storage.GroupCommit;

/// <summary>Settings of a <see cref="GroupCommitLane{TBatch}"/>.</summary>
public sealed class GroupCommitOptions
{
    /// <summary>Most bytes waiting in memory before <see cref="GroupCommitLane{TBatch}.IsFull"/> turns true.
    /// Default 256 MiB; range 1 MiB to 16 GiB. Reason: at 300,000 messages/s it bridges a stall of some seconds, and an outage then holds
    /// the senders instead of eating the machine.</summary>
    public long QueueLimitBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>A growing batch this heavy is sealed and the next one begun.
    /// Default 16 MiB; range 64 KiB to 512 MiB. Reason: COPY gains nothing beyond some 50,000 rows, and the acknowledgement of the first
    /// message would wait for the last.</summary>
    public long BatchLimitBytes { get; set; } = 16L * 1024 * 1024;

    /// <summary>Longest a single attempt may take before it is given up and tried again.
    /// Default 30 s; range 1 s to 10 min. Reason: a database that hangs must show as one that hangs.</summary>
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>An attempt that takes this long is told as trouble, though it is still waited for.
    /// Default 5 s; range 100 ms to 10 min. Reason: a large group on a slow disk takes a second or two; a person should hear soon of one that hangs.</summary>
    public TimeSpan SlowAttempt { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Wait before the second attempt after the database went away; doubles to <see cref="LongestRetryDelay"/>.
    /// Default 50 ms; range 1 ms to 10 s. Reason: a restart of PostgreSQL takes about a second.</summary>
    public TimeSpan FirstRetryDelay { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Longest wait between attempts.
    /// Default 1 s; range 10 ms to 60 s. Reason: the first acknowledgement is promised within 10 s of the database's return.</summary>
    public TimeSpan LongestRetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Number of this server in the uplink log.
    /// Default 1; range 1 to 32,767. Reason: several servers may share one database.</summary>
    public short Node { get; set; } = 1;
}
