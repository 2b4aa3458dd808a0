using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Headwater.Mqtt.Client;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Client;

/// <summary>A real mosquitto with its own folder and ports: plain, TLS with client certificates, WebSocket.</summary>
public sealed class MosquittoServer : IAsyncLifetime, IDisposable
{
    private static readonly string[] Places = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"];
    private readonly string _folder = Directory.CreateTempSubdirectory("hw-mosquitto-").FullName;
    private Process? _process;

    public int Port { get; } = FreePort();

    public int TlsPort { get; } = FreePort();

    public int WebSocketPort { get; } = FreePort();

    public X509Certificate2Collection Roots { get; } = [];

    public X509Certificate2? ClientCertificate { get; private set; }

    public bool IsThere { get; } = Places.Any(File.Exists);

    /// <summary>Skips a <c>[SkippableFact]</c> at home when the Debian package is missing; on CI that is a failure.</summary>
    public void Require() => ExternalService.RequireOrSkip(IsThere, "mosquitto is not there (apt-get install mosquitto).");

    /// <summary>The same for theories, which xunit 2 cannot skip from within.</summary>
    public bool Missing()
    {
        (ExternalService.IsRequired && !IsThere).ShouldBeFalse("mosquitto is not there (apt-get install mosquitto)");
        return !IsThere;
    }

    public async Task InitializeAsync()
    {
        if (!IsThere)
        {
            return;
        }

        WriteCertificates();
        await File.WriteAllTextAsync(Path.Combine(_folder, "users"), "");
        await File.WriteAllTextAsync(Path.Combine(_folder, "mosquitto.conf"), string.Join('\n',
            "user root", "persistence false", "allow_anonymous true", "max_inflight_messages 1000", "max_queued_messages 100000",
            $"listener {Port} 127.0.0.1",
            $"listener {WebSocketPort} 127.0.0.1", "protocol websockets",
            $"listener {TlsPort} 127.0.0.1", $"cafile {_folder}/ca.pem", $"certfile {_folder}/server.pem", $"keyfile {_folder}/server.key", "require_certificate true", ""));
        await StartAsync();
    }

    public async Task StartAsync()
    {
        _process = Process.Start(new ProcessStartInfo(Places.First(File.Exists), ["-c", Path.Combine(_folder, "mosquitto.conf")])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        _process.ErrorDataReceived += (_, _) => { };
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, Port, bound.Token);
                return;
            }
            catch (SocketException)
            {
                _process.HasExited.ShouldBeFalse("mosquitto did not start");
                await Task.Delay(20, bound.Token);
            }
        }
    }

    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
        _process.Dispose();
        _process = null;
    }

    public async Task DisposeAsync()
    {
        if (_process is not null)
        {
            await KillAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    public void Dispose()
    {
        ClientCertificate?.Dispose();
        _process?.Dispose();
    }

    public MqttClientOptions Options(ClientTransport transport = ClientTransport.Tcp) => new()
    {
        Port = transport switch { ClientTransport.Tcp => Port, ClientTransport.Tls => TlsPort, _ => WebSocketPort },
        Transport = transport,
        ServerName = "localhost",
        TrustedRoots = transport == ClientTransport.Tls ? Roots : null,
        ClientCertificate = transport == ClientTransport.Tls ? ClientCertificate : null,
        ClientId = "t" + Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture),
        ReconnectDelay = TimeSpan.FromMilliseconds(20),
        MaximumReconnectDelay = TimeSpan.FromMilliseconds(200),
    };

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void WriteCertificates()
    {
        var from = TimeProvider.System.GetUtcNow().AddDays(-1);
        var until = from.AddDays(30);
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootRequest = new CertificateRequest("CN=Headwater test root", rootKey, HashAlgorithmName.SHA256);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        rootRequest.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        using var root = rootRequest.CreateSelfSigned(from, until);
        Roots.Add(X509CertificateLoader.LoadCertificate(root.RawData));
        File.WriteAllText(Path.Combine(_folder, "ca.pem"), root.ExportCertificatePem());

        using var server = Issue(root, "CN=localhost", "1.3.6.1.5.5.7.3.1", from, until);
        File.WriteAllText(Path.Combine(_folder, "server.pem"), server.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder, "server.key"), server.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());

        using var client = Issue(root, "CN=meter_3105", "1.3.6.1.5.5.7.3.2", from, until);
        ClientCertificate = X509CertificateLoader.LoadPkcs12(client.Export(X509ContentType.Pkcs12), password: null);
    }

    private static X509Certificate2 Issue(X509Certificate2 root, string subject, string usage, DateTimeOffset from, DateTimeOffset until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var issued = request.Create(root, from, until, RandomNumberGenerator.GetBytes(8));
        return issued.CopyWithPrivateKey(key);
    }
}
