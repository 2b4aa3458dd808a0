using Microsoft.Extensions.Logging;

namespace Headwater.HeadEnd.Ingest;

internal static partial class IngestLog
{
    [LoggerMessage(EventId = 3200, Level = LogLevel.Information, Message = "Connection {Connection} had uplinks waiting for a registration when the server stopped; they were not acknowledged")]
    internal static partial void ParkedAtStop(ILogger logger, long connection);

    [LoggerMessage(EventId = 3201, Level = LogLevel.Error, Message = "A registration for connection {Connection} failed; its uplinks stay unacknowledged")]
    internal static partial void RegistrationFailed(ILogger logger, long connection, Exception exception);

    [LoggerMessage(EventId = 3202, Level = LogLevel.Error, Message = "The database refused a change of broker state ({Change}): {Reason}. It is left out; after a restart this session may be older than it was")]
    internal static partial void ChangeRefused(ILogger logger, string change, string reason);

    [LoggerMessage(EventId = 3203, Level = LogLevel.Warning, Message = "Sweeping delivered messages failed and is tried again")]
    internal static partial void SweepFailed(ILogger logger, Exception exception);
}
