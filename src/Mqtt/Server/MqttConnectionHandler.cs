using Microsoft.AspNetCore.Connections;

namespace Headwater.Mqtt.Server;

/// <summary>Kestrel's door to the server: one call per connection, TCP or TLS.</summary>
/// <remarks>For hosts that build their pipeline themselves: a <see cref="MqttListener"/> set as a connection feature names the listener.
/// <see cref="MqttHosting.UseMqtt"/> goes straight to the server.</remarks>
/// <param name="server">The server.</param>
public sealed class MqttConnectionHandler(MqttServer server) : ConnectionHandler
{
    private static readonly MqttListener Unnamed = new("mqtt");

    /// <inheritdoc/>
    public override Task OnConnectedAsync(ConnectionContext connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return server.ServeAsync(connection, connection.Features.Get<MqttListener>() ?? Unnamed);
    }
}
