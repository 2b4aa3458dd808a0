namespace Headwater.HeadEnd.Access;

/// <summary>A credential as people see it; the secret is kept nowhere.</summary>
/// <param name="CredentialId">Number.</param>
/// <param name="Kind">What it is.</param>
/// <param name="UserName">User name to sign in with.</param>
/// <param name="DeviceId">Text id of its device, or null.</param>
/// <param name="PublishFilters">Services: topic filters to publish to.</param>
/// <param name="SubscribeFilters">Services: topic filters to subscribe to.</param>
/// <param name="Label">What it is for.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ExpiresAt">When it ends by itself, or null.</param>
/// <param name="RevokedAt">When it was revoked, or null.</param>
public sealed record Credential(
    long CredentialId, CredentialKind Kind, string UserName, string? DeviceId, IReadOnlyList<string> PublishFilters, IReadOnlyList<string> SubscribeFilters,
    string Label, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? RevokedAt);

/// <summary>A new credential with its secret, shown once.</summary>
/// <param name="CredentialId">Number.</param>
/// <param name="UserName">User name.</param>
/// <param name="Secret">The secret.</param>
public sealed record NewCredential(long CredentialId, string UserName, string Secret);

/// <summary>What sign-in needs of a credential, kept in memory for all of them.</summary>
internal sealed record CachedCredential(
    long CredentialId, CredentialKind Kind, string UserName, string? DeviceId, byte[]? SecretHash, byte[]? CertificateSha256,
    IReadOnlyList<string> PublishFilters, IReadOnlyList<string> SubscribeFilters, DateTimeOffset? ExpiresAt, bool IsRevoked);
