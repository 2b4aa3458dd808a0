using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Headwater.Accounts;
using Headwater.Accounts.Audit;
using Headwater.Accounts.People;
using Headwater.Accounts.Secrets;
using Headwater.Devices;
using Headwater.HeadEnd.Access;
using Headwater.HeadEnd.Registry;
using Headwater.HeadEnd.Tests.Ingest;
using Headwater.Mqtt;
using Headwater.Mqtt.Server;
using Headwater.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Headwater.HeadEnd.Tests.Access;

public sealed class MqttAccessTests(IngestFixture database) : IClassFixture<IngestFixture>
{
    private static readonly Actor Tester = new("system", 1);

    [Fact]
    public async Task A_device_signs_in_with_its_secret_and_its_own_client_id_only()
    {
        await using var parts = await PartsAsync();
        var device = await parts.DeviceAsync();
        var made = await parts.Credentials.CreateForDeviceAsync(Tester, device, "", CancellationToken.None);
        (await parts.SignInAsync(device.TextId, made.UserName, made.Secret)).Identity.ShouldBeOfType<DeviceIdentity>().Device.ShouldBeSameAs(device);
        (await parts.SignInAsync("another", made.UserName, made.Secret)).Reason.ShouldBe(ReasonCode.ClientIdentifierNotValid);
        (await parts.SignInAsync("", made.UserName, made.Secret)).Reason.ShouldBe(ReasonCode.ClientIdentifierNotValid);
        foreach (var wrong in new[] { "", " ", made.Secret + "\0", made.Secret[..^1], made.Secret.ToUpperInvariant() }) { (await parts.SignInAsync(device.TextId, made.UserName, wrong)).Reason.ShouldBe(ReasonCode.BadUserNameOrPassword); }
        (await parts.SignInAsync(device.TextId, "nobody", made.Secret)).Reason.ShouldBe(ReasonCode.BadUserNameOrPassword);
    }

    [Fact]
    public async Task Sign_in_goes_on_when_the_database_is_away()
    {
        await using var parts = await PartsAsync();
        var device = await parts.DeviceAsync();
        var made = await parts.Credentials.CreateForDeviceAsync(Tester, device, "", CancellationToken.None);
        await parts.Source.DisposeAsync();
        (await parts.SignInAsync(device.TextId, made.UserName, made.Secret)).Reason.ShouldBe(ReasonCode.Success);
    }

    [Fact]
    public async Task Live_connections_end_when_their_credential_is_revoked_or_their_device_suspended()
    {
        await using var parts = await PartsAsync();
        var ended = new List<string>();
        var device = await parts.DeviceAsync();
        var made = await parts.Credentials.CreateForDeviceAsync(Tester, device, "", CancellationToken.None);
        var identity = (await parts.SignInAsync(device.TextId, made.UserName, made.Secret)).Identity!;
        parts.Access.Disconnect = (isMeant, words) =>
        {
            if (!isMeant(identity)) { return 0; }
            ended.Add(words);
            return 1;
        };
        await parts.Registry.ChangeDeviceAsync(Tester, device, new DeviceChange("renamed", Status: null, TimeZone: null), CancellationToken.None);
        ended.ShouldBeEmpty();
        await parts.Registry.ChangeDeviceAsync(Tester, device, new DeviceChange(Name: null, DeviceStatus.Suspended, TimeZone: null), CancellationToken.None);
        (await parts.SignInAsync(device.TextId, made.UserName, made.Secret)).Reason.ShouldBe(ReasonCode.NotAuthorized);
        (await parts.Credentials.RevokeAsync(Tester, 1, made.CredentialId, CancellationToken.None)).ShouldBeTrue();
        ended.Count.ShouldBe(2);
        (await parts.SignInAsync(device.TextId, made.UserName, made.Secret)).Reason.ShouldBe(ReasonCode.BadUserNameOrPassword);
    }

