using Microsoft.Extensions.Logging;

namespace Headwater.Storage.Connections;

internal static partial class StoreLog
{
    [LoggerMessage(2200, LogLevel.Information, "The store is open: PostgreSQL {Version}, database {Database}, TimescaleDB {Timescale}")]
    internal static partial void Opened(this ILogger logger, string version, string database, TimescaleState timescale);

    [LoggerMessage(2201, LogLevel.Warning, "{Warning}")]
    internal static partial void Unsafe(this ILogger logger, string warning);

    [LoggerMessage(2202, LogLevel.Warning, "The database is away, it is awaited: {Reason}")]
    internal static partial void Awaited(this ILogger logger, string reason);

    [LoggerMessage(2203, LogLevel.Warning, "Reads go to the primary: the replica {Reason}")]
    internal static partial void ReplicaLeft(this ILogger logger, string reason);

    [LoggerMessage(2204, LogLevel.Information, "Reads go to the replica again, its lag is {Milliseconds} ms")]
    internal static partial void ReplicaUsed(this ILogger logger, long milliseconds);

    [LoggerMessage(2205, LogLevel.Information, "TimescaleDB is available but could not be created in this database ({Reason}); plain partitions are used")]
    internal static partial void TimescaleNotCreated(this ILogger logger, string reason);
}
