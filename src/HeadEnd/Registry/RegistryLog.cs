using Microsoft.Extensions.Logging;

namespace Headwater.HeadEnd.Registry;

internal static partial class RegistryLog
{
    [LoggerMessage(3300, LogLevel.Information, "Registry loaded: {Devices} devices, {Registers} registers.")]
    internal static partial void Loaded(ILogger logger, int devices, int registers);

    [LoggerMessage(3301, LogLevel.Warning, "Registering {Count} devices or registers failed and is tried again.")]
    internal static partial void RegistrationFailed(ILogger logger, Exception exception, int count);

    [LoggerMessage(3302, LogLevel.Warning, "Writing last contacts failed; they are kept and written later.")]
    internal static partial void PresenceFailed(ILogger logger, Exception exception);

    [LoggerMessage(3303, LogLevel.Debug, "Registered {Count} devices automatically, the first is {First}.")]
    internal static partial void RegisteredAutomatically(ILogger logger, int count, string first);

    [LoggerMessage(3304, LogLevel.Warning, "Listening for changes of the registry by other servers failed and is tried again.")]
    internal static partial void ListeningFailed(ILogger logger, Exception exception);
}
