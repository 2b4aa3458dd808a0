using System.Globalization;
using Headwater.Accounts;
using Headwater.Accounts.Tokens;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Headwater.Web.Api;

/// <summary>A token as the pages list it.</summary>
/// <param name="Id">Number.</param>
/// <param name="Label">What it is for.</param>
/// <param name="Role">What it may do.</param>
/// <param name="CreatedBy">Who made it, or null.</param>
/// <param name="CreatedAt">When.</param>
/// <param name="ExpiresAt">When it ends by itself, or null.</param>
/// <param name="RevokedAt">When it was revoked, or null.</param>
/// <param name="LastUsedAt">Last use, or null.</param>
public sealed record TokenItem(
    string Id, string Label, Role Role, string? CreatedBy, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? RevokedAt, DateTimeOffset? LastUsedAt);

/// <summary>A token to be made.</summary>
/// <param name="Label">What it is for.</param>
/// <param name="Role">viewer, operator or administrator.</param>
/// <param name="ExpiresAt">When it ends by itself; null never.</param>
public sealed record NewToken(string? Label, Role? Role, DateTimeOffset? ExpiresAt);

/// <summary>A new token, its secret shown once.</summary>
/// <param name="Id">Number.</param>
/// <param name="Token">The secret, for <c>Authorization: Bearer</c>.</param>
public sealed record CreatedToken(string Id, string Token);

/// <summary>Tokens for the command line and services; for administrators.</summary>
internal static class TokensApi
{
    internal static void Map(RouteGroupBuilder api)
    {
        var tokens = api.MapGroup("/tokens").WithTags("Administration");
        tokens.MapGet("", ListAsync).For(Role.Administrator).WithSummary("All tokens, the newest first.").Produces<ApiList<TokenItem>>();
        tokens.MapPost("", CreateAsync).For(Role.Administrator).WithSummary("Makes a token; its secret is shown once.").Produces<CreatedToken>(201);
        tokens.MapDelete("/{id}", RevokeAsync).For(Role.Administrator).WithSummary("Revokes a token at once.").Produces(204);
    }

    private static async Task<IResult> ListAsync(HttpContext context, TokenDirectory tokens, CancellationToken cancellationToken)
    {
        var list = await tokens.ListAsync(Caller.Of(context).OrganizationId, cancellationToken);
        return Results.Ok(new ApiList<TokenItem>([.. list.Select(static t => new TokenItem(
            t.TokenId.ToString(CultureInfo.InvariantCulture), t.Name, t.Role, t.CreatedBy, t.CreatedAt, t.ExpiresAt, t.RevokedAt, t.LastUsedAt))]));
    }

    private static async Task<IResult> CreateAsync(HttpContext context, [FromBody] NewToken token, TokenDirectory tokens, TimeProvider time, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        var mistakes = new Mistakes().Unless(token.Label is { Length: >= 1 and <= 100 } && !string.IsNullOrWhiteSpace(token.Label), "label", "1 to 100 characters, not blank.")
            .Unless(token.Role is Role.Viewer or Role.Operator or Role.Administrator, "role", "viewer, operator or administrator.")
            .Unless(token.ExpiresAt is null || token.ExpiresAt > time.GetUtcNow(), "expiresAt", "Must lie in the future.");
        if (mistakes.Any) { return mistakes.AsProblem; }
        var (id, secret) = await tokens.CreateAsync(caller.Actor, caller.OrganizationId, token.Label!, token.Role!.Value, token.ExpiresAt, caller.Person?.PersonId, cancellationToken);
        return Results.Created($"/api/v1/tokens/{id}", new CreatedToken(id.ToString(CultureInfo.InvariantCulture), secret));
    }

    private static async Task<IResult> RevokeAsync(HttpContext context, long id, TokenDirectory tokens, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        return await tokens.RevokeAsync(caller.Actor, caller.OrganizationId, id, cancellationToken) ? Results.NoContent() : Problem.Missing("No such token is in force.");
    }
}
