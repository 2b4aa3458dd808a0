using Microsoft.Extensions.Logging;

namespace Headwater.Storage.Partitions;

internal static partial class PartitionLog
{
    [LoggerMessage(2300, LogLevel.Information, "{Table}: partitions made: {Names}")]
    internal static partial void Created(this ILogger logger, string table, string names);

    [LoggerMessage(2301, LogLevel.Information, "{Table}: partitions older than {KeepDays} days dropped: {Names}")]
    internal static partial void Dropped(this ILogger logger, string table, int keepDays, string names);

    [LoggerMessage(2302, LogLevel.Warning, "{Table}: {Trouble} It is tried again in {Seconds} s")]
    internal static partial void Trouble(this ILogger logger, string table, string trouble, double seconds);

    [LoggerMessage(2303, LogLevel.Warning, "The upkeep of partitions could not reach the database: {Reason}")]
    internal static partial void Away(this ILogger logger, string reason);
}
