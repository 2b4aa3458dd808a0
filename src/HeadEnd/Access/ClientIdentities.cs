using Headwater.Accounts;
using Headwater.HeadEnd.Registry;
using Headwater.Mqtt.Server;

namespace Headwater.HeadEnd.Access;

/// <summary>A client that signed in with a credential from the database: it ends when that is revoked.</summary>
public abstract class CredentialedIdentity : MqttIdentity
{
    private protected CredentialedIdentity(long? credentialId, byte[]? certificateSha256)
    {
        CredentialId = credentialId;
        CertificateSha256 = certificateSha256;
    }

    /// <summary>The credential, or null for a certificate known only by its issuer.</summary>
    public long? CredentialId { get; }

    /// <summary>SHA-256 of the certificate's leaf, or null.</summary>
    internal byte[]? CertificateSha256 { get; }
}

/// <summary>A device: a meter, a concentrator or a gateway.</summary>
/// <remarks>Its owner is its text id, which cannot hold a colon; every other owner does, so none can be taken for a device's.</remarks>
public sealed class DeviceIdentity : CredentialedIdentity
{
    private readonly DevicePresence? _presence;

    internal DeviceIdentity(RegisteredDevice device, long? credentialId, byte[]? certificateSha256 = null, DevicePresence? presence = null)
        : base(credentialId, certificateSha256)
    {
        Device = device;
        _presence = presence;
    }

    /// <summary>The device.</summary>
    public RegisteredDevice Device { get; }

    /// <inheritdoc/>
    public override string Name => Device.TextId;

    /// <inheritdoc/>
    public override string Owner => Device.TextId;

    /// <inheritdoc/>
    public override bool IsOperator => false;

    /// <inheritdoc/>
    public override void Connected(string remote) => _presence?.Connect(Device, remote);

    /// <inheritdoc/>
    public override void Disconnected() => _presence?.Disconnect(Device);
}

/// <summary>A service with topic filters of its own.</summary>
public sealed class ServiceIdentity : CredentialedIdentity
{
    internal ServiceIdentity(long credentialId, string userName, IReadOnlyList<string> publishFilters, IReadOnlyList<string> subscribeFilters)
        : base(credentialId, certificateSha256: null)
    {
        Name = userName;
        PublishFilters = publishFilters;
        SubscribeFilters = subscribeFilters;
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Owner => "service:" + Name;

    /// <inheritdoc/>
    public override bool IsOperator => false;

    /// <summary>Topic filters it may publish to.</summary>
    public IReadOnlyList<string> PublishFilters { get; }

    /// <summary>Topic filters it may subscribe to, and narrower ones.</summary>
    public IReadOnlyList<string> SubscribeFilters { get; }
}

/// <summary>A signed-in person's MQTT client in the page.</summary>
public sealed class PersonIdentity : MqttIdentity
{
    internal PersonIdentity(long personId, string name, Role role, int securityVersion)
    {
        PersonId = personId;
        Name = name;
        Role = role;
        SecurityVersion = securityVersion;
    }

    /// <summary>Number of the person.</summary>
    public long PersonId { get; }

    /// <summary>Their role at sign-in.</summary>
    public Role Role { get; }

    /// <summary>Their security version at sign-in; a newer one ends the connection.</summary>
    public int SecurityVersion { get; }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Owner => "person:" + Name;

    /// <inheritdoc/>
    public override bool IsOperator => Role.Includes(Role.Operator);
}

/// <summary>Whoever comes through the open listener: may do everything.</summary>
public sealed class AnonymousIdentity : MqttIdentity
{
    internal AnonymousIdentity(string? userName) => Name = string.IsNullOrEmpty(userName) ? "anonymous" : "anonymous " + userName;

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Owner => "listener:open";

    /// <inheritdoc/>
    public override bool IsOperator => true;
}
