using Microsoft.AspNetCore.Connections;

namespace Headwater.Mqtt.Server;

/// <summary>Kestrel's door to the server: one call per connection, TCP or TLS.</summary>
/// <remarks>The listener is told by a feature that <see cref="MqttHosting.UseMqtt"/> sets.</remarks>
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
