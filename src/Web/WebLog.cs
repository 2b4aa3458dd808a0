using Microsoft.Extensions.Logging;

namespace Headwater.Web;

internal static partial class WebLog
{
    [LoggerMessage(5000, LogLevel.Error, "Request {Method} {Path} failed, reference {Reference}.")]
    internal static partial void RequestFailed(ILogger logger, Exception exception, string method, string path, string reference);

    [LoggerMessage(5001, LogLevel.Warning, "Request {Method} {Path} found the database away, reference {Reference}.")]
    internal static partial void DatabaseAway(ILogger logger, Exception exception, string method, string path, string reference);

    [LoggerMessage(5002, LogLevel.Warning, "A live topic could not be read: {Topic}.")]
    internal static partial void LiveTopicFailed(ILogger logger, Exception exception, string topic);

    [LoggerMessage(5003, LogLevel.Error, "Job {JobId} ({Kind}) failed.")]
    internal static partial void JobFailed(ILogger logger, Exception exception, string jobId, string kind);

    [LoggerMessage(5004, LogLevel.Warning, "Figures of the store could not be read.")]
    internal static partial void StoreFiguresFailed(ILogger logger, Exception exception);
}
