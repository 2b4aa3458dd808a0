using System.Text.Json;
using Headwater.Accounts;
using Headwater.Accounts.Audit;
using Headwater.HeadEnd.Ingest;
using Headwater.HeadEnd.Registry;
using Headwater.Storage.Connections;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Headwater.Web.Api;

/// <summary>One line of the audit trail.</summary>
/// <param name="At">When.</param>
/// <param name="Actor">Who.</param>
/// <param name="Remote">From which address.</param>
/// <param name="Action">What.</param>
/// <param name="Target">On what.</param>
/// <param name="Detail">Particulars.</param>
public sealed record AuditItem(DateTimeOffset At, string Actor, string? Remote, string Action, string Target, JsonElement Detail);

/// <summary>Words on how the server is.</summary>
/// <param name="Live">Always true: the process answers.</param>
/// <param name="Ready">Whether commits can be made.</param>
/// <param name="Words">What that means.</param>
public sealed record HealthWords(bool Live, bool Ready, string Words);

/// <summary>Something found by the search.</summary>
/// <param name="Kind">device, page, ...</param>
/// <param name="Title">What it is called.</param>
/// <param name="Subtitle">More words, or null.</param>
/// <param name="Link">Where it is.</param>
public sealed record SearchHit(string Kind, string Title, string? Subtitle, string Link);

/// <summary>Audit trail, settings, health, search.</summary>
internal static class AdministrationApi
{
    internal static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/audit", ListAuditAsync).For(Role.Administrator).WithTags("Administration").WithSummary("The audit trail, newest first.").Produces<ApiPage<AuditItem>>();
        api.MapGet("/settings", static (WebOptions options) => Results.Ok(new ApiList<SettingInForce>(options.Settings))).For(Role.Viewer).WithTags("Administration")
            .WithSummary("All settings with the value in force and where it came from.").Produces<ApiList<SettingInForce>>();
        api.MapGet("/health", GetHealthAsync).WithMetadata(new OpenToAll()).WithTags("Health").WithSummary("Whether the server lives and can commit; 503 when it cannot.")
            .Produces<HealthWords>().Produces<HealthWords>(503);
        api.MapGet("/search", Search).For(Role.Viewer).WithTags("Search").WithSummary("Devices by id or name.").Produces<ApiList<SearchHit>>();
    }

    private static async Task<IResult> ListAuditAsync(HttpContext context, AuditTrail audit, string? query, int? offset, int? limit, CancellationToken cancellationToken)
    {
        var most = Paging.Limit(limit, 100, 500);
        var skip = Paging.Offset(offset);
        var entries = await audit.ReadAsync(Caller.Of(context).OrganizationId, query, skip, most + 1, cancellationToken);
        // The whole is not counted: the total tells only whether more follows.
        return Results.Ok(new ApiPage<AuditItem>(skip + entries.Count, [.. entries.Take(most).Select(static e =>
            new AuditItem(e.HappenedAt, e.Actor, e.Remote, e.Action, e.Target, JsonSerializer.Deserialize<JsonElement>(e.Detail)))]));
    }

    private static async Task<IResult> GetHealthAsync(Store store, UplinkLane lane, CancellationToken cancellationToken)
    {
        var health = await store.GetHealthAsync(cancellationToken);
        var ready = health.IsWritable && lane.Trouble is null; // a full disk answers questions and takes no commit
        // Anonymous: says whether, not why; the particulars are on the overview.
        return Results.Json(
            new HealthWords(Live: true, ready, ready ? "Ready." : "The database cannot be written: readings are not acknowledged until it can."),
            statusCode: ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    private static IResult Search(HttpContext context, DeviceSearch devices, string? query)
    {
        if (string.IsNullOrWhiteSpace(query) || query.Length > 100) { return Results.Ok(new ApiList<SearchHit>([])); }
        var found = devices.Find(Caller.Of(context).OrganizationId, new DeviceFilter(query), DeviceOrder.Id, descending: false, 0, 12);
        return Results.Ok(new ApiList<SearchHit>([.. found.Items.Select(static d => new SearchHit("device", d.TextId, d.Name.Length > 0 ? d.Name : null, "/devices/" + Uri.EscapeDataString(d.TextId)))]));
    }
}
