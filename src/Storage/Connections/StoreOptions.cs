using Headwater.Storage.Embedded;

namespace Headwater.Storage.Connections;

/// <summary>Where the data lies: a private cluster, or a database that somebody else runs.</summary>
public sealed record StoreOptions
{
    /// <summary>The private cluster's settings. Used when <see cref="ConnectionString"/> is empty; one of the two is required.</summary>
    public EmbeddedPostgresOptions? Embedded { get; init; }

    /// <summary>Connection string of an outside primary (PostgreSQL 15 or later). Default none: the private cluster.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>Connection string of a read-only replica. Default none. Reads that may be old go there while its lag is below <see cref="ReplicaLagBound"/>.</summary>
    public string? ReplicaConnectionString { get; init; }

    /// <summary>Oldest state a page may show. Default 5 s, range 100 ms to 10 min: one refresh of a page; what a person just wrote is read from the primary anyway.</summary>
    public TimeSpan ReplicaLagBound { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Run on a database that may lose what it confirmed (fsync, full_page_writes or synchronous_commit off). Default false: an
    /// acknowledgement to a device means that its reading is on the disk. When true, every page shows <see cref="Store.Warning"/>.
    /// </summary>
    public bool AllowUnsafeDurability { get; init; }

    /// <summary>Connections to the primary at most. Default 40, range 5 to 500: group-commit lanes, requests and background work of one server.</summary>
    public int MaxConnections { get; init; } = 40;

    /// <summary>Connections to the replica at most. Default 20, range 1 to 500.</summary>
    public int MaxReplicaConnections { get; init; } = 20;

    /// <summary>Longest statement. Default 30 s, range 1 s to 1 h: a page nobody waits for any more must not hold a connection. Migrations and maintenance have none.</summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest pause inside a transaction. Default 60 s, range 5 s to 1 h: a forgotten transaction keeps dead rows alive and detached partitions waiting.</summary>
    public TimeSpan IdleInTransactionTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long an outside database that is away is awaited at start. Default 60 s, range 0 to 1 h: services start in any order.</summary>
    public TimeSpan OpenTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <exception cref="StoreRefusedException">Settings are out of their ranges.</exception>
    internal void Verify() => new OptionRanges()
        .Within(nameof(ReplicaLagBound), ReplicaLagBound, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10))
        .Within(nameof(MaxConnections), MaxConnections, 5, 500)
        .Within(nameof(MaxReplicaConnections), MaxReplicaConnections, 1, 500)
        .Within(nameof(StatementTimeout), StatementTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1))
        .Within(nameof(IdleInTransactionTimeout), IdleInTransactionTimeout, TimeSpan.FromSeconds(5), TimeSpan.FromHours(1))
        .Within(nameof(OpenTimeout), OpenTimeout, TimeSpan.Zero, TimeSpan.FromHours(1))
        .ThrowIfAny();
}
