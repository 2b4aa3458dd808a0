using Npgsql;

namespace Headwater.Storage.GroupCommit;

/// <summary>What one transaction of a <see cref="GroupCommitLane{TBatch}"/> will hold: grows under the lane's lock while the batch before it
/// is being committed, then is written as a whole. Used again and again; two live at a time.</summary>
public abstract class CommitBatch
{
    /// <summary>True when there is nothing to commit.</summary>
    public abstract bool IsEmpty { get; }

    /// <summary>Bytes this batch holds in memory, counted against the lane's bound.</summary>
    public abstract long Weight { get; }

    /// <summary>Rows it will write, for statistics.</summary>
    public abstract int RowCount { get; }

    /// <summary>Writes everything inside the open transaction. May be called again after a rollback: must not change the batch.</summary>
    /// <param name="scope">Connection, commit number and time.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    public abstract Task WriteAsync(CommitScope scope, CancellationToken cancellationToken);

    /// <summary>Whether a commit whose outcome is unknown (connection lost during COMMIT) did happen.</summary>
    /// <remarks>Called with the commit lock held, so the lost transaction has ended one way or the other.</remarks>
    public abstract Task<bool> IsCommittedAsync(CommitScope scope, CancellationToken cancellationToken);

    /// <summary>The database refused the content. Takes the careful way next time: staging, then leaving out what is refused.</summary>
    /// <param name="error">What it said.</param>
    /// <param name="attempt">1 for the first refusal of this batch, and so on.</param>
    /// <returns>False when there is no more careful way.</returns>
    public abstract bool BecomeCareful(PostgresException error, int attempt);

    /// <summary>Called once, after the commit: completes whoever waits. Must not throw.</summary>
    public abstract void Complete(CommitScope scope);

    /// <summary>Empties the batch for its next use.</summary>
    public abstract void Reset();
}

/// <summary>One attempt to commit a batch.</summary>
/// <param name="Connection">Connection with an open transaction.</param>
/// <param name="CommitNumber">Number of this commit: larger than every number committed before it.</param>
/// <param name="CommittedAt">Time written as the commit's, UTC.</param>
/// <param name="Node">Number of this server among those that write to the database.</param>
public sealed record CommitScope(NpgsqlConnection Connection, long CommitNumber, DateTimeOffset CommittedAt, short Node);
