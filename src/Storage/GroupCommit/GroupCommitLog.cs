using Microsoft.Extensions.Logging;

namespace Headwater.Storage.GroupCommit;

internal static partial class GroupCommitLog
{
    [LoggerMessage(EventId = 2100, Level = LogLevel.Warning, Message = "The database cannot take commits; acknowledgements wait. {Reason}")]
    internal static partial void StoreAway(ILogger logger, string reason);

    [LoggerMessage(EventId = 2101, Level = LogLevel.Information, Message = "The database takes commits again after {Seconds:F1} s and {Attempts} attempts")]
    internal static partial void StoreBack(ILogger logger, double seconds, int attempts);

    [LoggerMessage(EventId = 2102, Level = LogLevel.Warning, Message = "A group of {Rows} rows was refused ({SqlState}: {Reason}); it is written again in the careful way {Attempt}")]
    internal static partial void Refused(ILogger logger, int rows, string sqlState, string reason, int attempt);

    [LoggerMessage(EventId = 2103, Level = LogLevel.Information, Message = "Commit {CommitNumber} had happened although its connection was lost")]
    internal static partial void FoundCommitted(ILogger logger, long commitNumber);

    [LoggerMessage(EventId = 2104, Level = LogLevel.Error, Message = "Completing commit {CommitNumber} failed: its rows are stored, some senders will repeat")]
    internal static partial void CompletionFailed(ILogger logger, long commitNumber, Exception exception);
}
