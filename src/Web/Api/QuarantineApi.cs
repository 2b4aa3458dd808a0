using System.Globalization;
using Headwater.Accounts;
using Headwater.Accounts.Audit;
using Headwater.Devices.Uplink;
using Headwater.HeadEnd.Ingest;
using Headwater.HeadEnd.Quarantine;
using Headwater.Web.Jobs;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Headwater.Web.Api;

/// <summary>A quarantined message in a list.</summary>
/// <param name="CommitNumber">Commit that stored it.</param>
/// <param name="Ordinal">Ordinal there.</param>
/// <param name="ArrivedAt">Arrival.</param>
/// <param name="ClientId">Client it came from.</param>
/// <param name="Owner">Sender.</param>
/// <param name="DeviceId">Device, or null.</param>
/// <param name="Topic">Topic.</param>
/// <param name="Reason">Reason.</param>
/// <param name="Detail">Field and rule.</param>
/// <param name="State">held, replayed or discarded.</param>
/// <param name="PayloadBytes">Length of the payload.</param>
/// <param name="PayloadPreview">Its beginning.</param>
/// <param name="DecidedAt">When it was replayed or discarded, or null.</param>
/// <param name="DecidedBy">By whom, or null.</param>
public sealed record QuarantineItem(
    string CommitNumber, int Ordinal, DateTimeOffset ArrivedAt, string ClientId, string Owner, string? DeviceId, string Topic, QuarantineReason Reason, string Detail, QuarantineState State,
    int PayloadBytes, string PayloadPreview, DateTimeOffset? DecidedAt, string? DecidedBy);

/// <summary>A quarantined message with its bytes.</summary>
/// <param name="CommitNumber">Commit that stored it.</param>
/// <param name="Ordinal">Ordinal there.</param>
/// <param name="ArrivedAt">Arrival.</param>
/// <param name="ClientId">Client it came from.</param>
/// <param name="Owner">Sender.</param>
/// <param name="DeviceId">Device, or null.</param>
/// <param name="Topic">Topic.</param>
/// <param name="Reason">Reason.</param>
/// <param name="Detail">Field and rule.</param>
/// <param name="State">held, replayed or discarded.</param>
/// <param name="PayloadBytes">Length of the payload.</param>
/// <param name="PayloadPreview">Its beginning.</param>
/// <param name="PayloadBase64">The payload.</param>
/// <param name="PayloadText">The payload as text, or null when it is none.</param>
/// <param name="Hex">The payload's first 4,096 bytes in hexadecimal.</param>
public sealed record QuarantineDetail(
    string CommitNumber, int Ordinal, DateTimeOffset ArrivedAt, string ClientId, string Owner, string? DeviceId, string Topic, QuarantineReason Reason, string Detail, QuarantineState State,
    int PayloadBytes, string PayloadPreview, string PayloadBase64, string? PayloadText, string Hex);

/// <summary>Held messages of a reason.</summary>
/// <param name="Reason">Reason.</param>
/// <param name="Held">Messages.</param>
public sealed record ReasonCount(QuarantineReason Reason, int Held);

/// <summary>A page of quarantined messages.</summary>
/// <param name="Total">Messages that fit.</param>
/// <param name="Items">Those asked for.</param>
/// <param name="Reasons">Held messages per reason.</param>
public sealed record QuarantinePage(int Total, IReadOnlyList<QuarantineItem> Items, IReadOnlyList<ReasonCount> Reasons);

/// <summary>Names a message.</summary>
/// <param name="CommitNumber">Commit.</param>
/// <param name="Ordinal">Ordinal.</param>
public sealed record MessageName(string? CommitNumber, int Ordinal);

/// <summary>Messages by reason and device.</summary>
/// <param name="Reason">Reason, or null.</param>
/// <param name="Device">Device or sender, or null.</param>
public sealed record MessageFilter(string? Reason, string? Device);

/// <summary>Which messages are meant: named ones, or all that fit a filter.</summary>
/// <param name="Items">Named messages.</param>
/// <param name="Filter">Filter.</param>
public sealed record MessageChoice(IReadOnlyList<MessageName>? Items, MessageFilter? Filter);

/// <summary>A started job.</summary>
/// <param name="JobId">Identifier.</param>
public sealed record StartedJob(string JobId);

/// <summary>What could not be stored as a reading: look, replay, put aside.</summary>
internal static class QuarantineApi
{
    private const int MostNamed = 10_000;
    private const int MostFiltered = 1_000_000;
    private const int HexBytes = 4_096;
    private const int GroupSize = 1_000;

