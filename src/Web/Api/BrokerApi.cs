using System.Globalization;
using Headwater.Accounts;
using Headwater.Accounts.Audit;
using Headwater.HeadEnd.Access;
using Headwater.Mqtt;
using Headwater.Mqtt.Server;
using Headwater.Mqtt.Topics;
using Headwater.Web.Flow;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Headwater.Web.Api;

/// <summary>Rates of the broker.</summary>
/// <param name="InPerSecond">Messages received.</param>
/// <param name="OutPerSecond">Messages sent.</param>
/// <param name="BytesIn">Bytes received per second.</param>
/// <param name="BytesOut">Bytes sent per second.</param>
public sealed record BrokerRates(double InPerSecond, double OutPerSecond, double BytesIn, double BytesOut);

/// <summary>Messages not delivered for a reason.</summary>
/// <param name="Reason">Reason.</param>
/// <param name="Count">Messages.</param>
public sealed record DropCount(string Reason, long Count);

/// <summary>The broker at one moment.</summary>
/// <param name="Listeners">Listeners.</param>
/// <param name="Counters">Counts since the start.</param>
/// <param name="Limits">Limits in force.</param>
/// <param name="Rates">Rates.</param>
/// <param name="Connections">Open connections.</param>
/// <param name="Sessions">Sessions, connected or not.</param>
/// <param name="Subscriptions">Subscriptions.</param>
/// <param name="Retained">Retained messages.</param>
/// <param name="Queued">Messages in queues.</param>
/// <param name="Dropped">Messages not delivered.</param>
public sealed record BrokerState(
    IReadOnlyList<ListenerInForce> Listeners, IReadOnlyDictionary<string, long> Counters, IReadOnlyList<LimitInForce> Limits, BrokerRates Rates, long Connections, int Sessions, int Subscriptions,
    int Retained, long Queued, IReadOnlyList<DropCount> Dropped);

/// <summary>A session.</summary>
/// <param name="ClientId">Client identifier.</param>
/// <param name="Owner">Whose it is.</param>
/// <param name="Identity">Name of the identity.</param>
/// <param name="Connected">A connection is live.</param>
/// <param name="Version">Protocol version.</param>
/// <param name="Remote">Peer, or null.</param>
/// <param name="Listener">Listener, or null.</param>
/// <param name="ConnectedAt">When the last connection signed in, or null.</param>
/// <param name="DisconnectedAt">When it ended, or null.</param>
/// <param name="Subscriptions">Number of subscriptions.</param>
/// <param name="Queued">Messages it still has to get.</param>
/// <param name="InFlight">Of these, sent and not acknowledged.</param>
/// <param name="Uncommitted">Messages it published that have not committed yet.</param>
/// <param name="ExpirySeconds">Seconds the session outlives its connection.</param>
/// <param name="KeepAliveSeconds">Keep-alive in force.</param>
/// <param name="HasWill">Whether a will is set.</param>
public sealed record SessionItem(
    string ClientId, string Owner, string Identity, bool Connected, string Version, string? Remote, string? Listener, DateTimeOffset? ConnectedAt, DateTimeOffset? DisconnectedAt, int Subscriptions,
    int Queued, int InFlight, int Uncommitted, uint ExpirySeconds, int KeepAliveSeconds, bool HasWill);

/// <summary>A subscription.</summary>
/// <param name="ClientId">Whose.</param>
/// <param name="Filter">Filter without the share prefix.</param>
/// <param name="Qos">Granted QoS.</param>
/// <param name="Shared">Share name, or null.</param>
/// <param name="NoLocal">No Local.</param>
/// <param name="Options">Other options in words, or null.</param>
/// <param name="Identifier">Subscription identifier, or null.</param>
public sealed record SubscriptionItem(string ClientId, string Filter, int Qos, string? Shared, bool NoLocal, string? Options, int? Identifier);

/// <summary>A retained message.</summary>
/// <param name="Topic">Topic.</param>
/// <param name="Bytes">Length of the payload.</param>
/// <param name="Qos">QoS.</param>
/// <param name="Publisher">Client that published it.</param>
/// <param name="PublishedAt">When.</param>
/// <param name="PayloadText">Beginning of the payload as text, or null.</param>
public sealed record RetainedItem(string Topic, int Bytes, int Qos, string Publisher, DateTimeOffset PublishedAt, string? PayloadText);

