namespace Headwater.Mqtt.Server;

/// <summary>What the server knows of the door a connection came through.</summary>
/// <param name="Name">Short name shown with connections and given to <see cref="IMqttAccess"/>: <c>mqtt</c>, <c>mqtts</c>, <c>ws</c>, <c>open</c>.</param>
/// <param name="AllowsAnonymous">True lets an anonymous client do everything. Off by default; the host binds such a listener to loopback
/// only and shows a warning on every page.</param>
/// <param name="MaximumKeepAlive">Keep-alive cap of this listener alone, or null for <see cref="MqttServerOptions.KeepAliveCap"/>.</param>
public sealed record MqttListener(string Name, bool AllowsAnonymous = false, TimeSpan? MaximumKeepAlive = null);
