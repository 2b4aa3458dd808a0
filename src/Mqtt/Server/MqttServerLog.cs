using Microsoft.Extensions.Logging;

namespace Headwater.Mqtt.Server;

/// <summary>What the MQTT server writes to the log. Texts that peers can cause are rate limited by <see cref="LogBudget"/>.</summary>
internal static partial class MqttServerLog
{
    [LoggerMessage(1000, LogLevel.Debug, "Client {ClientId} ({Name}) connected on {Listener} from {Remote}")]
    internal static partial void Connected(this ILogger logger, string clientId, string name, string listener, string remote);

    [LoggerMessage(1001, LogLevel.Debug, "Client {ClientId} on {Listener} from {Remote} disconnected: {Reason} ({Words})")]
    internal static partial void Disconnected(this ILogger logger, string clientId, string listener, string remote, ReasonCode reason, string words);

    [LoggerMessage(1002, LogLevel.Information, "Connection from {Remote} on {Listener} refused, client {ClientId}: {Reason} ({Words}); {Suppressed} more like it not shown")]
    internal static partial void Refused(this ILogger logger, string remote, string listener, string clientId, ReasonCode reason, string words, long suppressed);

    [LoggerMessage(1003, LogLevel.Information, "Connection of client {ClientId} from {Remote} closed for what it sent: {Reason} ({Words}); {Suppressed} more like it not shown")]
    internal static partial void Malformed(this ILogger logger, string clientId, string remote, ReasonCode reason, string words, long suppressed);

    [LoggerMessage(1004, LogLevel.Warning, "Client id {ClientId} is contested: {Count} take-overs within a minute, now slowed; last from {Remote}; {Suppressed} more like it not shown")]
    internal static partial void Contested(this ILogger logger, string clientId, int count, string remote, long suppressed);

    [LoggerMessage(1005, LogLevel.Error, "Connection of client {ClientId} from {Remote} ended by a defect of the server; {Suppressed} more like it not shown")]
    internal static partial void Defect(this ILogger logger, Exception exception, string clientId, string remote, long suppressed);

    [LoggerMessage(1006, LogLevel.Information, "MQTT server started: {Sessions} sessions, {Queued} queued and {Retained} retained messages restored")]
    internal static partial void Started(this ILogger logger, int sessions, int queued, int retained);

    [LoggerMessage(1007, LogLevel.Information, "MQTT server stopped; {Connections} connections told")]
    internal static partial void Stopped(this ILogger logger, int connections);

    [LoggerMessage(1008, LogLevel.Warning, "Queue of session {ClientId} is full at {Messages} messages; newest messages are refused; {Suppressed} more like it not shown")]
    internal static partial void QueueFull(this ILogger logger, string clientId, int messages, long suppressed);

    [LoggerMessage(1009, LogLevel.Error, "Heartbeat failed; it goes on with the next tick")]
    internal static partial void HeartbeatFailed(this ILogger logger, Exception exception);

    [LoggerMessage(1010, LogLevel.Error, "Saving a change of session {ClientId} failed")]
    internal static partial void SaveFailed(this ILogger logger, Exception exception, string clientId);

    [LoggerMessage(1011, LogLevel.Warning, "Retained store is full at {Messages} messages; new topics are not retained; {Suppressed} more like it not shown")]
    internal static partial void RetainedFull(this ILogger logger, int messages, long suppressed);

    [LoggerMessage(1013, LogLevel.Warning, "A sign-in could not be judged; {Suppressed} more like it not shown")]
    internal static partial void SignInFailed(this ILogger logger, Exception exception, long suppressed);

    [LoggerMessage(1012, LogLevel.Warning, "Listener {Listener} lets anonymous clients do everything")]
    internal static partial void AnonymousListener(this ILogger logger, string listener);
}

/// <summary>Lets ten lines per reason and minute through and counts the rest, so that no peer can flood the log.</summary>
internal sealed class LogBudget(TimeProvider time)
{
    private const int PerMinute = 10;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Line> _lines = new(StringComparer.Ordinal);

    /// <summary>Whether a line may be written, and how many were held back before it.</summary>
    /// <param name="reason">One of a closed set of words, never a peer's text.</param>
    /// <param name="suppressed">Lines held back since the last one written.</param>
    internal bool Allows(string reason, out long suppressed)
    {
        suppressed = 0;
        lock (_gate)
        {
            if (!_lines.TryGetValue(reason, out var line))
            {
                // The set of reasons is closed; the bound only guards against a mistake here.
                if (_lines.Count >= 1_000) { _lines.Clear(); }
                _lines[reason] = line = new Line { Since = time.GetTimestamp() };
            }

            if (time.GetElapsedTime(line.Since) >= TimeSpan.FromMinutes(1))
            {
                line.Since = time.GetTimestamp();
                line.Written = 0;
            }

            if (line.Written >= PerMinute)
            {
                line.Suppressed++;
                return false;
            }

            line.Written++;
            suppressed = line.Suppressed;
            line.Suppressed = 0;
            return true;
        }
    }

    private sealed class Line
    {
        internal long Since;
        internal int Written;
        internal long Suppressed;
    }
}
