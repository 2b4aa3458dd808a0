using System.Globalization;
using System.Reflection;
using System.Security.Claims;
using System.Text.Json;
using Headwater.Accounts;
using Headwater.Accounts.Audit;
using Headwater.Accounts.People;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Headwater.Web.Api;

/// <summary>What a person signs in with.</summary>
/// <param name="Name">Name.</param>
/// <param name="Password">Password.</param>
public sealed record SignInRequest(string? Name, string? Password);

/// <summary>A person's own change of password.</summary>
/// <param name="Current">Password in force.</param>
/// <param name="New">Password to be.</param>
public sealed record PasswordChange(string? Current, string? New);

/// <summary>What a person likes; null stays as it is.</summary>
/// <param name="Language">Language tag: en, ko.</param>
/// <param name="Theme">light, dark or auto.</param>
/// <param name="TimeZone">IANA time zone of the pages.</param>
public sealed record Preferences(string? Language = null, string? Theme = null, string? TimeZone = null);

/// <summary>The organization of a signed-in person.</summary>
/// <param name="Id">Text id.</param>
/// <param name="Name">Name.</param>
/// <param name="TimeZone">IANA time zone.</param>
public sealed record SessionOrganization(string Id, string Name, string TimeZone);

/// <summary>The signed-in person.</summary>
/// <param name="Name">Name.</param>
/// <param name="DisplayName">Name shown.</param>
/// <param name="Role">Role.</param>
/// <param name="MustChangePassword">A generated password is to be replaced first.</param>
/// <param name="Organization">Organization.</param>
/// <param name="Preferences">Preferences.</param>
public sealed record SessionPerson(string Name, string DisplayName, Role Role, bool MustChangePassword, SessionOrganization Organization, Preferences Preferences);

/// <summary>A sign-in as the pages see it.</summary>
/// <param name="Person">Who.</param>
/// <param name="Warnings">Sentences to show on every page.</param>
/// <param name="Version">Version of the program.</param>
/// <param name="Demo">Whether meters are simulated.</param>
public sealed record SessionState(SessionPerson Person, IReadOnlyList<string> Warnings, string Version, bool Demo);

/// <summary>Sign-in, sign-out and what a person changes of themselves.</summary>
internal static class SessionApi
{
    internal const string SignInLimit = "sign-in";

    private static readonly string Version =
        typeof(SessionApi).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";

    internal static void Map(RouteGroupBuilder api)
    {
        var session = api.MapGroup("/session").WithTags("Session");
        session.MapPost("", SignInAsync).WithMetadata(new OpenToAll()).RequireRateLimiting(SignInLimit)
            .WithSummary("Signs a person in.").Produces<SessionState>().Produces<ProblemBody>(401).Produces<ProblemBody>(429);
        session.MapDelete("", SignOutAsync).WithMetadata(new OpenToAll()).WithSummary("Signs out.").Produces(204);
        session.MapGet("", GetSession).For(Role.Viewer).WithSummary("Who is signed in.").Produces<SessionState>();
        session.MapPut("/password", ChangePasswordAsync).For(Role.Viewer).WithMetadata(new AllowedBeforePasswordChange()).RequireRateLimiting(SignInLimit).WithSummary("Changes the own password.").Produces(204);
        session.MapPut("/preferences", SetPreferencesAsync).For(Role.Viewer).WithMetadata(new AllowedBeforePasswordChange()).WithSummary("Changes the own preferences.").Produces(204);
    }

    private static async Task<IResult> SignInAsync(
        HttpContext context, [FromBody] SignInRequest request, PeopleDirectory people, SignInGuard guard, IAudit audit, WebOptions options, ILogger<SessionState> logger, CancellationToken cancellationToken)
    {
        var remote = Caller.RemoteOf(context);
        var name = request.Name ?? string.Empty;
        var password = request.Password ?? string.Empty;
        if (name.Length > 64 || password.Length > people.Options.MaximumPasswordLength) { (name, password) = (string.Empty, string.Empty); }
        var wait = guard.WaitFor(remote, name);
        if (wait > TimeSpan.Zero)
        {
            var seconds = (int)Math.Ceiling(wait.TotalSeconds);
            context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            return Problem.Of(StatusCodes.Status429TooManyRequests, "Too many tries.", $"Try again in {seconds} seconds.");
        }
        var person = await people.VerifyAsync(name, password, cancellationToken);
        if (person is null)
        {
            guard.Failed(remote, name);
            await audit.WriteAsync(new Actor("nobody", OrganizationId: null, remote), "session refuse", PersonRules.JudgeName(name) is null ? name : "?", detail: null, cancellationToken);
            return Problem.Of(StatusCodes.Status401Unauthorized, "Name or password is not right.", "After a few wrong tries the next ones have to wait.");
        }
        guard.Succeeded(remote, name);
        await people.NoteSignInAsync(person, cancellationToken);
        await audit.WriteAsync(new Caller(person, Token: null, remote).Actor, "session begin", person.Name, detail: null, cancellationToken);
        await IssueCookieAsync(context, person);
        return Results.Ok(Describe(person, options));
    }

