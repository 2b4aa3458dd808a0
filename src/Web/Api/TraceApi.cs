using System.Globalization;
using Headwater.Accounts;
using Headwater.HeadEnd.Readings;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Headwater.Web.Api;

/// <summary>The row a message became.</summary>
/// <param name="DeviceId">Device.</param>
/// <param name="Obis">OBIS code.</param>
/// <param name="At">Time.</param>
/// <param name="Value">Decimal text, or null for a profile.</param>
/// <param name="Unit">Unit.</param>
public sealed record TraceReading(string? DeviceId, string? Obis, DateTimeOffset? At, string? Value, string? Unit);

/// <summary>A message as it came off the wire.</summary>
/// <param name="Topic">Topic.</param>
/// <param name="ClientId">Client.</param>
/// <param name="Connection">Connection.</param>
/// <param name="ArrivedAt">Arrival.</param>
/// <param name="Qos">QoS.</param>
/// <param name="PayloadBase64">Payload.</param>
/// <param name="PayloadText">Payload as text, or null.</param>
/// <param name="Bytes">Length.</param>
public sealed record TraceMessage(string Topic, string ClientId, string Connection, DateTimeOffset ArrivedAt, int Qos, string PayloadBase64, string? PayloadText, int Bytes);

/// <summary>The commit that made a message durable.</summary>
/// <param name="Number">Commit number.</param>
/// <param name="CommittedAt">When.</param>
/// <param name="Node">Server.</param>
/// <param name="Messages">Messages in it.</param>
/// <param name="Rows">Rows in it.</param>
/// <param name="RawBytes">Bytes of its messages.</param>
/// <param name="CompressedBytes">The same as stored.</param>
public sealed record TraceCommit(string Number, DateTimeOffset CommittedAt, string Node, int Messages, int Rows, int RawBytes, int CompressedBytes);

/// <summary>One step of a message's way.</summary>
/// <param name="Name">Step.</param>
/// <param name="At">When, or null.</param>
/// <param name="Text">What happened.</param>
public sealed record TraceStep(string Name, DateTimeOffset? At, string Text);

/// <summary>A message from arrival to row.</summary>
/// <param name="Reading">The row, or null.</param>
/// <param name="Kind">What it became.</param>
/// <param name="Message">The message.</param>
/// <param name="Commit">Its commit.</param>
/// <param name="Steps">Its way.</param>
public sealed record TraceResponse(TraceReading? Reading, TraceKind Kind, TraceMessage Message, TraceCommit Commit, IReadOnlyList<TraceStep> Steps);

/// <summary>From a reading back to its message.</summary>
internal static class TraceApi
{
    internal static void Map(RouteGroupBuilder api) =>
        api.MapGet("/trace/{commit:long}/{ordinal:int}", GetAsync).For(Role.Viewer).WithTags("Trace").WithSummary("The message a row came from, and its way.").Produces<TraceResponse>();

    private static async Task<IResult> GetAsync(HttpContext context, long commit, int ordinal, TraceQueries trace, CancellationToken cancellationToken)
    {
        if (await trace.MessageAsync(Caller.Of(context).OrganizationId, commit, ordinal, cancellationToken) is not { } uplink) { return Problem.Missing("The log has no such message, or keeps it no longer."); }
        var row = await trace.RowAsync(Caller.Of(context).OrganizationId, uplink, ordinal, cancellationToken);
        var message = uplink.Message;
        var arrived = DateTimeOffset.UnixEpoch.AddTicks(message.ArrivedAtMicroseconds * 10);
        var qos = (int)message.QualityOfService;
        var became = row.Kind switch
        {
            TraceKind.Reading => $"Register {row.Obis} of {row.DeviceId}: {row.Value} {row.Unit}.",
            TraceKind.Profile => $"A block of intervals of register {row.Obis} of {row.DeviceId}.",
            TraceKind.Event => $"An event of {row.DeviceId}.",
            TraceKind.Quarantine => "Not storable as a reading: kept in quarantine with its bytes.",
            _ => "Logged; no row of its own: a repeat, a state or a birth message.",
        };
        List<TraceStep> steps =
        [
            new("received", arrived, $"PUBLISH at QoS {qos}, MQTT {DevicesApi.VersionOf(message.Version)}{(message.Duplicate ? ", sent again (DUP)" : string.Empty)}{(message.Retain ? ", retained" : string.Empty)}."),
            new("decoded", arrived, became),
            new("committed", uplink.CommittedAt, uplink.Messages == 1 ? "Written alone in one transaction." : $"Written with {uplink.Messages - 1} other messages in one transaction."),
        ];
        if (qos > 0) { steps.Add(new TraceStep("acknowledged", At: null, $"{(qos == 1 ? "PUBACK" : "PUBREC")} sent after the commit.")); }
        return Results.Ok(new TraceResponse(
            row.Kind is TraceKind.Reading or TraceKind.Profile or TraceKind.Event ? new TraceReading(row.DeviceId, row.Obis, row.At, row.Value, row.Unit) : null, row.Kind,
            new TraceMessage(
                message.Topic, message.ClientId, "connection " + message.Connection.ToString(CultureInfo.InvariantCulture), arrived, qos, Convert.ToBase64String(message.Payload),
                Words.TextOf(message.Payload), message.Payload.Length),
            new TraceCommit(
                uplink.CommitNumber.ToString(CultureInfo.InvariantCulture), uplink.CommittedAt, "node-" + uplink.Node.ToString(CultureInfo.InvariantCulture), uplink.Messages, uplink.Rows, uplink.RawBytes,
                uplink.StoredBytes), steps));
    }
}
