using Headwater.Accounts;
using Headwater.Accounts.People;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Headwater.Web.Api;

/// <summary>A person as an administrator sees them.</summary>
/// <param name="Name">Name they sign in with.</param>
/// <param name="DisplayName">Name shown.</param>
/// <param name="Role">Role.</param>
/// <param name="Disabled">Whether they may not sign in.</param>
/// <param name="MustChangePassword">Whether a generated password is still in force.</param>
/// <param name="CreatedAt">When they were added.</param>
/// <param name="LastSignInAt">Last sign-in, or null.</param>
public sealed record PersonItem(string Name, string DisplayName, Role Role, bool Disabled, bool MustChangePassword, DateTimeOffset CreatedAt, DateTimeOffset? LastSignInAt);

/// <summary>A person to be added.</summary>
/// <param name="Name">Name to sign in with.</param>
/// <param name="DisplayName">Name shown; the name when absent.</param>
/// <param name="Role">viewer, operator or administrator.</param>
public sealed record NewPerson(string? Name, string? DisplayName, Role? Role);

/// <summary>A change of a person; null stays.</summary>
/// <param name="DisplayName">Name shown.</param>
/// <param name="Role">Role.</param>
/// <param name="Disabled">Whether they may not sign in.</param>
public sealed record PersonChange(string? DisplayName, Role? Role, bool? Disabled);

/// <summary>A generated password, shown once.</summary>
/// <param name="Name">Whose.</param>
/// <param name="Password">The password.</param>
public sealed record GeneratedPassword(string Name, string Password);

/// <summary>People of the organization; for administrators.</summary>
internal static class PeopleApi
{
    internal static void Map(RouteGroupBuilder api)
    {
        var people = api.MapGroup("/people").WithTags("Administration");
        people.MapGet("", List).For(Role.Administrator).WithSummary("All people of the organization.").Produces<ApiList<PersonItem>>();
        people.MapPost("", AddAsync).For(Role.Administrator).WithSummary("Adds a person; the generated password is shown once.").Produces<GeneratedPassword>(201);
        people.MapPatch("/{name}", ChangeAsync).For(Role.Administrator).WithSummary("Changes a person; live sign-ins end when rights change.").Produces(204);
        people.MapPost("/{name}/password", ResetPasswordAsync).For(Role.Administrator).WithSummary("Generates a new password, shown once.").Produces<GeneratedPassword>();
    }

    private static IResult List(HttpContext context, PeopleDirectory people)
    {
        var organization = Caller.Of(context).OrganizationId;
        return Results.Ok(new ApiList<PersonItem>(
            [.. people.People.Where(p => p.Organization.OrganizationId == organization).OrderBy(static p => p.Name, StringComparer.OrdinalIgnoreCase)
                .Select(static p => new PersonItem(p.Name, p.DisplayName, p.Role, p.IsDisabled, p.MustChangePassword, p.CreatedAt, p.LastSignedInAt))]));
    }

    private static async Task<IResult> AddAsync(HttpContext context, [FromBody] NewPerson person, PeopleDirectory people, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        var displayName = string.IsNullOrWhiteSpace(person.DisplayName) ? person.Name : person.DisplayName;
        var mistakes = new Mistakes().Add("name", PersonRules.JudgeName(person.Name)).Add("displayName", PersonRules.JudgeDisplayName(displayName))
            .Unless(person.Role is Role.Viewer or Role.Operator or Role.Administrator, "role", "viewer, operator or administrator.");
        if (mistakes.Any) { return mistakes.AsProblem; }
        return await people.AddAsync(caller.Actor, caller.OrganizationId, person.Name!, displayName!, person.Role!.Value, cancellationToken) is { } password
            ? Results.Created($"/api/v1/people/{person.Name}", new GeneratedPassword(person.Name!, password))
            : Problem.Conflict("name", "Somebody with this name exists.");
    }

    private static async Task<IResult> ChangeAsync(HttpContext context, string name, [FromBody] PersonChange change, PeopleDirectory people, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        if (people.Find(caller.OrganizationId, name) is not { } person) { return Problem.Missing($"Nobody is called '{name}'."); }
        var mistakes = new Mistakes().Add("displayName", change.DisplayName is null ? null : PersonRules.JudgeDisplayName(change.DisplayName))
            .Unless(change.Role is null or Role.Viewer or Role.Operator or Role.Administrator, "role", "viewer, operator or administrator.");
        if (mistakes.Any) { return mistakes.AsProblem; }
        return await people.ChangeAsync(caller.Actor, person, change.DisplayName, change.Role, change.Disabled, cancellationToken) is { } rule
            ? Problem.Conflict("role", rule)
            : Results.NoContent();
    }

    private static async Task<IResult> ResetPasswordAsync(HttpContext context, string name, PeopleDirectory people, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        return people.Find(caller.OrganizationId, name) is { } person
            ? Results.Ok(new GeneratedPassword(person.Name, await people.ResetPasswordAsync(caller.Actor, person, cancellationToken)))
            : Problem.Missing($"Nobody is called '{name}'.");
    }
}
