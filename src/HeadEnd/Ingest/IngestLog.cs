using Microsoft.Extensions.Logging;

namespace Headwater.HeadEnd.Ingest;

internal static partial class IngestLog
{
    [LoggerMessage(EventId = 3200, Level = LogLevel.Information, Message = "Connection {Connection} had uplinks waiting for a registration when the server stopped; they were not acknowledged")]
    internal static partial void ParkedAtStop(ILogger logger, long connection);

    [LoggerMessage(EventId = 3201, Level = LogLevel.Error, Message = "A registration for connection {Connection} failed; its uplinks stay unacknowledged")]
    internal static partial void RegistrationFailed(ILogger logger, long connection, Exception exception);
}
