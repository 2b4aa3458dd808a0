using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Headwater.Mqtt.Server;
using Headwater.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Headwater.Mqtt.Tests.Server;

/// <summary>The server on real sockets: TCP, TLS with client certificates, WebSocket; each on a port the system chose.</summary>
internal sealed class SocketBroker : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly LogCapture _log;
    private readonly TemporaryFolder _folder;

    private SocketBroker(WebApplication application, LogCapture log, TemporaryFolder folder, int[] ports)
    {
        _application = application;
        _log = log;
        _folder = folder;
        (TcpPort, TlsPort, WebPort) = (ports[0], ports[1], ports[2]);
        Server = application.Services.GetRequiredService<MqttServer>();
    }

    internal int TcpPort { get; }

    internal int TlsPort { get; }

    internal int WebPort { get; }

    internal MqttServer Server { get; }

    internal string AuthorityFile => _folder["ca.pem"];

    internal string ClientCertificateFile => _folder["client.pem"];

    internal string ClientKeyFile => _folder["client.key"];

    internal static async Task<SocketBroker> StartAsync(ICommitLane? lane = null)
    {
        var folder = new TemporaryFolder();
        var log = new LogCapture();
        var authority = MakeAuthority(folder);
        var certificate = MakeCertificate(authority, "localhost", server: true);
        var client = MakeCertificate(authority, "meter-1", server: false);
        await File.WriteAllTextAsync(folder["client.pem"], client.ExportCertificatePem());
        using (var key = client.GetRSAPrivateKey()!) { await File.WriteAllTextAsync(folder["client.key"], key.ExportPkcs8PrivateKeyPem()); }

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton<IMqttAccess>(new TestAccess());
        if (lane is not null) { builder.Services.AddSingleton(lane); }
        builder.Services.AddMqttServer();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, endpoint => endpoint.UseMqtt(new MqttListener("mqtt")));
            kestrel.Listen(IPAddress.Loopback, 0, endpoint => endpoint.UseMqttTls(new MqttListener("mqtts"), handshake => ValueTask.FromResult(new SslServerAuthenticationOptions
            {
                ServerCertificate = certificate,
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = (_, given, _, _) =>
                {
                    if (given is not null && IsOurs(authority, given)) { return true; }
                    MqttHosting.NoteRefusal(handshake.Connection, given is null ? "no client certificate" : "client certificate of an unknown authority");
                    return false;
                },
            })));
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        builder.WebHost.UseSockets(MqttHosting.Tune);
        var application = builder.Build();
        application.UseWebSockets();
        application.MapMqtt("/mqtt", new MqttListener("ws"));
        await application.StartAsync();
        var ports = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(a => new Uri(a).Port).ToArray();
        return new SocketBroker(application, log, folder, ports);
    }

    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync().Within();
        await _application.DisposeAsync();
        _folder.Dispose();
        _log.AssertNoUndeclaredErrors();
    }

    private static bool IsOurs(X509Certificate2 authority, X509Certificate given)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(new X509Certificate2(given));
    }

    private static X509Certificate2 MakeAuthority(TemporaryFolder folder)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=Test authority", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var authority = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(30));
        File.WriteAllText(folder["ca.pem"], authority.ExportCertificatePem());
        return authority;
    }

    private static X509Certificate2 MakeCertificate(X509Certificate2 authority, string name, bool server)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, false));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(server ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2")], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        if (server) { names.AddIpAddress(IPAddress.Loopback); }
        request.CertificateExtensions.Add(names.Build());
        var signed = request.Create(authority, TimeProvider.System.GetUtcNow().AddHours(-1), TimeProvider.System.GetUtcNow().AddDays(20), RandomNumberGenerator.GetBytes(8));
        using var withKey = signed.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pfx), null, X509KeyStorageFlags.Exportable);
    }
}