/// <summary>A line of the connection history.</summary>
/// <param name="At">When.</param>
/// <param name="Kind">What.</param>
/// <param name="ClientId">Client.</param>
/// <param name="Identity">Identity.</param>
/// <param name="Remote">Peer.</param>
/// <param name="Listener">Listener.</param>
/// <param name="Reason">Reason code, or null for a plain connect.</param>
/// <param name="Text">Reason in words.</param>
public sealed record ConnectionItem(DateTimeOffset At, string Kind, string ClientId, string Identity, string Remote, string Listener, string? Reason, string Text);

/// <summary>A credential of the MQTT client in the page.</summary>
/// <param name="Url">Where to connect to.</param>
/// <param name="UserName">User name.</param>
/// <param name="Password">Password.</param>
/// <param name="ClientId">Client identifier it must use.</param>
/// <param name="ExpiresAt">When it can no longer sign in.</param>
public sealed record BrokerClient(string Url, string UserName, string Password, string ClientId, DateTimeOffset ExpiresAt);

/// <summary>The broker: figures, sessions, subscriptions, retained messages, history.</summary>
internal static class BrokerApi
{
    private const int LongestHistory = 1_000;

    internal static void Map(RouteGroupBuilder api)
    {
        var broker = api.MapGroup("/broker").WithTags("Broker");
        broker.MapGet("", static (BrokerFigures figures) => Results.Ok(figures.Read())).For(Role.Viewer).WithSummary("Figures, listeners and limits in force.").Produces<BrokerState>();
        broker.MapGet("/sessions", ListSessions).For(Role.Viewer).WithSummary("A page of sessions.").Produces<ApiPage<SessionItem>>();
        broker.MapDelete("/sessions/{*clientId}", EndSessionAsync).For(Role.Operator).WithSummary("Ends a session with its queue and its connection.").Produces(204);
        broker.MapGet("/subscriptions", ListSubscriptions).For(Role.Viewer).WithSummary("A page of subscriptions.").Produces<ApiPage<SubscriptionItem>>();
        broker.MapGet("/retained", ListRetained).For(Role.Viewer).WithSummary("A page of retained messages.").Produces<ApiPage<RetainedItem>>();
        broker.MapDelete("/retained", ClearRetainedAsync).For(Role.Operator).WithSummary("Clears the retained message of a topic.").Produces(204);
        broker.MapGet("/events", ListEvents).For(Role.Viewer).WithSummary("The last connects, disconnects and refusals.").Produces<ApiList<ConnectionItem>>();
        broker.MapPost("/client", IssueClientAsync).For(Role.Operator).WithSummary("A short-lived credential for the MQTT client in the page.").Produces<BrokerClient>();
    }

    private static IResult ListSessions(MqttServer server, string? query, bool? connected, int? offset, int? limit)
    {
        var page = server.ListSessions(new SessionQuery(query, connected, Paging.Offset(offset), Paging.Limit(limit, 100, 500)));
        return Results.Ok(new ApiPage<SessionItem>(page.Total, [.. page.Items.Select(static s => new SessionItem(
            s.ClientId, s.Name, s.Name, s.IsConnected, DevicesApi.VersionOf(s.Version), s.Remote, s.Listener, s.ConnectedAt, s.DisconnectedAt, s.Subscriptions, s.Queued, s.InFlight, s.Uncommitted,
            s.ExpiryInterval, s.KeepAliveSeconds, s.HasWill))]));
    }

    private static async Task<IResult> EndSessionAsync(HttpContext context, string clientId, MqttServer server, IAudit audit, CancellationToken cancellationToken)
    {
        if (!server.EndSession(clientId)) { return Problem.Missing("There is no such session."); }
        await audit.WriteAsync(Caller.Of(context).Actor, "session end", clientId, detail: null, cancellationToken);
        return Results.NoContent();
    }

