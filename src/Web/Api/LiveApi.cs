using System.Text;
using Headwater.Accounts;
using Headwater.Accounts.People;
using Headwater.Accounts.Tokens;
using Headwater.HeadEnd.Registry;
using Headwater.Web.Flow;
using Headwater.Web.Live;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;

namespace Headwater.Web.Api;

/// <summary>The overview, and the one stream of live values a browser holds.</summary>
internal static class LiveApi
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    /// <summary>How often a stream asks whether its caller still has their rights.</summary>
    private static readonly TimeSpan RightsCheck = TimeSpan.FromSeconds(1);

    internal static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/overview", static (FlowMonitor flow) => Results.Ok(flow.Latest)).For(Role.Viewer).WithTags("Overview").WithSummary("The whole flow at one moment.").Produces<Overview>();
        api.MapGet("/live", StreamAsync).For(Role.Viewer).WithTags("Live").WithSummary("Server-sent events: overview, broker, quarantine, messages, devices:ID; each at most once a second.")
            .Produces(200, contentType: "text/event-stream");
    }

    private static async Task<IResult> StreamAsync(
        HttpContext context, string? topics, LiveStreams streams, PeopleDirectory people, TokenDirectory tokens, TimeProvider time, IHostApplicationLifetime host, CancellationToken cancellationToken)
    {
        var wanted = (topics ?? "overview").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct(StringComparer.Ordinal).ToArray();
        if (wanted.Length > LiveStreams.MostTopics) { return Problem.Invalid("topics", $"At most {LiveStreams.MostTopics}."); }
        foreach (var topic in wanted)
        {
            if (!IsTopic(topic)) { return Problem.Invalid("topics", "overview, broker, quarantine, messages, or devices:ID."); }
        }
        var caller = Caller.Of(context);
        if (streams.Open(caller, wanted) is not { } stream) { return Problem.Of(StatusCodes.Status503ServiceUnavailable, "Too many live streams are open.", "Close a page and try again."); }
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, host.ApplicationStopping);
        try
        {
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers.CacheControl = "no-store";
            context.Response.Headers["X-Accel-Buffering"] = "no";
            context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
            await SendAsync(context, ": live\n\n", ends.Token);
            await PumpAsync(context, stream, caller, people, tokens, time, ends.Token);
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            // The page was closed, or the server stops.
        }
        finally
        {
            streams.Close(stream);
        }
        return Results.Empty;
    }

    private static async Task PumpAsync(HttpContext context, LiveStream stream, Caller caller, PeopleDirectory people, TokenDirectory tokens, TimeProvider time, CancellationToken cancellationToken)
    {
        var secret = context.Request.Headers.Authorization.ToString() is { Length: > 7 } header ? header[7..].Trim() : null;
        var lastSent = time.GetTimestamp();
        while (true)
        {
            var text = await stream.NextAsync(RightsCheck, time, cancellationToken);
            if (!IsInForce(caller, secret, people, tokens))
            {
                await SendAsync(context, "event: signedOut\ndata: {}\n\n", cancellationToken);
                return;
            }
            if (text.Length == 0 && time.GetElapsedTime(lastSent) < Heartbeat) { continue; }
            await SendAsync(context, text.Length == 0 ? ": still here\n\n" : text, cancellationToken);
            lastSent = time.GetTimestamp();
        }
    }

    private static bool IsInForce(Caller caller, string? secret, PeopleDirectory people, TokenDirectory tokens) =>
        caller.Person is { } person
            ? people.Find(person.PersonId) is { IsDisabled: false } now && now.SecurityVersion == person.SecurityVersion
            : secret is not null && tokens.Find(secret) is not null;

    private static bool IsTopic(string topic) =>
        topic is "overview" or "broker" or "quarantine" or "messages" || (topic.StartsWith("devices:", StringComparison.Ordinal) && DeviceTextId.IsValid(topic.AsSpan("devices:".Length)));

    private static async Task SendAsync(HttpContext context, string text, CancellationToken cancellationToken)
    {
        await context.Response.WriteAsync(text, Encoding.UTF8, cancellationToken);
        await context.Response.Body.FlushAsync(cancellationToken);
    }
}
