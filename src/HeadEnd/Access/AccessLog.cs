using Microsoft.Extensions.Logging;

namespace Headwater.HeadEnd.Access;

internal static partial class AccessLog
{
    [LoggerMessage(3400, LogLevel.Information, "{Count} live connections ended: {Words}.")]
    internal static partial void ConnectionsEnded(ILogger logger, int count, string words);
}
