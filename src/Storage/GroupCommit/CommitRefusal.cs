using Npgsql;

namespace Headwater.Storage.GroupCommit;

/// <summary>Tells content that the database refuses from a database that cannot take anything at the moment.</summary>
public static class CommitRefusal
{
    /// <summary>SQLSTATE of a refusal that our own side raised before the database saw the content.</summary>
    public const string OwnSqlState = "HW001";

    /// <summary>True when trying the same content again cannot help: cardinality, data, integrity, syntax or access rule, unsupported, a limit of the
    /// server (PostgreSQL documentation, appendix A, classes 21, 22, 23, 42, 0A, 54).</summary>
    public static bool Is(PostgresException error)
    {
        ArgumentNullException.ThrowIfNull(error);
        return error.SqlState is OwnSqlState || (error.SqlState.Length == 5 && error.SqlState[..2] is "21" or "22" or "23" or "42" or "0A" or "54");
    }

    /// <summary>The refusal behind an exception, or null when it only says that the database is away.</summary>
    /// <remarks>What is neither the database's nor the connection's fault comes from turning content into bytes; tried again for ever it would hold
    /// up everything behind it.</remarks>
    internal static PostgresException? Of(Exception error) => error switch
    {
        PostgresException said => Is(said) ? said : null,
        ArgumentException or InvalidCastException or FormatException or OverflowException or KeyNotFoundException or IndexOutOfRangeException or NullReferenceException =>
            new PostgresException($"{error.GetType().Name}: {error.Message}", "ERROR", "ERROR", OwnSqlState),
        _ => null,
    };
}
