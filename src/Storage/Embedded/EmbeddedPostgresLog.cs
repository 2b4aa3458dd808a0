using Microsoft.Extensions.Logging;

namespace Headwater.Storage.Embedded;

internal static partial class EmbeddedPostgresLog
{
    [LoggerMessage(2000, LogLevel.Information, "PostgreSQL {Version} is ready as process {ProcessId} after {Milliseconds} ms; data in {Cluster}")]
    internal static partial void Ready(this ILogger logger, string version, int processId, long milliseconds, string cluster);

    [LoggerMessage(2001, LogLevel.Information, "A PostgreSQL left running by an earlier Headwater was taken over: process {ProcessId}")]
    internal static partial void Adopted(this ILogger logger, int processId);

    [LoggerMessage(2002, LogLevel.Warning, "PostgreSQL (process {ProcessId}) ended without our wish; it is started again")]
    internal static partial void Died(this ILogger logger, int processId);

    [LoggerMessage(2003, LogLevel.Warning, "{Count} PostgreSQL back-ends did not end within {Seconds} s after their postmaster; they are killed now")]
    internal static partial void OrphansKilled(this ILogger logger, int count, double seconds);

    [LoggerMessage(2004, LogLevel.Warning, "PostgreSQL could not be started again, next try in {Seconds} s: {Reason}")]
    internal static partial void RestartFailed(this ILogger logger, double seconds, string reason);

    [LoggerMessage(2005, LogLevel.Information, "PostgreSQL is stopped")]
    internal static partial void Stopped(this ILogger logger);

    [LoggerMessage(2006, LogLevel.Warning, "The user {User} cannot enter {Data}; the cluster lies in {Cluster}")]
    internal static partial void Moved(this ILogger logger, string user, string data, string cluster);

    [LoggerMessage(2007, LogLevel.Information, "A new PostgreSQL cluster is made in {Cluster}")]
    internal static partial void Initializing(this ILogger logger, string cluster);

    [LoggerMessage(2008, LogLevel.Error, "A listener of PostgreSQL's state failed")]
    internal static partial void ListenerFailed(this ILogger logger, Exception exception);

    [LoggerMessage(2009, LogLevel.Warning, "{Count} sessions of an earlier Headwater did not end within 10 s each")]
    internal static partial void SessionsLeft(this ILogger logger, long count);
}
