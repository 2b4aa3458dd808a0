namespace Headwater.Simulator.Fleet;

/// <summary>What the fleet has done so far. Counted from all stations at once.</summary>
internal sealed class FleetCounters
{
    private long _connected;
    private long _sent;
    private long _acknowledged;
    private long _refused;
    private long _lost;
    private long _bytes;
    private string? _trouble;

    /// <summary>Connections open now.</summary>
    internal long Connected => Interlocked.Read(ref _connected);

    /// <summary>Messages handed to a connection.</summary>
    internal long Sent => Interlocked.Read(ref _sent);

    /// <summary>Messages the server acknowledged (QoS 0: written).</summary>
    internal long Acknowledged => Interlocked.Read(ref _acknowledged);

    /// <summary>Messages the server acknowledged with an error code (MQTT 5).</summary>
    internal long Refused => Interlocked.Read(ref _refused);

    /// <summary>Connections that ended without being asked to.</summary>
    internal long Lost => Interlocked.Read(ref _lost);

    /// <summary>Payload bytes handed over.</summary>
    internal long Bytes => Interlocked.Read(ref _bytes);

    internal void CountConnected() => Interlocked.Increment(ref _connected);

    internal void CountDisconnected() => Interlocked.Decrement(ref _connected);

    internal void CountLost() => Interlocked.Increment(ref _lost);

    /// <summary>Keeps why a connection was lost or refused.</summary>
    internal void Note(string reason) => Volatile.Write(ref _trouble, reason);

    /// <summary>Why a connection was lost or refused since this was last asked; null when none was.</summary>
    internal string? TakeTrouble() => Interlocked.Exchange(ref _trouble, null);

    internal void CountSent(int bytes)
    {
        Interlocked.Increment(ref _sent);
        Interlocked.Add(ref _bytes, bytes);
    }

    internal void CountAcknowledged(bool refused)
    {
        Interlocked.Increment(ref _acknowledged);
        if (refused) { Interlocked.Increment(ref _refused); }
    }
}
