namespace Headwater.Accounts;

/// <summary>What a person or token may do. Persisted as its number; append-only. Higher is not more: ask <see cref="Roles.Includes"/>.</summary>
public enum Role : short
{
    /// <summary>Sees everything of the organization, changes nothing but their own preferences.</summary>
    Viewer = 1,

    /// <summary>Runs the fleet: devices, credentials, quarantine, the broker.</summary>
    Operator = 2,

    /// <summary>Manages people, tokens and sees the audit trail; may do all an operator may.</summary>
    Administrator = 3,

    /// <summary>Sees the rows of the devices granted to them and nothing else. Prepared: no page uses it yet.</summary>
    Household = 4,
}

/// <summary>The order of roles.</summary>
public static class Roles
{
    /// <summary>Whether a role may do what another one is needed for. A household includes only itself.</summary>
    public static bool Includes(this Role role, Role needed) => role switch
    {
        Role.Administrator => needed is Role.Administrator or Role.Operator or Role.Viewer,
        Role.Operator => needed is Role.Operator or Role.Viewer,
        Role.Viewer => needed is Role.Viewer,
        Role.Household => needed is Role.Household,
        _ => false,
    };
}
