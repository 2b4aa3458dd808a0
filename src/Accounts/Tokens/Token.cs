namespace Headwater.Accounts.Tokens;

/// <summary>A token of the HTTP API, for the command line and services.</summary>
/// <param name="TokenId">Number.</param>
/// <param name="OrganizationId">The organization it acts in.</param>
/// <param name="Name">What it is for.</param>
/// <param name="Role">What it may do.</param>
/// <param name="CreatedBy">Name of the person who made it, or null.</param>
/// <param name="CreatedAt">When.</param>
/// <param name="ExpiresAt">When it ends by itself, or null.</param>
/// <param name="RevokedAt">When it was revoked, or null.</param>
/// <param name="LastUsedAt">Last use, to the minute, or null.</param>
public sealed record Token(
    long TokenId, long OrganizationId, string Name, Role Role, string? CreatedBy, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt,
    DateTimeOffset? RevokedAt, DateTimeOffset? LastUsedAt);