    private static IResult ListSubscriptions(MqttServer server, string? query, int? offset, int? limit)
    {
        var page = server.ListSubscriptions(string.IsNullOrEmpty(query) ? null : query, Paging.Offset(offset), Paging.Limit(limit, 100, 500));
        return Results.Ok(new ApiPage<SubscriptionItem>(page.Total, [.. page.Items.Select(static s => Describe(s.ClientId, s.Subscription))]));
    }

    private static SubscriptionItem Describe(string clientId, StoredSubscription subscription)
    {
        var parts = subscription.Filter.Split('/', 3);
        var isShared = parts is ["$share", _, _];
        var options = new List<string>(2);
        if (subscription.RetainAsPublished) { options.Add("retain as published"); }
        if (subscription.RetainHandling > 0) { options.Add(subscription.RetainHandling == 1 ? "retained only if new" : "no retained"); }
        return new SubscriptionItem(
            clientId, isShared ? parts[2] : subscription.Filter, (int)subscription.QualityOfService, isShared ? parts[1] : null, subscription.NoLocal,
            options.Count == 0 ? null : string.Join(", ", options), subscription.SubscriptionIdentifier == 0 ? null : subscription.SubscriptionIdentifier);
    }

    private static IResult ListRetained(MqttServer server, string? query, int? offset, int? limit)
    {
        var filter = string.IsNullOrEmpty(query) ? null : query;
        if (filter is not null && !TopicFilter.IsValid(filter)) { return Problem.Invalid("query", "Not a topic filter."); }
        var page = server.ListRetained(filter, Paging.Offset(offset), Paging.Limit(limit, 100, 500));
        return Results.Ok(new ApiPage<RetainedItem>(page.Total, [.. page.Items.Select(static r => new RetainedItem(
            r.Topic, r.PayloadLength, (int)r.QualityOfService, r.Publisher, r.PublishedAt, Words.TextOf(r.Beginning.Span)))]));
    }

    private static async Task<IResult> ClearRetainedAsync(HttpContext context, string topic, MqttServer server, IAudit audit, CancellationToken cancellationToken)
    {
        if (!TopicName.IsValid(topic)) { return Problem.Invalid("topic", "Not a topic name."); }
        await server.PublishAsync(topic, ReadOnlyMemory<byte>.Empty, QualityOfService.AtLeastOnce, retain: true, properties: null, cancellationToken);
        await audit.WriteAsync(Caller.Of(context).Actor, "retained clear", topic, detail: null, cancellationToken);
        return Results.NoContent();
    }

    private static IResult ListEvents(MqttServer server, string? kind, string? query, int? limit)
    {
        var wanted = Words.Read<ConnectionEventKind>(kind);
        var events = server.LatestEvents(LongestHistory).Where(e => (wanted is null || e.Kind == wanted)
            && (string.IsNullOrEmpty(query) || $"{e.ClientId} {e.Name} {e.Remote} {e.Words}".Contains(query, StringComparison.OrdinalIgnoreCase)));
        return Results.Ok(new ApiList<ConnectionItem>([.. events.Take(Paging.Limit(limit, 200, LongestHistory)).Select(static e => new ConnectionItem(
            e.At, Words.Of(e.Kind), e.ClientId, e.Name, e.Remote, e.Listener,
            e.Kind == ConnectionEventKind.Connected ? null : string.Create(CultureInfo.InvariantCulture, $"0x{(byte)e.Reason:X2}"), e.Words))]));
    }

    private static async Task<IResult> IssueClientAsync(HttpContext context, PageClients pages, IAudit audit, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        if (caller.Person is not { } person) { return Problem.Forbidden("The MQTT client of the page belongs to a person; services have credentials of their own."); }
        if (pages.Issue(person) is not { } client) { return Problem.Of(StatusCodes.Status429TooManyRequests, "Too many MQTT clients in pages.", "Close one and try again."); }
        await audit.WriteAsync(caller.Actor, "page-client create", client.UserName, detail: null, cancellationToken);
        return Results.Ok(new BrokerClient($"{(context.Request.IsHttps ? "wss" : "ws")}://{context.Request.Host}/mqtt", client.UserName, client.Password, client.ClientId, client.ExpiresAt));
    }
}
