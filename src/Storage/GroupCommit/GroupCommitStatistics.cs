namespace Headwater.Storage.GroupCommit;

/// <summary>Counts of a lane since its start. Written by the committer alone, read by anyone.</summary>
public sealed class GroupCommitStatistics
{
    private long _commits;
    private long _rows;
    private long _durationMicroseconds;
    private long _lastCommitNumber;
    private long _lastCommittedAtTicks;

    /// <summary>Committed groups.</summary>
    public long Commits => Interlocked.Read(ref _commits);

    /// <summary>Rows in them.</summary>
    public long Rows => Interlocked.Read(ref _rows);

    /// <summary>Time spent committing, microseconds.</summary>
    public long DurationMicroseconds => Interlocked.Read(ref _durationMicroseconds);

    /// <summary>Number of the latest commit; 0 before the first.</summary>
    public long LastCommitNumber => Interlocked.Read(ref _lastCommitNumber);

    /// <summary>Time of the latest commit; null before the first.</summary>
    public DateTimeOffset? LastCommittedAt => Interlocked.Read(ref _lastCommittedAtTicks) is var ticks and not 0 ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    internal void Add(int rows, TimeSpan duration, CommitScope scope)
    {
        Interlocked.Increment(ref _commits);
        Interlocked.Add(ref _rows, rows);
        Interlocked.Add(ref _durationMicroseconds, (long)duration.TotalMicroseconds);
        Interlocked.Exchange(ref _lastCommitNumber, scope.CommitNumber);
        Interlocked.Exchange(ref _lastCommittedAtTicks, scope.CommittedAt.UtcTicks);
    }
}
