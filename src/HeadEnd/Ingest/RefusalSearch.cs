using Headwater.Storage.GroupCommit;
using Npgsql;

namespace Headwater.HeadEnd.Ingest;

/// <summary>Finds the few items of a group that the database refuses, by halving, each attempt inside a savepoint: what is not refused is written.</summary>
/// <remarks>k refused among n cost about k x log2(n) attempts. Beyond <paramref name="mostRefusals"/> single refusals the halves that fail are
/// refused as wholes: a group that is bad through and through must not hold up all others.</remarks>
/// <param name="connection">Connection with the group's transaction.</param>
/// <param name="mostRefusals">Single refusals looked for.</param>
internal sealed class RefusalSearch(NpgsqlConnection connection, int mostRefusals)
{
    /// <summary>Items the database refused, and what it said.</summary>
    internal Dictionary<int, PostgresException> Refused { get; } = [];

    /// <summary>Writes items <paramref name="low"/> to <paramref name="high"/> (exclusive) but for those that are refused.</summary>
    /// <param name="low">First item.</param>
    /// <param name="high">One beyond the last.</param>
    /// <param name="writeAsync">Writes a part; throws <see cref="PostgresException"/> when anything in it is refused.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    internal async Task WriteAsync(int low, int high, Func<int, int, CancellationToken, Task> writeAsync, CancellationToken cancellationToken)
    {
        if (low >= high) { return; }
        await IngestSql.ExecuteAsync(connection, "savepoint part", cancellationToken).ConfigureAwait(false);
        try
        {
            await writeAsync(low, high, cancellationToken).ConfigureAwait(false);
            await IngestSql.ExecuteAsync(connection, "release savepoint part", cancellationToken).ConfigureAwait(false);
            return;
        }
        catch (PostgresException e) when (CommitRefusal.Is(e))
        {
            await IngestSql.ExecuteAsync(connection, "rollback to savepoint part; release savepoint part", cancellationToken).ConfigureAwait(false);
            if (high - low == 1 || Refused.Count >= mostRefusals)
            {
                for (var item = low; item < high; item++) { Refused[item] = e; }
                return;
            }
        }

        var middle = low + ((high - low) / 2);
        await WriteAsync(low, middle, writeAsync, cancellationToken).ConfigureAwait(false);
        await WriteAsync(middle, high, writeAsync, cancellationToken).ConfigureAwait(false);
    }
}
