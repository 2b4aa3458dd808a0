namespace Headwater.Mqtt.Server;

/// <summary>What happened to a connection.</summary>
public enum ConnectionEventKind : byte
{
    /// <summary>A client signed in.</summary>
    Connected = 0,

    /// <summary>A signed-in client's connection ended.</summary>
    Disconnected = 1,

    /// <summary>A connection was refused before or at sign-in.</summary>
    Refused = 2,

    /// <summary>Two clients keep taking one client id from each other.</summary>
    Contested = 3,
}

/// <summary>One line of the connection history.</summary>
/// <param name="At">When.</param>
/// <param name="Kind">What.</param>
/// <param name="ClientId">Client identifier; empty before CONNECT was read.</param>
/// <param name="Name">Name of the identity; empty before sign-in.</param>
/// <param name="Listener">Listener name.</param>
/// <param name="Remote">Peer address and port.</param>
/// <param name="Reason">Reason code.</param>
/// <param name="Words">The reason in words.</param>
public sealed record ConnectionEvent(
    DateTimeOffset At, ConnectionEventKind Kind, string ClientId, string Name, string Listener, string Remote, ReasonCode Reason, string Words);

/// <summary>The last events, oldest overwritten first.</summary>
internal sealed class ConnectionEventRing(int capacity)
{
    private readonly Lock _gate = new();
    private readonly ConnectionEvent?[] _events = new ConnectionEvent?[capacity];
    private long _next;

    internal void Add(ConnectionEvent happened)
    {
        lock (_gate) { _events[_next++ % _events.Length] = happened; }
    }

    /// <summary>The newest first.</summary>
    internal IReadOnlyList<ConnectionEvent> Latest(int count)
    {
        lock (_gate)
        {
            var have = (int)Math.Min(Math.Min(count, _next), _events.Length);
            var result = new ConnectionEvent[Math.Max(0, have)];
            for (var i = 0; i < result.Length; i++) { result[i] = _events[(_next - 1 - i) % _events.Length]!; }
            return result;
        }
    }
}
