using Headwater.Server.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Serilog;
using Serilog.Extensions.Logging;

namespace Headwater.Server.Serving;

/// <summary>Where the log goes: everything into files under the data folder, what a person should see to the console.</summary>
internal static class ServerLogging
{
    // A week of a busy server, bounded: a log must never be what fills the disk.
    private const int FilesKept = 14;
    private const long LargestFile = 50L * 1024 * 1024;

    internal static ILoggerFactory Create(ServerSettings settings)
    {
        // j and not lj: texts in quotes with their control characters escaped. A client id may hold a line end, and must not write lines of its own.
        var file = new LoggerConfiguration().MinimumLevel.Verbose().WriteTo.File(
            Path.Combine(settings.DataFolder, "logs", "headwater-.log"), rollingInterval: RollingInterval.Day, rollOnFileSizeLimit: true,
            fileSizeLimitBytes: LargestFile, retainedFileCountLimit: FilesKept, formatProvider: System.Globalization.CultureInfo.InvariantCulture,
            outputTemplate: "{Timestamp:yyyy-MM-dd'T'HH:mm:ss.fffzzz} {Level:u3} {SourceContext} {EventId} {Message:j}{NewLine}{Exception}").CreateLogger();
        return LoggerFactory.Create(logging =>
        {
            logging.SetMinimumLevel(LogLevel.Information);
            logging.AddFilter("Microsoft", LogLevel.Warning);
            logging.AddFilter("Npgsql", LogLevel.Warning);
            // Keys lie in our own database, guarded as everything else there is.
            logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);
            logging.AddFilter<ConsoleLoggerProvider>(null, settings.ConsoleLogLevel);
            logging.AddProvider(new SerilogLoggerProvider(file, dispose: true));
            logging.AddSimpleConsole(static console =>
            {
                console.SingleLine = true;
                console.TimestampFormat = "HH:mm:ss ";
                console.UseUtcTimestamp = false;
            });
        });
    }
}
