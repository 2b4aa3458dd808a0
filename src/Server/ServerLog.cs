using Microsoft.Extensions.Logging;

namespace Headwater.Server;

internal static partial class ServerLog
{
    [LoggerMessage(6000, LogLevel.Information, "Serving the pages at {Url}.")]
    internal static partial void Serving(ILogger logger, string url);

    [LoggerMessage(6001, LogLevel.Warning, "The simulator ended with code {Code}.")]
    internal static partial void SimulatorEnded(ILogger logger, int code);

    [LoggerMessage(6002, LogLevel.Warning, "The simulator could not be started: {Words}")]
    internal static partial void SimulatorMissing(ILogger logger, string words);
}
