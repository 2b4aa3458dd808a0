using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Headwater.Mqtt.Client;

/// <summary>Opens the byte stream to the server over any transport.</summary>
internal static class ClientDialling
{
    /// <summary>Time a closing WebSocket is given for its own good-bye.</summary>
    private static readonly TimeSpan WebSocketCloseTime = TimeSpan.FromSeconds(2);

    internal static async Task<Stream> OpenAsync(MqttClientOptions options, CancellationToken cancellationToken)
    {
        if (options.Transport is ClientTransport.WebSocket or ClientTransport.WebSocketTls)
        {
            return await OpenWebSocketAsync(options, cancellationToken);
        }

        var socket = await OpenSocketAsync(options, cancellationToken);
        var stream = new NetworkStream(socket, ownsSocket: true);
        if (options.Transport == ClientTransport.Tcp)
        {
            return stream;
        }

        var tls = new SslStream(stream, leaveInnerStreamOpen: false);
        try
        {
            await tls.AuthenticateAsClientAsync(TlsOptions(options), cancellationToken);
            return tls;
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    private static async Task<Socket> OpenSocketAsync(MqttClientOptions options, CancellationToken cancellationToken)
    {
        var socket = options.LocalAddress is { } local
            ? new Socket(local.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
            : new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // Our writes are whole packets already: waiting for more (Nagle) only delays acknowledgements.
            socket.NoDelay = true;
            if (options.LocalAddress is not null)
            {
                socket.Bind(new System.Net.IPEndPoint(options.LocalAddress, 0));
            }

            await socket.ConnectAsync(options.Host, options.Port, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static SslClientAuthenticationOptions TlsOptions(MqttClientOptions options)
    {
        var tls = new SslClientAuthenticationOptions
        {
            TargetHost = options.ServerName ?? options.Host,
            EnabledSslProtocols = SslProtocols.None, // the system's choice, which is 1.2 or later
        };
        if (options.ClientCertificate is { } certificate)
        {
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true);
        }

        if (options.AcceptAnyServerCertificate)
        {
            tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
        }
        else if (options.TrustedRoots is { } roots)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck, // a private authority publishes its list to the server, not to us
            };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        }

        return tls;
    }

    private static async Task<Stream> OpenWebSocketAsync(MqttClientOptions options, CancellationToken cancellationToken)
    {
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.AddSubProtocol("mqtt"); // [MQTT-6.0.0-3]
            socket.Options.KeepAliveInterval = TimeSpan.Zero; // MQTT has its own
            var tls = options.Transport == ClientTransport.WebSocketTls;
            if (tls && options.ClientCertificate is { } certificate)
            {
                socket.Options.ClientCertificates.Add(certificate);
            }

            if (tls && (options.AcceptAnyServerCertificate || options.TrustedRoots is not null))
            {
                socket.Options.RemoteCertificateValidationCallback = (_, served, _, errors) =>
                    options.AcceptAnyServerCertificate || IsTrusted(served, errors, options.TrustedRoots!);
            }

            var address = new UriBuilder(tls ? "wss" : "ws", options.Host, options.Port, options.WebSocketPath).Uri;
            await socket.ConnectAsync(address, cancellationToken);
            return WebSocketStream.Create(socket, WebSocketMessageType.Binary, WebSocketCloseTime);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static bool IsTrusted(X509Certificate? served, SslPolicyErrors errors, X509Certificate2Collection roots)
    {
        if (served is not X509Certificate2 certificate || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.AddRange(roots);
        return chain.Build(certificate);
    }
}
