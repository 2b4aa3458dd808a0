using Microsoft.Extensions.Logging;

namespace Headwater.Storage.Migrations;

internal static partial class MigrationLog
{
    [LoggerMessage(2400, LogLevel.Information, "Migration {Schema} {Version:0000}_{Name} is applied")]
    internal static partial void Applied(this ILogger logger, string schema, int version, string name);
}
