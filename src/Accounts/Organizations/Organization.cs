namespace Headwater.Accounts.Organizations;

/// <summary>Whom devices, people and readings belong to.</summary>
/// <param name="OrganizationId">Number.</param>
/// <param name="TextId">Text id, 1 to 64 of <c>A-Z a-z 0-9 . _ -</c>.</param>
/// <param name="Name">What it is called.</param>
/// <param name="TimeZone">IANA time zone of its pages.</param>
public sealed record Organization(long OrganizationId, string TextId, string Name, string TimeZone);
