using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Headwater.Mqtt.Server;
using Headwater.Server.Configuration;
using Headwater.Web;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Headwater.Server.Serving;

/// <summary>The ports devices connect to.</summary>
internal static class MqttListeners
{
    internal const string Plain = "mqtt";
    internal const string Tls = "mqtts";
    internal const string Unguarded = "open";
    internal const string WebSocket = "ws";

    /// <summary>The listeners in the order their ports are bound; the WebSocket shares the pages' port and stands last.</summary>
    internal static List<ListenerInForce> Of(ServerSettings settings)
    {
        var address = settings.BindAddress.ToString();
        var listeners = new List<ListenerInForce>();
        if (settings.MqttPort is { } plain) { listeners.Add(new ListenerInForce(Plain, address, plain, Tls: false, Anonymous: false)); }
        if (settings.MqttsPort is { } tls) { listeners.Add(new ListenerInForce(Tls, address, tls, Tls: true, Anonymous: false)); }
        if (settings.OpenListenerPort is { } open) { listeners.Add(new ListenerInForce(Unguarded, IPAddress.Loopback.ToString(), open, Tls: false, Anonymous: true)); }
        listeners.Add(new ListenerInForce(WebSocket, address, settings.PagePort, Tls: false, Anonymous: false));
        return listeners;
    }

    /// <summary>Adds the endpoints, in the same order.</summary>
    internal static void Open(KestrelServerOptions kestrel, ServerSettings settings, ServerCertificates? certificates)
    {
        var address = settings.BindAddress;
        if (settings.MqttPort is { } plain)
        {
            kestrel.Listen(address, plain, static endpoint => endpoint.UseMqtt(new MqttListener(Plain)));
        }
        if (settings.MqttsPort is { } tls && certificates is not null)
        {
            kestrel.Listen(address, tls, endpoint => endpoint.UseMqttTls(new MqttListener(Tls), _ => ValueTask.FromResult(new SslServerAuthenticationOptions
            {
                ServerCertificate = certificates.Server,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                // Asked for, not insisted on: secrets may be used over TLS too. The handshake proves that the peer holds the key; whether
                // the certificate is taken is judged at sign-in, where a refusal can be said in words.
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = static (_, _, _, _) => true,
            })));
        }
        if (settings.OpenListenerPort is { } open)
        {
            // Loopback whatever bind says: anybody may do everything here.
            kestrel.Listen(IPAddress.Loopback, open, static endpoint => endpoint.UseMqtt(new MqttListener(Unguarded, AllowsAnonymous: true)));
        }
    }
}
