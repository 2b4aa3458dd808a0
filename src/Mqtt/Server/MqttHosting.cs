using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Headwater.Mqtt.Server;

/// <summary>Puts the server into a host.</summary>
public static class MqttHosting
{
    private static readonly List<SslApplicationProtocol> Protocols = [new("mqtt")];

    /// <summary>Adds the server. The host adds <see cref="IMqttAccess"/>; without an <see cref="ICommitLane"/> of its own nothing survives a restart.</summary>
    /// <param name="services">The container.</param>
    /// <param name="configure">Sets limits, or null.</param>
    public static IServiceCollection AddMqttServer(this IServiceCollection services, Action<MqttServerOptions>? configure = null)
    {
        services.AddOptions<MqttServerOptions>();
        if (configure is not null) { services.Configure(configure); }
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ICommitLane, VolatileLane>();
        services.AddSingleton<MqttServer>();
        services.AddSingleton<MqttConnectionHandler>();

        // Kestrel opens its ports after hosted services have started, so sessions are back before the first client.
        services.AddHostedService<MqttServerLifetime>();
        return services;
    }

    /// <summary>Serves MQTT on a Kestrel endpoint.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="listener">Its name and whether anonymous clients may do everything.</param>
    public static void UseMqtt(this ListenOptions endpoint, MqttListener listener)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        ArgumentNullException.ThrowIfNull(listener);
        var server = endpoint.ApplicationServices.GetRequiredService<MqttServer>();
        if (listener.AllowsAnonymous)
        {
            if (endpoint.IPEndPoint is { } bound && !IPAddress.IsLoopback(bound.Address))
            {
                throw new InvalidOperationException($"Listener {listener.Name} lets anonymous clients do everything and may only be bound to loopback, not to {bound}.");
            }

            server.NoteAnonymousListener(listener.Name);
        }

        // Straight to the server: a handler and a feature per connection would cost a few hundred bytes each.
        endpoint.Run(connection =>
        {
            if (connection.Features.Get<Handshake>() is { } handshake) { handshake.IsDone = true; }
            return server.ServeAsync(connection, listener);
        });
    }

    /// <summary>Says in words why a handshake is about to fail, for the connection history: called from the certificate's judgement.</summary>
    /// <param name="connection">The connection of the handshake.</param>
    /// <param name="words">For example <c>certificate revoked</c>.</param>
    public static void NoteRefusal(BaseConnectionContext connection, string words)
    {
        ArgumentNullException.ThrowIfNull(connection);
        if (connection.Features.Get<Handshake>() is { } handshake) { handshake.Words = words; }
    }

    /// <summary>Serves MQTT over TLS on a Kestrel endpoint.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="listener">Its name.</param>
    /// <param name="options">Asked for each handshake, so that certificates and revocation lists change without a restart. Whether a client
    /// certificate is needed and how it is judged is set there; the judged certificate reaches <see cref="IMqttAccess"/>.</param>
    /// <param name="handshakeTimeout">Time for a whole handshake; half-open ones are cut. 10 s when null.</param>
    public static void UseMqttTls(
        this ListenOptions endpoint, MqttListener listener, Func<TlsHandshakeCallbackContext, ValueTask<SslServerAuthenticationOptions>> options,
        TimeSpan? handshakeTimeout = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(listener);
        var server = endpoint.ApplicationServices.GetRequiredService<MqttServer>();
        endpoint.Use(next => async connection =>
        {
            var handshake = new Handshake();
            connection.Features.Set(handshake);
            await next(connection);
            if (!handshake.IsDone) { server.HandshakeFailed(connection, listener, handshake.Words); }
        });
        endpoint.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = handshakeTimeout ?? TimeSpan.FromSeconds(10),
            OnConnection = async context =>
            {
                var chosen = await options(context);
                chosen.ApplicationProtocols ??= Protocols;
                // Not what the machine's own settings allow: nothing before TLS 1.2, whatever they say (RFC 8996).
                if (chosen.EnabledSslProtocols == SslProtocols.None) { chosen.EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13; }
                return chosen;
            },
        });
        endpoint.UseMqtt(listener);
    }

    /// <summary>How far a connection's TLS handshake came.</summary>
    private sealed class Handshake
    {
        internal bool IsDone { get; set; }

        internal string Words { get; set; } = "TLS handshake failed: no TLS, no common version, or a certificate that was not accepted";
    }

    /// <summary>Transport settings under which an idle connection is small: no buffer while nothing arrives, small pipes.</summary>
    /// <param name="options">Kestrel's socket transport.</param>
    public static void Tune(SocketTransportOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.WaitForDataBeforeAllocatingBuffer = true;
        options.NoDelay = true;
        options.MaxReadBufferSize = 64 * 1024;
        options.MaxWriteBufferSize = 64 * 1024;
        options.Backlog = 4_096; // a feeder's worth of meters reconnects at once after an outage
    }
}

/// <summary>Starts and stops the server with its host.</summary>
/// <remarks>Clients are told as soon as the host begins to stop: Kestrel waits for its connections before hosted services stop.</remarks>
internal sealed class MqttServerLifetime(MqttServer server, IHostApplicationLifetime host) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await server.StartAsync(cancellationToken);
        host.ApplicationStopping.Register(() => _ = server.StopAsync(CancellationToken.None));
    }

    public Task StopAsync(CancellationToken cancellationToken) => server.StopAsync(cancellationToken);
}
