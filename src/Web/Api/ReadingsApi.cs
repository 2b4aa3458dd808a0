using System.Globalization;
using System.Text.Json;
using Headwater.Accounts;
using Headwater.HeadEnd.Readings;
using Headwater.HeadEnd.Registry;
using Headwater.Metering;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Headwater.Web.Api;

/// <summary>A reading.</summary>
/// <param name="RegisterId">Register.</param>
/// <param name="Obis">OBIS code.</param>
/// <param name="At">Time of the reading.</param>
/// <param name="Value">Decimal text in the unit.</param>
/// <param name="Unit">Unit.</param>
/// <param name="Quality">How it came to be.</param>
/// <param name="Suspicions">Why it is doubted.</param>
/// <param name="CommitNumber">Commit that stored it.</param>
/// <param name="Ordinal">Ordinal there.</param>
/// <param name="ReceivedAt">When it was committed, or null when its log is no longer kept.</param>
public sealed record ReadingItem(
    string RegisterId, string Obis, DateTimeOffset At, string Value, string Unit, Quality Quality, IReadOnlyList<string> Suspicions, string CommitNumber, int Ordinal, DateTimeOffset? ReceivedAt);

/// <summary>A page of readings, the newest first.</summary>
/// <param name="Items">Readings.</param>
/// <param name="Next">Cursor of the next page, or null at the end.</param>
public sealed record ReadingPage(IReadOnlyList<ReadingItem> Items, string? Next);

/// <summary>A series cut to a chart's width.</summary>
/// <param name="Unit">Unit.</param>
/// <param name="Kind">instant or interval.</param>
/// <param name="Points">[milliseconds since 1970, minimum, maximum, last, count].</param>
/// <param name="Gaps">[from, to] in milliseconds.</param>
public sealed record SeriesResponse(string Unit, string Kind, IReadOnlyList<double[]> Points, IReadOnlyList<long[]> Gaps);

/// <summary>Intervals of a load-profile channel.</summary>
/// <param name="Unit">Unit.</param>
/// <param name="EverySeconds">Interval length.</param>
/// <param name="Points">[milliseconds since 1970, value or null, status code].</param>
public sealed record ProfileResponse(string Unit, int EverySeconds, IReadOnlyList<double?[]> Points);

/// <summary>A meter event.</summary>
/// <param name="At">When, by the device's clock.</param>
/// <param name="Code">Code.</param>
/// <param name="Sequence">The device's own number.</param>
/// <param name="Data">Particulars.</param>
/// <param name="CommitNumber">Commit that stored it.</param>
/// <param name="Ordinal">Ordinal there.</param>
public sealed record EventItem(DateTimeOffset At, string Code, long Sequence, JsonElement Data, string CommitNumber, int Ordinal);

/// <summary>Two values for one key.</summary>
/// <param name="RegisterId">Register.</param>
/// <param name="Obis">OBIS code.</param>
/// <param name="At">Time of the reading.</param>
/// <param name="Unit">Unit.</param>
/// <param name="StandingValue">The value that stands.</param>
/// <param name="StandingReceivedAt">When it was committed, or null.</param>
/// <param name="OtherValue">The value that came later.</param>
/// <param name="OtherReceivedAt">When it was committed.</param>
/// <param name="CommitNumber">Commit of the later one.</param>
/// <param name="Ordinal">Its ordinal.</param>
public sealed record ConflictItem(
    string RegisterId, string? Obis, DateTimeOffset At, string Unit, string StandingValue, DateTimeOffset? StandingReceivedAt, string OtherValue, DateTimeOffset OtherReceivedAt, string CommitNumber,
    int Ordinal);

/// <summary>What a device measured and reported.</summary>
internal static class ReadingsApi
{
    private const int MostPoints = 4_000;
    private const int MostIntervals = 20_000;
    private static readonly TimeSpan StandardSpan = TimeSpan.FromDays(1);
    private static readonly TimeSpan LongestSpan = TimeSpan.FromDays(3_700);

