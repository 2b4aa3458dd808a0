using Microsoft.Extensions.Logging;

namespace Headwater.Storage.Connections;

/// <summary>Passes the driver's log on with errors as warnings: an outage is told once, in words, by the store; each failed statement belongs to its caller.</summary>
internal sealed class QuietDriverLog(ILoggerFactory inner) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) => new Quiet(inner.CreateLogger(categoryName));

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose()
    {
        // The factory belongs to the host.
    }

    private sealed class Quiet(ILogger inner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning && inner.IsEnabled(Lower(logLevel));

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) { inner.Log(Lower(logLevel), eventId, state, exception, formatter); }
        }

        private static LogLevel Lower(LogLevel level) => level >= LogLevel.Error ? LogLevel.Warning : level == LogLevel.Warning ? LogLevel.Debug : level;
    }
}
