using Headwater.Accounts.Audit;
using Headwater.Accounts.People;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.Accounts;

/// <summary>Makes what an empty installation needs: one organization and one administrator.</summary>
/// <param name="OrganizationId">The installation's first organization.</param>
/// <param name="AdministratorPassword">The generated password of <c>admin</c> when this start made it; else null.</param>
public sealed record FirstStart(long OrganizationId, string? AdministratorPassword)
{
    /// <summary>Name the first administrator signs in with.</summary>
    public const string AdministratorName = "admin";

    /// <summary>Makes what is missing. Safe to call at every start and from two servers at once.</summary>
    public static async Task<FirstStart> EnsureAsync(NpgsqlDataSource primary, PeopleDirectory people, ILogger logger, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(primary);
        ArgumentNullException.ThrowIfNull(people);
        await using (var insert = primary.CreateCommand(
            "insert into accounts.organization (text_id, name) select 'default', 'Default organization' where not exists (select from accounts.organization) on conflict do nothing"))
        {
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }
        await using var read = primary.CreateCommand("select min(organization_id), exists (select from accounts.person) from accounts.organization");
        long organizationId;
        bool hasPeople;
        await using (var reader = await read.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            organizationId = reader.GetInt64(0);
            hasPeople = reader.GetBoolean(1);
        }
        if (hasPeople)
        {
            await people.LoadAsync(cancellationToken);
            return new FirstStart(organizationId, AdministratorPassword: null);
        }
        // A generated password of 98 bits that only the console showed is as good as any chosen one: no forced change in the first minute.
        var password = await people.AddAsync(Actor.System, organizationId, AdministratorName, "Administrator", Role.Administrator, cancellationToken, mustChangePassword: false);
        if (password is not null) { AccountsLog.FirstStart(logger); }
        return new FirstStart(organizationId, password);
    }
}