    internal static void Map(RouteGroupBuilder api)
    {
        var quarantine = api.MapGroup("/quarantine").WithTags("Quarantine");
        quarantine.MapGet("", ListAsync).For(Role.Viewer).WithSummary("A page of quarantined messages.").Produces<QuarantinePage>();
        quarantine.MapGet("/{commit:long}/{ordinal:int}", GetAsync).For(Role.Viewer).WithSummary("One message with its bytes.").Produces<QuarantineDetail>();
        quarantine.MapPost("/replay", ReplayAsync).For(Role.Operator).WithSummary("Sends messages through the ingest once more.").Produces<StartedJob>(202);
        quarantine.MapPost("/discard", DiscardAsync).For(Role.Operator).WithSummary("Puts messages aside; can be undone.").Produces<StartedJob>(202);
        quarantine.MapPost("/restore", RestoreAsync).For(Role.Operator).WithSummary("Takes a discard back.").Produces<StartedJob>(202);
        var jobs = api.MapGroup("/jobs").WithTags("Jobs");
        jobs.MapGet("", static (HttpContext context, JobList list) => Results.Ok(new ApiList<Job>(list.List(Caller.Of(context).OrganizationId)))).For(Role.Viewer).WithSummary("Jobs, the newest first.").Produces<ApiList<Job>>();
        jobs.MapGet("/{id}", static (HttpContext context, string id, JobList list) => list.Find(Caller.Of(context).OrganizationId, id) is { } job ? Results.Ok(job) : Problem.Missing("There is no such job on this server."))
            .For(Role.Viewer).WithSummary("One job.").Produces<Job>();
        jobs.MapPost("/{id}/cancel", CancelAsync).For(Role.Operator).WithSummary("Asks a job to stop.").Produces(204);
    }

    private static async Task<IResult> ListAsync(
        HttpContext context, QuarantineQueries quarantine, string? reason, string? device, string? state, DateTimeOffset? from, DateTimeOffset? to, int? offset, int? limit, CancellationToken cancellationToken)
    {
        if (!string.IsNullOrEmpty(reason) && Words.Read<QuarantineReason>(reason) is null) { return Problem.Invalid("reason", "An unknown reason."); }
        var filter = new QuarantineFilter(Words.Read<QuarantineReason>(reason), device, (short)(Words.Read<QuarantineState>(state) ?? QuarantineState.Held), from, to);
        var (total, items) = await quarantine.ListAsync(Caller.Of(context).OrganizationId, filter, Paging.Offset(offset), Paging.Limit(limit, 100, 500), cancellationToken);
        var reasons = await quarantine.ReasonsAsync(cancellationToken);
        return Results.Ok(new QuarantinePage(total, [.. items.Select(Describe)], [.. reasons.Select(static r => new ReasonCount(r.Reason, r.Held))]));
    }

    private static async Task<IResult> GetAsync(HttpContext context, long commit, int ordinal, QuarantineQueries quarantine, CancellationToken cancellationToken)
    {
        if (await quarantine.FindAsync(Caller.Of(context).OrganizationId, new QuarantineKey(commit, ordinal), cancellationToken) is not { } message) { return Problem.Missing("There is no such message in quarantine."); }
        var item = Describe(message);
        return Results.Ok(new QuarantineDetail(
            item.CommitNumber, item.Ordinal, item.ArrivedAt, item.ClientId, item.Owner, item.DeviceId, item.Topic, item.Reason, item.Detail, item.State, item.PayloadBytes, item.PayloadPreview,
            Convert.ToBase64String(message.Payload), Words.TextOf(message.Payload), Convert.ToHexStringLower(message.Payload.AsSpan(0, Math.Min(HexBytes, message.Payload.Length)))));
    }

    private static Task<IResult> ReplayAsync(
        HttpContext context, [FromBody] MessageChoice choice, QuarantineQueries quarantine, QuarantineReplay replay, JobList jobs, IAudit audit, CancellationToken cancellationToken) =>
        StartAsync(context, "replay", QuarantineState.Held, choice, quarantine, jobs, audit, async (keys, by, progress, stop) =>
        {
            var outcome = await replay.ReplayAsync(keys, by, progress, stop);
            return new Dictionary<string, int>(StringComparer.Ordinal) { ["replayed"] = outcome.Replayed, ["stillHeld"] = outcome.StillHeld, ["absent"] = outcome.Absent };
        }, cancellationToken);

    private static Task<IResult> DiscardAsync(
        HttpContext context, [FromBody] MessageChoice choice, QuarantineQueries quarantine, QuarantineReplay replay, JobList jobs, IAudit audit, CancellationToken cancellationToken) =>
        StartAsync(context, "discard", QuarantineState.Held, choice, quarantine, jobs, audit, (keys, by, progress, stop) => InGroupsAsync(keys, "discarded", progress, group => replay.DiscardAsync(group, by, stop), stop), cancellationToken);