    [Fact]
    public async Task Nobody_begins_a_session_under_a_devices_id_when_they_are_not_it()
    {
        await using var parts = await PartsAsync();
        var device = await parts.DeviceAsync();
        var service = (await parts.Credentials.CreateForServiceAsync(Tester, 1, "svc-" + device.TextId, "", ["#"], ["#"], CancellationToken.None)).ShouldNotBeNull();
        (await parts.SignInAsync(device.TextId, service.UserName, service.Secret)).Reason.ShouldBe(ReasonCode.ClientIdentifierNotValid);
        (await parts.SignInAsync("free-id", service.UserName, service.Secret)).Identity.ShouldBeOfType<ServiceIdentity>();
    }

    [Fact]
    public async Task A_fleets_secret_registers_new_devices_and_is_no_way_around_a_devices_own()
    {
        await using var parts = await PartsAsync(registersAutomatically: true);
        var fleet = await parts.Credentials.RenewForFleetAsync(Tester, 1, "fleet-" + Guid.NewGuid().ToString("N")[..6], "", CancellationToken.None);
        var id = "new-" + Guid.NewGuid().ToString("N")[..6];
        (await parts.SignInAsync(id, fleet.UserName, fleet.Secret)).Identity.ShouldBeOfType<DeviceIdentity>().Name.ShouldBe(id);
        var own = await parts.DeviceAsync();
        await parts.Credentials.CreateForDeviceAsync(Tester, own, "", CancellationToken.None);
        (await parts.SignInAsync(own.TextId, fleet.UserName, fleet.Secret)).Reason.ShouldBe(ReasonCode.BadUserNameOrPassword);
        var certified = await parts.DeviceAsync();
        await parts.Credentials.AddCertificateAsync(Tester, certified, new byte[32], "", CancellationToken.None);
        (await parts.SignInAsync(certified.TextId, fleet.UserName, fleet.Secret)).Reason.ShouldBe(ReasonCode.BadUserNameOrPassword);
        foreach (var trick in new[] { "not/an id", "+", "#", "a/b", "$SYS", "+/up", own.TextId + "/#", "", " " })
        {
            (await parts.SignInAsync(trick, fleet.UserName, fleet.Secret)).Reason.ShouldBe(ReasonCode.BadUserNameOrPassword, trick);
        }
    }

    [Fact]
    public async Task A_certificate_is_taken_by_its_authority_or_fingerprint_and_refused_in_words_otherwise()
    {
        var (authority, stranger) = (Authority("CN=Ours"), Authority("CN=Ours"));
        await using var parts = await PartsAsync(authorities: [authority]);
        var device = await parts.DeviceAsync();
        var good = Leaf(authority, device.TextId);
        (await parts.SignInByCertificateAsync(device.TextId, good)).Identity.ShouldBeOfType<DeviceIdentity>();
        (await parts.SignInByCertificateAsync("another", good)).Reason.ShouldBe(ReasonCode.ClientIdentifierNotValid);
        (await parts.SignInByCertificateAsync(device.TextId, Leaf(stranger, device.TextId))).ReasonText!.ShouldContain("does not end in a CA");
        (await parts.SignInByCertificateAsync(device.TextId, Leaf(authority, device.TextId, days: -1))).ReasonText!.ShouldContain("expired");
        (await parts.SignInByCertificateAsync(device.TextId, Leaf(authority, device.TextId, usage: "1.3.6.1.5.5.7.3.1"))).ReasonText!.ShouldContain("client authentication");
        (await parts.SignInByCertificateAsync("unknown-device", Leaf(authority, "unknown-device"))).ReasonText!.ShouldContain("no registered device");

        var pinned = Leaf(stranger, "any-name");
        var id = (await parts.Credentials.AddCertificateAsync(Tester, device, pinned.GetCertHash(HashAlgorithmName.SHA256), "", CancellationToken.None)).ShouldNotBeNull();
        (await parts.SignInByCertificateAsync(device.TextId, pinned)).Identity.ShouldBeOfType<DeviceIdentity>();
        await parts.Credentials.RevokeAsync(Tester, 1, id, CancellationToken.None);
        (await parts.SignInByCertificateAsync(device.TextId, pinned)).ReasonText.ShouldBe("the certificate is revoked");
        await parts.Credentials.LoadAsync(CancellationToken.None);
        (await parts.SignInByCertificateAsync(device.TextId, pinned)).ReasonText.ShouldBe("the certificate is revoked");
    }

