using Microsoft.Extensions.Logging;

namespace Headwater.Accounts;

internal static partial class AccountsLog
{
    [LoggerMessage(4000, LogLevel.Information, "First start: organization and administrator made.")]
    internal static partial void FirstStart(ILogger logger);

    [LoggerMessage(4001, LogLevel.Warning, "Reading people and tokens again failed; what was read before stays in force.")]
    internal static partial void RefreshFailed(ILogger logger, Exception exception);

    [LoggerMessage(4002, LogLevel.Information, "Sign-in refused for an account from {Remote}.")]
    internal static partial void SignInRefused(ILogger logger, string remote);
}