    internal static void Map(RouteGroupBuilder api)
    {
        var device = api.MapGroup("/devices/{id}").WithTags("Readings");
        device.MapGet("/readings", ReadAsync).For(Role.Viewer).WithSummary("Readings, the newest first; the last day unless from is given.").Produces<ReadingPage>();
        device.MapGet("/series", SeriesAsync).For(Role.Viewer).WithSummary("A register's values cut to a chart's width.").Produces<SeriesResponse>();
        device.MapGet("/profiles", ProfilesAsync).For(Role.Viewer).WithSummary("Intervals of a load-profile channel.").Produces<ProfileResponse>();
        device.MapGet("/events", EventsAsync).For(Role.Viewer).WithSummary("Meter events, the newest first.").Produces<ApiList<EventItem>>();
        device.MapGet("/conflicts", ConflictsAsync).For(Role.Viewer).WithSummary("Readings that came twice with different values.").Produces<ApiList<ConflictItem>>();
    }

    private static async Task<IResult> ReadAsync(
        HttpContext context, string id, DeviceRegistry registry, ReadingQueries readings, TimeProvider time, string? registerId, DateTimeOffset? from, DateTimeOffset? to, int? limit, string? cursor,
        CancellationToken cancellationToken)
    {
        if (!DevicesApi.TryFind(context, registry, id, out var device, out var missing)) { return missing; }
        var registers = string.IsNullOrEmpty(registerId) ? device.Registers : [.. device.Registers.Where(r => Is(r, registerId))];
        if (registers.Count == 0) { return string.IsNullOrEmpty(registerId) ? Results.Ok(new ReadingPage([], Next: null)) : Problem.Missing($"'{id}' has no register '{registerId}'."); }
        var (begin, end) = Range(from, to, time);
        if (!string.IsNullOrEmpty(cursor))
        {
            if (!long.TryParse(cursor, CultureInfo.InvariantCulture, out var ticks) || ticks < 0 || ticks > DateTime.MaxValue.Ticks) { return Problem.Invalid("cursor", "Not one of ours."); }
            end = new DateTimeOffset(ticks, TimeSpan.Zero);
        }
        if (Judge(begin, end) is { } wrong) { return wrong; }
        var most = Paging.Limit(limit, 1_000, 5_000);
        var rows = await readings.ReadAsync(registers, begin, end, most, cancellationToken);
        // Rows of one instant stay together: the page ends before an instant it may not hold in full, unless it holds nothing else.
        var items = rows.Count == most && rows[0].At != rows[^1].At ? [.. rows.Where(r => r.At != rows[^1].At)] : rows;
        var obis = registers.ToDictionary(static r => r.RegisterId, static r => r.Obis);
        return Results.Ok(new ReadingPage(
            [.. items.Select(r => new ReadingItem(
                Text(r.RegisterId), obis[r.RegisterId], r.At, r.Value, r.Unit, Quality.Measured, SuspicionsOf(r.Suspicion), Text(r.CommitNumber), r.Ordinal, r.ReceivedAt))],
            rows.Count == most ? Text(items[^1].At.UtcTicks) : null));
    }

    private static async Task<IResult> SeriesAsync(
        HttpContext context, string id, DeviceRegistry registry, ReadingQueries readings, TimeProvider time, string? registerId, DateTimeOffset? from, DateTimeOffset? to, int? points,
        CancellationToken cancellationToken)
    {
        if (!DevicesApi.TryFind(context, registry, id, out var device, out var missing)) { return missing; }
        if (RegisterOf(device, registerId) is not { } register) { return Problem.Missing($"'{id}' has no register '{registerId}'."); }
        var (begin, end) = Range(from, to, time);
        if (Judge(begin, end) is { } wrong) { return wrong; }
        var series = await readings.SeriesAsync(register, begin, end, Paging.Limit(points, 800, MostPoints), cancellationToken);
        return Results.Ok(new SeriesResponse(
            series.Unit, series.IsInterval ? "interval" : "instant", [.. series.Points.Select(static p => new[] { p.At, p.Minimum, p.Maximum, p.Last, p.Count })],
            [.. series.Gaps.Select(static g => new[] { g.From, g.To })]));
    }