    [Fact]
    public async Task A_live_session_of_a_certificate_ends_when_it_is_revoked_also_when_its_authority_had_let_it_in()
    {
        var authority = Authority("CN=Ours");
        await using var parts = await PartsAsync(authorities: [authority]);
        var device = await parts.DeviceAsync();
        var (lost, kept) = (Leaf(authority, device.TextId), Leaf(authority, device.TextId));
        var (live, other) = ((await parts.SignInByCertificateAsync(device.TextId, lost)).Identity!, (await parts.SignInByCertificateAsync(device.TextId, kept)).Identity!);
        var ended = new List<MqttIdentity>();
        parts.Access.Disconnect = (isMeant, _) =>
        {
            ended.AddRange(new[] { live, other }.Where(isMeant));
            return ended.Count;
        };
        var id = (await parts.Credentials.AddCertificateAsync(Tester, device, lost.GetCertHash(HashAlgorithmName.SHA256), "lost", CancellationToken.None)).ShouldNotBeNull();
        ended.ShouldBeEmpty();
        await parts.Credentials.RevokeAsync(Tester, 1, id, CancellationToken.None);
        ended.ShouldBe([live]);
        (await parts.SignInByCertificateAsync(device.TextId, lost)).ReasonText.ShouldBe("the certificate is revoked");
        (await parts.SignInByCertificateAsync(device.TextId, kept)).Identity.ShouldNotBeNull();
    }

    [Fact]
    public async Task Blank_and_cut_credentials_are_refused_like_unknown_ones()
    {
        await using var parts = await PartsAsync();
        var device = await parts.DeviceAsync();
        var made = await parts.Credentials.CreateForDeviceAsync(Tester, device, "", CancellationToken.None);
        var unknown = await parts.SignInAsync(device.TextId, "nobody", "nothing");
        foreach (var (user, password) in new (string?, string?)[]
        {
            (null, null), ("", ""), (made.UserName, null), (made.UserName, ""), (null, made.Secret), ("", made.Secret), (" ", " "), ("\n", "\n"),
            (made.UserName, "\0"), (made.UserName, "\0" + made.Secret), (made.UserName, made.Secret + "\0x"), (made.UserName + "\0", made.Secret), (made.UserName + " ", made.Secret),
            (made.UserName, made.Secret + "\n"), (made.UserName, new string('x', 60_000)), (new string('x', 60_000), made.Secret),
        })
        {
            // The same words and reason whether the name, the password or both are wrong: nothing to learn from.
            (await parts.SignInAsync(device.TextId, user, password)).ShouldBe(unknown);
        }
    }

    [Fact]
    public async Task A_known_name_takes_no_longer_to_refuse_than_an_unknown_one()
    {
        await using var parts = await PartsAsync();
        var device = await parts.DeviceAsync();
        var made = await parts.Credentials.CreateForDeviceAsync(Tester, device, "", CancellationToken.None);
        var known = new List<double>();
        var unknown = new List<double>();
        for (var i = 0; i < 3_000; i++)
        {
            (i % 2 == 0 ? known : unknown).Add(await TimeAsync(i % 2 == 0 ? made.UserName : "nobody-" + made.UserName));
        }

        // Medians, in turn, on a busy machine: a look-up apart would show as a multiple, not as a few parts in a hundred.
        var ratio = Median(known) / Median(unknown);
        ratio.ShouldBeInRange(0.5, 2);

        async Task<double> TimeAsync(string name)
        {
            var began = TimeProvider.System.GetTimestamp();
            (await parts.SignInAsync("x", name, "wrong")).Identity.ShouldBeNull();
            return TimeProvider.System.GetElapsedTime(began).TotalMicroseconds;
        }

        static double Median(List<double> times)
        {
            times.Sort();
            return times[times.Count / 2];
        }
    }

