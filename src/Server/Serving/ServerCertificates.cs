using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Headwater.Server.Configuration;

namespace Headwater.Server.Serving;

/// <summary>The server's certificate for TLS and the CAs whose device certificates are taken: from files, else self-made in the data folder.</summary>
/// <remarks>Self-made: ECDSA P-256; a CA for ten years and a server certificate for a year, renewed at a start within 30 days of its end.
/// Devices are given <c>tls/ca.crt</c> to trust.</remarks>
internal sealed record ServerCertificates(X509Certificate2 Server, X509Certificate2Collection ClientAuthorities)
{
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(30);

    internal static ServerCertificates Load(ServerSettings settings, TimeProvider time)
    {
        var folder = Path.Combine(settings.DataFolder, "tls");
        X509Certificate2 server;
        X509Certificate2? ownAuthority = null;
        if (settings["certificate"] is { } certificate)
        {
            server = WithKeyInMemory(X509Certificate2.CreateFromPemFile(certificate, settings["certificate-key"]));
        }
        else
        {
            ownAuthority = LoadOrMakeAuthority(folder, time);
            server = LoadOrMakeServer(folder, ownAuthority, settings, time);
        }
        var authorities = new X509Certificate2Collection();
        if (settings["client-ca"] is { } clientAuthorities) { authorities.ImportFromPemFile(clientAuthorities); }
        else if (ownAuthority is not null) { authorities.Add(X509CertificateLoader.LoadCertificate(ownAuthority.RawData)); }
        return new ServerCertificates(server, authorities);
    }

    private static X509Certificate2 LoadOrMakeAuthority(string folder, TimeProvider time)
    {
        var (certificateFile, keyFile) = (Path.Combine(folder, "ca.crt"), Path.Combine(folder, "ca.key"));
        if (File.Exists(certificateFile) && File.Exists(keyFile)) { return X509Certificate2.CreateFromPemFile(certificateFile, keyFile); }
        Directory.CreateDirectory(folder);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Headwater CA " + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4)), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        var now = time.GetUtcNow();
        var authority = request.CreateSelfSigned(now.AddHours(-1), now.AddYears(10));
        Write(certificateFile, keyFile, authority, key);
        return authority;
    }

    private static X509Certificate2 LoadOrMakeServer(string folder, X509Certificate2 authority, ServerSettings settings, TimeProvider time)
    {
        var (certificateFile, keyFile) = (Path.Combine(folder, "server.crt"), Path.Combine(folder, "server.key"));
        var now = time.GetUtcNow();
        if (File.Exists(certificateFile) && File.Exists(keyFile))
        {
            var found = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
            if (found.NotAfter.ToUniversalTime() - now.UtcDateTime > RenewBefore) { return WithKeyInMemory(found); }
            found.Dispose();
        }
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Headwater server", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false)); // id-kp-serverAuth
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddDnsName(Dns.GetHostName());
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        if (!settings.BindAddress.Equals(IPAddress.Any) && !settings.BindAddress.Equals(IPAddress.IPv6Any) && !IPAddress.IsLoopback(settings.BindAddress)) { names.AddIpAddress(settings.BindAddress); }
        request.CertificateExtensions.Add(names.Build());
        var authorityEnd = new DateTimeOffset(authority.NotAfter.ToUniversalTime(), TimeSpan.Zero);
        var end = now.AddDays(397) < authorityEnd ? now.AddDays(397) : authorityEnd;
        using var signed = request.Create(authority, now.AddHours(-1), end, RandomNumberGenerator.GetBytes(16));
        using var withKey = signed.CopyWithPrivateKey(key);
        Write(certificateFile, keyFile, withKey, key);
        return WithKeyInMemory(X509Certificate2.CreateFromPemFile(certificateFile, keyFile));
    }

    private static void Write(string certificateFile, string keyFile, X509Certificate2 certificate, ECDsa key)
    {
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem() + "\n");
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) { options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite; }
        using var stream = new FileStream(keyFile, options);
        using var writer = new StreamWriter(stream);
        writer.Write(key.ExportPkcs8PrivateKeyPem() + "\n");
    }

    // SslStream takes keys that were read from PEM only after a turn through PKCS #12 on some platforms.
    private static X509Certificate2 WithKeyInMemory(X509Certificate2 certificate)
    {
        using (certificate) { return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null); }
    }
}
