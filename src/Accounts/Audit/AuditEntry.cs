namespace Headwater.Accounts.Audit;

/// <summary>One change, as the audit trail keeps it.</summary>
/// <param name="HappenedAt">When.</param>
/// <param name="Actor">Who, see <see cref="Audit.Actor.Name"/>.</param>
/// <param name="Remote">From which address, or null.</param>
/// <param name="Action">What, as <c>noun verb</c>: <c>device add</c>.</param>
/// <param name="Target">On what: a device id, a person's name.</param>
/// <param name="Detail">The particulars as JSON; never a secret.</param>
public sealed record AuditEntry(DateTimeOffset HappenedAt, string Actor, string? Remote, string Action, string Target, string Detail);
