using Npgsql;

namespace Headwater.Accounts.Audit;

/// <summary>The trail of who changed what. Every change a person, token or command makes leaves one row.</summary>
public interface IAudit
{
    /// <summary>Writes an entry inside the caller's transaction: the change and its row are committed together or not at all.</summary>
    /// <param name="connection">The connection whose current transaction makes the change.</param>
    /// <param name="actor">Who.</param>
    /// <param name="action">What, as <c>noun verb</c>.</param>
    /// <param name="target">On what.</param>
    /// <param name="detail">Particulars, written as JSON; null for none. Must hold no secret.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task WriteAsync(NpgsqlConnection connection, Actor actor, string action, string target, object? detail, CancellationToken cancellationToken);

    /// <summary>Writes an entry on its own, for changes that have no transaction (a client disconnected, a job started).</summary>
    Task WriteAsync(Actor actor, string action, string target, object? detail, CancellationToken cancellationToken);
}