    [Fact]
    public async Task A_hundred_thousand_credentials_are_in_memory_when_loaded()
    {
        await using var parts = await PartsAsync();
        await using (var command = parts.Source.CreateCommand("insert into headend.credential (organization_id, kind, user_name, secret_hash) select 1, 3, 'many-' || i, sha256(i::text::bytea) from generate_series(1, 100000) i"))
        {
            await command.ExecuteNonQueryAsync();
        }
        await parts.Credentials.LoadAsync(CancellationToken.None);
        parts.Credentials.Count.ShouldBeGreaterThanOrEqualTo(100_000);
    }

    private static X509Certificate2 Authority(string name)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        return request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-10), TimeProvider.System.GetUtcNow().AddDays(10));
    }

    private static X509Certificate2 Leaf(X509Certificate2 authority, string name, int days = 1, string usage = "1.3.6.1.5.5.7.3.2")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        return request.Create(authority, TimeProvider.System.GetUtcNow().AddDays(-9), TimeProvider.System.GetUtcNow().AddDays(days), RandomNumberGenerator.GetBytes(8));
    }

    private async Task<Parts> PartsAsync(bool registersAutomatically = false, X509Certificate2Collection? authorities = null)
    {
        var parts = new Parts(NpgsqlDataSource.Create(database.ConnectionString), registersAutomatically, authorities ?? []);
        await parts.Registry.LoadAsync(CancellationToken.None);
        await parts.Credentials.LoadAsync(CancellationToken.None);
        return parts;
    }

    private sealed class Parts : IAsyncDisposable
    {
        internal Parts(NpgsqlDataSource source, bool registersAutomatically, X509Certificate2Collection authorities)
        {
            Source = source;
            var audit = new AuditTrail(source);
            Registry = new DeviceRegistry(source, audit, new DeviceRegistryOptions { DefaultOrganizationId = 1, RegistersAutomatically = registersAutomatically }, TimeProvider.System, NullLogger<DeviceRegistry>.Instance);
            Credentials = new CredentialDirectory(source, audit, new KeyedHash(new byte[32]));
            var people = new PeopleDirectory(source, audit, new AccountsOptions());
            var options = new AccessOptions { ClientAuthorities = authorities };
            Access = new MqttAccess(Registry, presence: null, Credentials, new PageClients(people, options, TimeProvider.System), people, options, TimeProvider.System, NullLogger<MqttAccess>.Instance);
        }

        internal NpgsqlDataSource Source { get; }

        internal DeviceRegistry Registry { get; }

        internal CredentialDirectory Credentials { get; }

        internal MqttAccess Access { get; }

        public async ValueTask DisposeAsync()
        {
            await Registry.DisposeAsync();
            await Source.DisposeAsync();
        }

        internal Task<RegisteredDevice> DeviceAsync() => Registry.RegisterAutomaticallyAsync("d-" + Guid.NewGuid().ToString("N")[..8], DeviceClass.ElectricityMeter, carrier: null, CancellationToken.None).Within();

        internal Task<SignInVerdict> SignInAsync(string clientId, string? userName, string? password) => Access.SignInAsync(
            new SignInRequest(clientId, userName, password is null ? null : Encoding.UTF8.GetBytes(password).AsMemory(), Certificate: null, "mqtt", AllowsAnonymous: false, IPAddress.Loopback), CancellationToken.None).AsTask().Within();

        internal Task<SignInVerdict> SignInByCertificateAsync(string clientId, X509Certificate2 certificate) => Access.SignInAsync(
            new SignInRequest(clientId, UserName: null, Password: null, certificate, "mqtts", AllowsAnonymous: false, IPAddress.Loopback), CancellationToken.None).AsTask().Within();
    }
}
