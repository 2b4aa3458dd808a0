namespace Headwater.Accounts.Audit;

/// <summary>Who does something, as the audit trail names them.</summary>
/// <param name="Name"><c>person:NAME</c>, <c>token:NAME</c>, <c>command-line</c> or <c>system</c>.</param>
/// <param name="OrganizationId">The organization they act in; null for the installation itself.</param>
/// <param name="Remote">The peer's address, or null when there is none.</param>
public sealed record Actor(string Name, long? OrganizationId = null, string? Remote = null)
{
    /// <summary>The server itself.</summary>
    public static Actor System { get; } = new("system");

    /// <summary>An operator command run on the server's own machine.</summary>
    public static Actor CommandLine { get; } = new("command-line");
}
