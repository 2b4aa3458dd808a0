using Headwater.Accounts.Organizations;

namespace Headwater.Accounts.People;

/// <summary>Somebody who signs in to the pages.</summary>
/// <param name="PersonId">Number.</param>
/// <param name="Organization">The organization they belong to.</param>
/// <param name="Name">Name they sign in with; unique without regard to case.</param>
/// <param name="DisplayName">Name shown.</param>
/// <param name="Role">What they may do.</param>
/// <param name="MustChangePassword">True after a password was generated for them.</param>
/// <param name="IsDisabled">True: cannot sign in, and live sign-ins end.</param>
/// <param name="SecurityVersion">Grows with each change of role, password or disabling; a sign-in with an older number ends.</param>
/// <param name="Preferences">Their preferences, a JSON object.</param>
/// <param name="CreatedAt">When they were added.</param>
/// <param name="LastSignedInAt">Last sign-in, or null.</param>
public sealed record Person(
    long PersonId, Organization Organization, string Name, string DisplayName, Role Role, bool MustChangePassword, bool IsDisabled,
    int SecurityVersion, string Preferences, DateTimeOffset CreatedAt, DateTimeOffset? LastSignedInAt);
