using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Xunit.Abstractions;

namespace Headwater.TestKit;

/// <summary>One line of a captured log.</summary>
public sealed record LogEntry(LogLevel Level, string Category, EventId EventId, string Message, Exception? Exception);

/// <summary>Keeps everything that is logged; disposing it fails the test on any error nobody declared.</summary>
/// <remarks>Use it with <c>using var log = new LogCapture(output);</c> as the logger factory, or add it as a provider to a host.</remarks>
public sealed class LogCapture(ITestOutputHelper? output = null) : ILoggerFactory, ILoggerProvider
{
    private readonly ConcurrentQueue<LogEntry> _entries = new();
    private readonly ConcurrentBag<Func<LogEntry, bool>> _declared = [];

    /// <summary>All entries so far, oldest first.</summary>
    public IReadOnlyList<LogEntry> Entries => [.. _entries];

    /// <summary>Errors that no <see cref="Declare(Func{LogEntry, bool})"/> covers.</summary>
    public IReadOnlyList<LogEntry> UndeclaredErrors => [.. _entries.Where(e => e.Level >= LogLevel.Error && !_declared.Any(d => d(e)))];

    /// <summary>Expects errors of this kind.</summary>
    public void Declare(Func<LogEntry, bool> kind) => _declared.Add(kind);

    /// <summary>Expects errors with this event id.</summary>
    public void Declare(int eventId) => Declare(e => e.EventId.Id == eventId);

    /// <summary>Fails when an error was logged that nobody declared.</summary>
    public void AssertNoUndeclaredErrors()
    {
        if (UndeclaredErrors is { Count: > 0 } errors) { throw new InvalidOperationException("Errors were logged that the test did not declare:\n" + string.Join('\n', errors.Select(static e => $"{e.Category} {e.EventId.Id}: {e.Message} {e.Exception}"))); }
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    /// <summary>A logger outside of any category.</summary>
    public ILogger ForTest() => CreateLogger("test");

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("The capture keeps entries itself.");

    /// <inheritdoc/>
    public void Dispose() => AssertNoUndeclaredErrors();

    private void Add(LogEntry entry)
    {
        _entries.Enqueue(entry);
        try
        {
            output?.WriteLine($"{entry.Level} {entry.Category}: {entry.Message} {entry.Exception}");
        }
        catch (InvalidOperationException)
        {
            // The test is over; a late line has nowhere to go.
        }
    }

    private sealed class Logger(LogCapture capture, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) { capture.Add(new LogEntry(logLevel, category, eventId, formatter(state, exception), exception)); }
        }
    }
}