    private static async Task<IResult> ProfilesAsync(
        HttpContext context, string id, DeviceRegistry registry, ReadingQueries readings, TimeProvider time, string? registerId, DateTimeOffset? from, DateTimeOffset? to, CancellationToken cancellationToken)
    {
        if (!DevicesApi.TryFind(context, registry, id, out var device, out var missing)) { return missing; }
        var register = string.IsNullOrEmpty(registerId) ? device.Registers.FirstOrDefault(static r => r.IntervalSeconds is not null) : RegisterOf(device, registerId);
        if (register is null) { return Problem.Missing($"'{id}' has no such load-profile channel."); }
        var (begin, end) = Range(from, to, time);
        if (Judge(begin, end) is { } wrong) { return wrong; }
        var profile = await readings.ProfilesAsync(register, begin, end, MostIntervals, cancellationToken);
        return Results.Ok(new ProfileResponse(
            profile.Unit, profile.EverySeconds,
            [.. profile.Points.Select(p => new double?[] { p.At, p.Value is { } value ? ScaledText.ForChart(value, profile.Exponent) : null, p.Status })]));
    }

    private static async Task<IResult> EventsAsync(HttpContext context, string id, DeviceRegistry registry, ReadingQueries readings, int? limit, CancellationToken cancellationToken)
    {
        if (!DevicesApi.TryFind(context, registry, id, out var device, out var missing)) { return missing; }
        var events = await readings.EventsAsync(device, Paging.Limit(limit, 100, 1_000), cancellationToken);
        return Results.Ok(new ApiList<EventItem>([.. events.Select(static e => new EventItem(e.At, e.Code, e.Sequence, JsonSerializer.Deserialize<JsonElement>(e.Data), Text(e.CommitNumber), e.Ordinal))]));
    }

    private static async Task<IResult> ConflictsAsync(HttpContext context, string id, DeviceRegistry registry, ReadingQueries readings, int? limit, CancellationToken cancellationToken)
    {
        if (!DevicesApi.TryFind(context, registry, id, out var device, out var missing)) { return missing; }
        var conflicts = await readings.ConflictsAsync(device, Paging.Limit(limit, 100, 1_000), cancellationToken);
        var obis = device.Registers.ToDictionary(static r => r.RegisterId, static r => r.Obis);
        return Results.Ok(new ApiList<ConflictItem>([.. conflicts.Select(c => new ConflictItem(
            Text(c.RegisterId), obis.GetValueOrDefault(c.RegisterId), c.At, c.Unit, c.StandingValue, c.StandingReceivedAt, c.OtherValue, c.RecordedAt, Text(c.CommitNumber), c.Ordinal))]));
    }

    private static RegisteredRegister? RegisterOf(RegisteredDevice device, string? registerId) =>
        string.IsNullOrEmpty(registerId) ? device.Registers.FirstOrDefault() : device.Registers.FirstOrDefault(r => Is(r, registerId));

    /// <summary>A register is named by its number or by its OBIS code.</summary>
    private static bool Is(RegisteredRegister register, string name) =>
        string.Equals(Text(register.RegisterId), name, StringComparison.Ordinal) || string.Equals(register.Obis, name, StringComparison.Ordinal);

    private static (DateTimeOffset From, DateTimeOffset To) Range(DateTimeOffset? from, DateTimeOffset? to, TimeProvider time)
    {
        // A device's clock may run ahead by the hour that is taken: the end unless given lies after it.
        var end = to ?? time.GetUtcNow().AddHours(2);
        return (from ?? end - StandardSpan, end);
    }

    private static IResult? Judge(DateTimeOffset from, DateTimeOffset to) =>
        from > to ? Problem.Invalid("from", "Must not lie after to.") : to - from > LongestSpan ? Problem.Invalid("from", "At most ten years at once.") : null;

    private static List<string> SuspicionsOf(Suspicion suspicion) =>
        [.. Enum.GetValues<Suspicion>().Where(s => s != Suspicion.None && suspicion.HasFlag(s)).Select(Words.Of)];

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
