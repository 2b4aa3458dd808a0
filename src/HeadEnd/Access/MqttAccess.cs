using System.Security.Cryptography;
using Headwater.Accounts.People;
using Headwater.Devices;
using Headwater.Devices.Uplink;
using Headwater.HeadEnd.Ingest;
using Headwater.HeadEnd.Registry;
using Headwater.Mqtt;
using Headwater.Mqtt.Server;
using Microsoft.Extensions.Logging;

namespace Headwater.HeadEnd.Access;

/// <summary>Who signs in to the broker and what each may do there. Judges from memory: works while the database is away.</summary>
/// <remarks>Slowing down of guesses is the MQTT server's own; here every judgement takes the same time whether the name is known or not.</remarks>
public sealed class MqttAccess : IMqttAccess
{
    private static readonly SignInVerdict Unknown = new(Identity: null, ReasonCode.BadUserNameOrPassword, "user name or password is not right");

    private readonly DeviceRegistry _registry;
    private readonly DevicePresence? _presence;
    private readonly CredentialDirectory _credentials;
    private readonly PageClients _pages;
    private readonly CertificateJudge _judge;
    private readonly AccessOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<MqttAccess> _logger;

    /// <summary>Listens to changes of devices, credentials and people, to end what they no longer allow.</summary>
    public MqttAccess(
        DeviceRegistry registry, DevicePresence? presence, CredentialDirectory credentials, PageClients pages, PeopleDirectory people, AccessOptions options, TimeProvider time,
        ILogger<MqttAccess> logger)
    {
        ArgumentNullException.ThrowIfNull(registry);
        ArgumentNullException.ThrowIfNull(credentials);
        ArgumentNullException.ThrowIfNull(people);
        _registry = registry;
        _presence = presence;
        _credentials = credentials;
        _pages = pages;
        _options = options;
        _time = time;
        _logger = logger;
        _judge = new CertificateJudge(options, time);
        registry.DeviceChanged = device => End(
            i => i is DeviceIdentity d && ReferenceEquals(d.Device, device) && device.Status != DeviceStatus.Active, "the device is no longer active");
        // Also who came in by a CA of ours before the certificate was put on the list and taken off it.
        credentials.Revoked = id => End(
            i => i is CredentialedIdentity c && (c.CredentialId == id || (c.CertificateSha256 is { } sha256 && credentials.FindCertificate(sha256) is { IsRevoked: true })),
            "the credential was revoked");
        people.RightsChanged = person => End(i => i is PersonIdentity p && p.PersonId == person.PersonId && p.SecurityVersion != person.SecurityVersion, "the person's rights changed");
    }

    /// <summary>Ends the connections of the identities that fit; set by the composition to the server's own.</summary>
    /// <remarks>A property, because the server is made with this object and cannot be there before it.</remarks>
    public Func<Func<MqttIdentity, bool>, string, int>? Disconnect { get; set; }

    /// <inheritdoc/>
    public async ValueTask<SignInVerdict> SignInAsync(SignInRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Certificate is not null) { return SignInByCertificate(request); }
        if (request.UserName is not { Length: > 0 and <= 200 } userName || request.Password is not { Length: > 0 and <= 512 } password)
        {
            return request.AllowsAnonymous ? Guard(request, new AnonymousIdentity(request.UserName)) : Unknown;
        }