    private static async Task<IResult> SignOutAsync(HttpContext context, WebOptions options)
    {
        _ = options; // makes this a route handler: with the context alone its answer would be dropped
        await context.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
        return Results.NoContent();
    }

    private static IResult GetSession(HttpContext context, WebOptions options)
    {
        var caller = Caller.Of(context);
        if (caller.Person is { } person) { return Results.Ok(Describe(person, options)); }
        return Results.Ok(new SessionState(
            new SessionPerson(caller.Name, caller.Token!.Name, caller.Role, MustChangePassword: false, new SessionOrganization("default", string.Empty, "UTC"), new Preferences()),
            options.Warnings, Version, options.IsDemo));
    }

    private static async Task<IResult> ChangePasswordAsync(HttpContext context, [FromBody] PasswordChange change, PeopleDirectory people, SignInGuard guard, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        if (caller.Person is not { } person) { return Problem.Forbidden("A token has no password."); }
        var mistakes = new Mistakes().Add("new", PersonRules.JudgePassword(change.New, people.Options)).Unless(!string.IsNullOrEmpty(change.Current), "current", "Must be given.")
            .Unless(!string.Equals(change.New, change.Current, StringComparison.Ordinal), "new", "Must be another one than the current.");
        if (mistakes.Any) { return mistakes.AsProblem; }
        if (guard.WaitFor(caller.Remote, person.Name) > TimeSpan.Zero) { return Problem.Of(StatusCodes.Status429TooManyRequests, "Too many tries.", "Wait a little and try again."); }
        if (await people.ChangePasswordAsync(caller.Actor, person, change.Current!, change.New!, cancellationToken) is not { } changed)
        {
            guard.Failed(caller.Remote, person.Name);
            return Problem.Invalid("current", "This is not your current password.");
        }
        await IssueCookieAsync(context, changed);
        return Results.NoContent();
    }

    private static async Task<IResult> SetPreferencesAsync(HttpContext context, [FromBody] Preferences change, PeopleDirectory people, CancellationToken cancellationToken)
    {
        if (Caller.Of(context).Person is not { } person) { return Problem.Forbidden("A token has no preferences."); }
        var mistakes = new Mistakes()
            .Unless(change.Language is null or { Length: <= 20 }, "language", "A language tag.")
            .Unless(change.Theme is null or "light" or "dark" or "auto", "theme", "light, dark or auto.")
            .Unless(string.IsNullOrEmpty(change.TimeZone) || TimeZoneInfo.TryFindSystemTimeZoneById(change.TimeZone, out _), "timeZone", "An IANA time zone.");
        if (mistakes.Any) { return mistakes.AsProblem; }
        var now = Read(person.Preferences);
        var merged = new Preferences(change.Language ?? now.Language, change.Theme ?? now.Theme, change.TimeZone ?? now.TimeZone);
        await people.SetPreferencesAsync(person, JsonSerializer.Serialize(merged, ApiJson.Options), cancellationToken);
        return Results.NoContent();
    }

    private static Task IssueCookieAsync(HttpContext context, Person person)
    {
        var identity = new ClaimsIdentity(
        [
            new Claim(Caller.PersonClaim, person.PersonId.ToString(CultureInfo.InvariantCulture)),
            new Claim(Caller.VersionClaim, person.SecurityVersion.ToString(CultureInfo.InvariantCulture)),
        ], CookieAuthenticationDefaults.AuthenticationScheme);
        return context.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, new ClaimsPrincipal(identity), new AuthenticationProperties { IsPersistent = true });
    }

    private static SessionState Describe(Person person, WebOptions options) => new(
        new SessionPerson(
            person.Name, person.DisplayName, person.Role, person.MustChangePassword,
            new SessionOrganization(person.Organization.TextId, person.Organization.Name, person.Organization.TimeZone), Read(person.Preferences)),
        options.Warnings, Version, options.IsDemo);

    private static Preferences Read(string json) => JsonSerializer.Deserialize<Preferences>(json, ApiJson.Options) ?? new Preferences();
}
