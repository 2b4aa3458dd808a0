using Headwater.Storage.Migrations;

namespace Headwater.Accounts;

/// <summary>The schema <c>accounts</c> and its migrations.</summary>
public static class AccountsSchema
{
    /// <summary>The numbered files embedded in this assembly.</summary>
    public static MigrationSet Migrations { get; } = new("accounts", typeof(AccountsSchema).Assembly, "Headwater.Accounts.Migrations.");
}