        var credential = _credentials.Find(userName);
        if (_credentials.Hash.Matches(password.Span, credential?.SecretHash) && (credential!.ExpiresAt is null || credential.ExpiresAt > _time.GetUtcNow()))
        {
            return credential.Kind switch
            {
                CredentialKind.DeviceSecret when credential.DeviceId is { } id && _registry.TryGetDevice(id, out var device) => Admit(request, device, credential.CredentialId, sha256: null),
                CredentialKind.FleetSecret => await AdmitFromFleetAsync(request, credential, cancellationToken),
                CredentialKind.ServiceSecret => Guard(request, new ServiceIdentity(credential.CredentialId, credential.UserName, credential.PublishFilters, credential.SubscribeFilters)),
                _ => Unknown,
            };
        }
        if (_pages.Verify(userName, request.ClientId, password.Span) is { } person) { return new SignInVerdict(person, ReasonCode.Success); }
        return request.AllowsAnonymous ? Guard(request, new AnonymousIdentity(userName)) : Unknown;
    }

    /// <inheritdoc/>
    public TopicRoute RoutePublish(MqttIdentity identity, string topic)
    {
        var sender = (identity as DeviceIdentity)?.Device;
        var verdict = TopicRights.MayPublish(identity, topic) ? TopicVerdict.Uplink : TopicVerdict.Refused;
        return UplinkRouter.TryRoute(topic, sender, verdict == TopicVerdict.Uplink)
            // A mistyped uplink must not vanish as a message nobody listens to: it is refused, or held where a refusal cannot be said.
            ?? new TopicRoute(topic, verdict == TopicVerdict.Uplink && !UplinkTopic.LooksLikeUplink(topic) ? TopicVerdict.Broker : TopicVerdict.Refused);
    }

    /// <inheritdoc/>
    public bool MaySubscribe(MqttIdentity identity, string filter) => TopicRights.MaySubscribe(identity, filter);

    /// <inheritdoc/>
    public bool MayReceive(MqttIdentity identity, string topic) => TopicRights.MayReceive(identity, topic);

    private SignInVerdict SignInByCertificate(SignInRequest request)
    {
        var certificate = request.Certificate!;
        var sha256 = certificate.GetCertHash(HashAlgorithmName.SHA256);
        var known = _credentials.FindCertificate(sha256);
        if (known is { IsRevoked: true }) { return Refused("the certificate is revoked"); }
        var fault = known is not null ? _judge.JudgeLeaf(certificate) : _judge.JudgeChain(certificate);
        if (fault is not null) { return Refused(fault); }
        var id = known?.DeviceId ?? CertificateJudge.CommonName(certificate);
        return id is not null && _registry.TryGetDevice(id, out var device)
            ? Admit(request, device, known?.CredentialId, sha256)
            : Refused("the certificate names no registered device");
    }

    private static SignInVerdict Refused(string words) => new(Identity: null, ReasonCode.NotAuthorized, words);

    private SignInVerdict Admit(SignInRequest request, RegisteredDevice device, long? credentialId, byte[]? sha256)
    {
        if (device.Status != DeviceStatus.Active) { return Refused("the device is not active"); }
        return string.Equals(request.ClientId, device.TextId, StringComparison.Ordinal)
            ? new SignInVerdict(new DeviceIdentity(device, credentialId, sha256, _presence), ReasonCode.Success)
            : new SignInVerdict(Identity: null, ReasonCode.ClientIdentifierNotValid, "the client id must be the device's id");
    }

    /// <summary>Lets anybody but a device in; nobody may begin a session under the id of a device.</summary>
    private SignInVerdict Guard(SignInRequest request, MqttIdentity identity) =>
        request.ClientId.Length > 0 && _registry.TryGetDevice(request.ClientId, out _)
            ? new SignInVerdict(Identity: null, ReasonCode.ClientIdentifierNotValid, "this client id belongs to a device")
            : new SignInVerdict(identity, ReasonCode.Success);

    /// <summary>Lets a device of the fleet in under its own id, unless it has a secret of its own: then the fleet's is not for it.</summary>
    private async ValueTask<SignInVerdict> AdmitFromFleetAsync(SignInRequest request, CachedCredential fleet, CancellationToken cancellationToken)
    {
        var id = request.ClientId;
        if (!_registry.Options.RegistersAutomatically || !DeviceTextId.IsValid(id)) { return Unknown; }
        if (_credentials.HasOwn(id)) { return Unknown; }
        if (!_registry.TryGetDevice(id, out var device))
        {
            try
            {
                // Nobody says yet what it is; by the field's custom a data concentrator unit is called dcu-something.
                var deviceClass = id.StartsWith("dcu", StringComparison.OrdinalIgnoreCase) ? DeviceClass.Concentrator : DeviceClass.ElectricityMeter;
                device = await _registry.RegisterAutomaticallyAsync(id, deviceClass, carrier: null, cancellationToken).WaitAsync(_options.RegistrationWait, _time, cancellationToken);
            }
            catch (TimeoutException)
            {
                return new SignInVerdict(Identity: null, ReasonCode.ServerUnavailable, "the device cannot be registered while the database is away");
            }
        }
        return Admit(request, device, fleet.CredentialId, sha256: null);
    }

    private void End(Func<MqttIdentity, bool> isMeant, string words)
    {
        if (Disconnect?.Invoke(isMeant, words) is > 0 and var count) { AccessLog.ConnectionsEnded(_logger, count, words); }
    }
}
