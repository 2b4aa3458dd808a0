namespace Headwater.Mqtt.Server;

/// <summary>Connections written to while one read or one run is worked off; flushed together at its end, so that a hundred messages to one
/// subscriber cost one flush.</summary>
internal sealed class DeliveryBatch
{
    [ThreadStatic]
    private static DeliveryBatch? spare;

    private readonly List<ClientConnection> _written = [];

    /// <summary>A batch for this thread; nested use gets one of its own.</summary>
    internal static DeliveryBatch Rent()
    {
        var batch = spare ?? new DeliveryBatch();
        spare = null;
        return batch;
    }

    internal void Wrote(ClientConnection connection)
    {
        if (connection.NeedsFlush()) { _written.Add(connection); }
    }

    /// <summary>Flushes everything written and gives the batch back.</summary>
    internal void FlushAndReturn()
    {
        foreach (var connection in _written) { connection.FlushNow(); }
        _written.Clear();
        spare = this;
    }
}
