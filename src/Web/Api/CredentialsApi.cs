using System.Globalization;
using Headwater.Accounts;
using Headwater.HeadEnd.Access;
using Headwater.HeadEnd.Registry;
using Headwater.Mqtt.Topics;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Headwater.Web.Api;

/// <summary>A credential; its secret is kept nowhere.</summary>
/// <param name="Id">Number.</param>
/// <param name="Kind">What it is.</param>
/// <param name="UserName">User name.</param>
/// <param name="Label">What it is for.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="RevokedAt">When it was revoked, or null.</param>
/// <param name="PublishFilters">Services: topic filters to publish to.</param>
/// <param name="SubscribeFilters">Services: topic filters to subscribe to.</param>
public sealed record CredentialItem(
    string Id, CredentialKind Kind, string UserName, string Label, DateTimeOffset CreatedAt, DateTimeOffset? RevokedAt, IReadOnlyList<string> PublishFilters, IReadOnlyList<string> SubscribeFilters);

/// <summary>A credential to be made for a device.</summary>
/// <param name="Label">What it is for; may be absent.</param>
public sealed record DeviceCredentialToAdd(string? Label);

/// <summary>A credential to be made for a service.</summary>
/// <param name="UserName">User name.</param>
/// <param name="Label">What it is for; may be absent.</param>
/// <param name="PublishFilters">Topic filters to publish to.</param>
/// <param name="SubscribeFilters">Topic filters to subscribe to.</param>
public sealed record ServiceCredentialToAdd(string? UserName, string? Label, IReadOnlyList<string>? PublishFilters, IReadOnlyList<string>? SubscribeFilters);

/// <summary>A new secret, shown once.</summary>
/// <param name="Id">Number of the credential.</param>
/// <param name="UserName">User name.</param>
/// <param name="Secret">Secret.</param>
/// <param name="PasteLine">A line for a shell that uses it, or null.</param>
public sealed record NewSecret(string Id, string UserName, string Secret, string? PasteLine);

/// <summary>What devices and services sign in to the broker with.</summary>
internal static class CredentialsApi
{
    internal static void Map(RouteGroupBuilder api)
    {
        api.MapPost("/devices/{id}/credentials", CreateForDeviceAsync).For(Role.Operator).WithTags("Credentials").WithSummary("Makes a secret for a device, shown once.").Produces<NewSecret>(201);
        api.MapDelete("/credentials/{id}", RevokeAsync).For(Role.Operator).WithTags("Credentials").WithSummary("Revokes a credential; live connections made with it end.").Produces(204);
        api.MapGet("/broker/credentials", ListAsync).For(Role.Operator).WithTags("Credentials").WithSummary("Credentials of services.").Produces<ApiList<CredentialItem>>();
        api.MapPost("/broker/credentials", CreateForServiceAsync).For(Role.Operator).WithTags("Credentials").WithSummary("Makes a secret for a service, shown once.").Produces<NewSecret>(201);
        api.MapDelete("/broker/credentials/{id}", RevokeAsync).For(Role.Operator).WithTags("Credentials").WithSummary("Revokes a credential; live connections made with it end.").Produces(204);
    }

    internal static CredentialItem Describe(Credential credential) => new(
        credential.CredentialId.ToString(CultureInfo.InvariantCulture), credential.Kind, credential.UserName, credential.Label, credential.CreatedAt, credential.RevokedAt,
        credential.PublishFilters, credential.SubscribeFilters);

    private static async Task<IResult> CreateForDeviceAsync(
        HttpContext context, string id, [FromBody] DeviceCredentialToAdd credential, DeviceRegistry registry, CredentialDirectory credentials, WebOptions options, CancellationToken cancellationToken)
    {
        if (!DevicesApi.TryFind(context, registry, id, out var device, out var missing)) { return missing; }
        if (credential.Label is { Length: > 100 }) { return Problem.Invalid("label", "At most 100 characters."); }
        var made = await credentials.CreateForDeviceAsync(Caller.Of(context).Actor, device, credential.Label ?? string.Empty, cancellationToken);
        return Results.Created(
            $"/api/v1/credentials/{made.CredentialId}",
            new NewSecret(made.CredentialId.ToString(CultureInfo.InvariantCulture), made.UserName, made.Secret, PasteLine(context, device, made, options)));
    }

    private static async Task<IResult> CreateForServiceAsync(HttpContext context, [FromBody] ServiceCredentialToAdd credential, CredentialDirectory credentials, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        var mistakes = new Mistakes().Unless(DeviceTextId.IsValid(credential.UserName), "userName", "1 to 64 letters, digits, dots, underscores or hyphens.")
            .Unless(credential.Label is null or { Length: <= 100 }, "label", "At most 100 characters.");
        JudgeFilters(mistakes, "publishFilters", credential.PublishFilters);
        JudgeFilters(mistakes, "subscribeFilters", credential.SubscribeFilters);
        if (mistakes.Any) { return mistakes.AsProblem; }
        var made = await credentials.CreateForServiceAsync(
            caller.Actor, caller.OrganizationId, credential.UserName!, credential.Label ?? string.Empty, credential.PublishFilters ?? [], credential.SubscribeFilters ?? [], cancellationToken);
        return made is null
            ? Problem.Conflict("userName", "A credential with this user name exists.")
            : Results.Created($"/api/v1/broker/credentials/{made.CredentialId}", new NewSecret(made.CredentialId.ToString(CultureInfo.InvariantCulture), made.UserName, made.Secret, PasteLine: null));
    }

    private static async Task<IResult> ListAsync(HttpContext context, CredentialDirectory credentials, CancellationToken cancellationToken)
    {
        var list = await credentials.ListAsync(Caller.Of(context).OrganizationId, device: null, cancellationToken);
        return Results.Ok(new ApiList<CredentialItem>([.. list.Select(Describe)]));
    }

    private static async Task<IResult> RevokeAsync(HttpContext context, long id, CredentialDirectory credentials, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        return await credentials.RevokeAsync(caller.Actor, caller.OrganizationId, id, cancellationToken) ? Results.NoContent() : Problem.Missing("No such credential is in force.");
    }

    private static void JudgeFilters(Mistakes mistakes, string field, IReadOnlyList<string>? filters)
    {
        if (filters is null) { return; }
        mistakes.Unless(filters.Count <= 50, field, "At most 50.");
        foreach (var filter in filters) { mistakes.Unless(filter is not null && TopicFilter.IsValid(filter), field, $"'{filter}' is not a topic filter."); }
    }

    private static string? PasteLine(HttpContext context, RegisteredDevice device, NewCredential made, WebOptions options)
    {
        if (options.Listeners.FirstOrDefault(static l => l.Name == "mqtt") is not { } listener) { return null; }
        var host = context.Request.Host.Host;
        return $$"""mosquitto_pub -h {{host}} -p {{listener.Port}} -q 1 -i {{device.TextId}} -u {{made.UserName}} -P {{made.Secret}} -t smart_meter/meter_readings -m "{\"meter_id\":\"{{device.TextId}}\",\"reading\":12.34,\"created_at\":\"$(date -u +%FT%TZ)\"}" """.TrimEnd();
    }
}