    private static Task<IResult> RestoreAsync(
        HttpContext context, [FromBody] MessageChoice choice, QuarantineQueries quarantine, QuarantineReplay replay, JobList jobs, IAudit audit, CancellationToken cancellationToken) =>
        StartAsync(context, "restore", QuarantineState.Discarded, choice, quarantine, jobs, audit, (keys, by, progress, stop) => InGroupsAsync(keys, "restored", progress, group => replay.RestoreAsync(group, by, stop), stop), cancellationToken);

    private static async Task<IReadOnlyDictionary<string, int>> InGroupsAsync(
        IReadOnlyList<QuarantineKey> keys, string name, IProgress<int> progress, Func<IReadOnlyList<QuarantineKey>, Task<int>> change, CancellationToken stop)
    {
        int changed = 0, seen = 0;
        foreach (var group in keys.Chunk(GroupSize))
        {
            stop.ThrowIfCancellationRequested();
            changed += await change(group);
            progress.Report(seen += group.Length);
        }
        return new Dictionary<string, int>(StringComparer.Ordinal) { [name] = changed };
    }

    private static async Task<IResult> StartAsync(
        HttpContext context, string kind, QuarantineState state, MessageChoice choice, QuarantineQueries quarantine, JobList jobs, IAudit audit,
        Func<IReadOnlyList<QuarantineKey>, string, IProgress<int>, CancellationToken, Task<IReadOnlyDictionary<string, int>>> work, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        IReadOnlyList<QuarantineKey> keys;
        if (choice.Items is { Count: > 0 } items)
        {
            if (items.Count > MostNamed) { return Problem.Invalid("items", $"At most {MostNamed}; use a filter for more."); }
            var named = new List<QuarantineKey>(items.Count);
            foreach (var item in items)
            {
                if (item is null || !long.TryParse(item.CommitNumber, CultureInfo.InvariantCulture, out var commit)) { return Problem.Invalid("items", "Each needs its commitNumber and ordinal."); }
                named.Add(new QuarantineKey(commit, item.Ordinal));
            }
            // Names of other organizations' messages are dropped here, in words that do not tell them from absent ones.
            var own = new List<QuarantineKey>(named.Count);
            foreach (var key in named)
            {
                if (await quarantine.FindAsync(caller.OrganizationId, key, cancellationToken) is not null) { own.Add(key); }
            }
            keys = own;
        }
        else if (choice.Filter is { } filter)
        {
            if (!string.IsNullOrEmpty(filter.Reason) && Words.Read<QuarantineReason>(filter.Reason) is null) { return Problem.Invalid("filter.reason", "An unknown reason."); }
            keys = await quarantine.KeysAsync(caller.OrganizationId, new QuarantineFilter(Words.Read<QuarantineReason>(filter.Reason), filter.Device, (short)state), MostFiltered, cancellationToken);
        }
        else
        {
            return Problem.Invalid("items", "Name messages, or give a filter.");
        }
        await audit.WriteAsync(caller.Actor, "quarantine " + kind, $"{keys.Count} messages", new { choice.Filter, first = keys.Take(20).Select(static k => $"{k.CommitNumber}/{k.Ordinal}") }, cancellationToken);
        return jobs.Start(caller.OrganizationId, kind, caller.Name, keys.Count, (progress, stop) => work(keys, caller.Name, progress, stop)) is { } job
            ? Results.Accepted($"/api/v1/jobs/{job.Id}", new StartedJob(job.Id))
            : Problem.Of(StatusCodes.Status429TooManyRequests, "Too many jobs run already.", "Wait for one to end or cancel one.");
    }

    private static async Task<IResult> CancelAsync(HttpContext context, string id, JobList jobs, IAudit audit, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        if (!await jobs.CancelAsync(caller.OrganizationId, id)) { return Problem.Missing("There is no such job on this server."); }
        await audit.WriteAsync(caller.Actor, "job cancel", id, detail: null, cancellationToken);
        return Results.NoContent();
    }

    private static QuarantineItem Describe(QuarantinedMessage m) => new(
        m.CommitNumber.ToString(CultureInfo.InvariantCulture), m.Ordinal, m.ArrivedAt, m.ClientId, m.Owner, m.DeviceId, m.Topic, m.Reason, m.Detail, (QuarantineState)m.State, m.PayloadLength,
        Words.PreviewOf(m.Payload.Length > 240 ? m.Payload[..240] : m.Payload), m.DecidedAt, m.DecidedBy);
}
