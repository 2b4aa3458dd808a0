namespace Headwater.Simulator.Fleet;

/// <summary>One MQTT connection as a station needs it. The real one is MqttMeterConnection; tests use one in memory.</summary>
internal interface IMeterConnection : IAsyncDisposable
{
    /// <summary>Connects with the station's will and waits for the server's yes. Tries again until then or until cancelled.</summary>
    Task ConnectAsync(CancellationToken cancellationToken);

    /// <summary>Hands over one message; waits while the in-flight window is full. Sends it again after a lost connection.</summary>
    ValueTask PublishAsync(OutgoingMessage message, CancellationToken cancellationToken);

    /// <summary>Completes when the server has acknowledged everything handed over.</summary>
    Task WhenAcknowledgedAsync(CancellationToken cancellationToken);

    /// <summary>Ends the connection with DISCONNECT: the will is not published.</summary>
    Task DisconnectAsync(CancellationToken cancellationToken);

    /// <summary>Ends the connection as a power failure does: the will is published.</summary>
    Task CutAsync();
}

/// <summary>Makes a station's connection.</summary>
internal delegate IMeterConnection ConnectionMaker(Station station);
