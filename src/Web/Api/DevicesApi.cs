using System.Globalization;
using System.Text.Json;
using Headwater.Accounts;
using Headwater.Devices;
using Headwater.Devices.Profiles;
using Headwater.HeadEnd.Access;
using Headwater.HeadEnd.Quarantine;
using Headwater.HeadEnd.Readings;
using Headwater.HeadEnd.Registry;
using Headwater.Metering;
using Headwater.Mqtt;
using Headwater.Mqtt.Server;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Headwater.Web.Api;

/// <summary>A device in a list.</summary>
/// <param name="Id">Text id.</param>
/// <param name="Name">Name.</param>
/// <param name="Class">Class.</param>
/// <param name="Status">Status.</param>
/// <param name="Connected">Connected now.</param>
/// <param name="LastSeenAt">Last contact, or null.</param>
/// <param name="LastReadingAt">Arrival of the last quantity, or null.</param>
/// <param name="RegistersCount">Number of registers.</param>
/// <param name="TimeZone">IANA time zone.</param>
/// <param name="CarrierId">Text id of its concentrator, or null.</param>
public sealed record DeviceItem(
    string Id, string Name, DeviceClass Class, DeviceStatus Status, bool Connected, DateTimeOffset? LastSeenAt, DateTimeOffset? LastReadingAt, int RegistersCount, string TimeZone,
    string? CarrierId);

/// <summary>A device to be added.</summary>
/// <param name="Id">Text id.</param>
/// <param name="Name">Name, may be absent.</param>
/// <param name="Class">Class; an electricity meter when absent.</param>
/// <param name="TimeZone">IANA time zone; the organization's default when absent.</param>
/// <param name="CarrierId">Text id of its concentrator.</param>
public sealed record DeviceToAdd(string? Id, string? Name, DeviceClass? Class, string? TimeZone, string? CarrierId);

/// <summary>A change of a device; null stays.</summary>
/// <param name="Name">Name.</param>
/// <param name="Status">Status.</param>
/// <param name="TimeZone">IANA time zone.</param>
public sealed record DevicePatch(string? Name, DeviceStatus? Status, string? TimeZone);

/// <summary>A device's live connection.</summary>
/// <param name="ClientId">Client identifier.</param>
/// <param name="Remote">Peer.</param>
/// <param name="Listener">Listener.</param>
/// <param name="ConnectedAt">Since when.</param>
/// <param name="Version">Protocol version.</param>
public sealed record DeviceConnection(string ClientId, string? Remote, string? Listener, DateTimeOffset? ConnectedAt, string Version);

/// <summary>A register of a device.</summary>
/// <param name="RegisterId">Number.</param>
/// <param name="Obis">OBIS code.</param>
/// <param name="Name">Quantity in words.</param>
/// <param name="Unit">Unit.</param>
/// <param name="Exponent">Decimal exponent.</param>
/// <param name="Versions">Number of versions.</param>
/// <param name="LastValue">Latest value as decimal text, or null.</param>
/// <param name="LastAt">Its time, or null.</param>
/// <param name="Minimum">Smallest value taken, decimal text, or null.</param>
/// <param name="Maximum">Largest value taken, decimal text, or null.</param>
/// <param name="IntervalSeconds">Interval of a load-profile channel, or null.</param>
public sealed record RegisterItem(
    string RegisterId, string Obis, string Name, string Unit, short Exponent, int Versions, string? LastValue, DateTimeOffset? LastAt, string? Minimum, string? Maximum, int? IntervalSeconds);

/// <summary>What else is counted of a device.</summary>
/// <param name="Held">Messages of it in quarantine.</param>
public sealed record DeviceHeld(int Held);

/// <summary>A device with everything around it.</summary>
/// <param name="Id">Text id.</param>
/// <param name="Name">Name.</param>
/// <param name="Class">Class.</param>
/// <param name="Status">Status.</param>
/// <param name="Connected">Connected now.</param>
/// <param name="LastSeenAt">Last contact, or null.</param>
/// <param name="LastReadingAt">Arrival of the last quantity, or null.</param>
/// <param name="RegistersCount">Number of registers.</param>
/// <param name="TimeZone">IANA time zone.</param>
/// <param name="CarrierId">Text id of its concentrator, or null.</param>
/// <param name="CreatedAt">When it was registered.</param>
/// <param name="RegisteredAutomatically">Whether nobody entered it.</param>
/// <param name="Connection">Live connection, or null.</param>
/// <param name="Registers">Registers.</param>
/// <param name="Credentials">Credentials.</param>
/// <param name="Counts">Counts.</param>
public sealed record DeviceDetail(
    string Id, string Name, DeviceClass Class, DeviceStatus Status, bool Connected, DateTimeOffset? LastSeenAt, DateTimeOffset? LastReadingAt, int RegistersCount, string TimeZone,
    string? CarrierId, DateTimeOffset CreatedAt, bool RegisteredAutomatically, DeviceConnection? Connection, IReadOnlyList<RegisterItem> Registers,
    IReadOnlyList<CredentialItem> Credentials, DeviceHeld Counts);

/// <summary>Devices: list, add, change, look at.</summary>
internal static class DevicesApi
{
    internal static void Map(RouteGroupBuilder api)
    {
        var devices = api.MapGroup("/devices").WithTags("Devices");
        devices.MapGet("", List).For(Role.Viewer).WithSummary("A page of devices.").Produces<ApiPage<DeviceItem>>();
        devices.MapPost("", AddAsync).For(Role.Operator).WithSummary("Adds a device.").Produces<DeviceItem>(201);
        devices.MapPatch("/{id}", ChangeAsync).For(Role.Operator).WithSummary("Changes a device; suspending one ends its connection.").Produces(204);
        devices.MapGet("/{id}", GetAsync).For(Role.Viewer).WithSummary("One device.").Produces<DeviceDetail>();
    }

    /// <summary>The device of this id if it belongs to the caller's organization.</summary>
    internal static bool TryFind(HttpContext context, DeviceRegistry registry, string id, out RegisteredDevice device, out IResult missing)
    {
        missing = Problem.Missing($"There is no device '{id}'.");
        if (registry.TryGetDevice(id, out var found) && found.OrganizationId == Caller.Of(context).OrganizationId)
        {
            device = found;
            return true;
        }
        device = null!;
        return false;
    }

    internal static DateTimeOffset? At(long microseconds) => microseconds == 0 ? null : DateTimeOffset.UnixEpoch.AddTicks(microseconds * 10);

    private static IResult List(
        HttpContext context, DeviceSearch devices, string? query, string? status, bool? connected, [FromQuery(Name = "class")] string? deviceClass, string? carrierId, string? sort,
        bool? descending, int? offset, int? limit)
    {
        var filter = new DeviceFilter(query, Words.Read<DeviceStatus>(status), connected, Words.Read<DeviceClass>(deviceClass), carrierId);
        var page = devices.Find(
            Caller.Of(context).OrganizationId, filter, Words.Read<DeviceOrder>(sort) ?? DeviceOrder.Id, descending ?? false, Paging.Offset(offset), Paging.Limit(limit, 100, 500));
        return Results.Ok(new ApiPage<DeviceItem>(page.Total, [.. page.Items.Select(Describe)]));
    }

    private static async Task<IResult> AddAsync(HttpContext context, [FromBody] DeviceToAdd device, DeviceRegistry registry, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context);
        RegisteredDevice? carrier = null;
        var zone = string.IsNullOrEmpty(device.TimeZone) ? DeviceRegistryOptions.DefaultTimeZone : device.TimeZone;
        var mistakes = new Mistakes().Unless(DeviceTextId.IsValid(device.Id), "id", "1 to 64 letters, digits, dots, underscores or hyphens.")
            .Unless(device.Name is null or { Length: <= 200 }, "name", "At most 200 characters.")
            .Unless(device.Class is null || Enum.IsDefined(device.Class.Value), "class", "An unknown class.")
            .Unless(TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _), "timeZone", "An IANA time zone.");
        if (!string.IsNullOrEmpty(device.CarrierId) && !(registry.TryGetDevice(device.CarrierId, out carrier) && carrier.OrganizationId == caller.OrganizationId && carrier.Class == DeviceClass.Concentrator))
        {
            mistakes.Add("carrierId", "Must name a registered concentrator.");
        }
        if (mistakes.Any) { return mistakes.AsProblem; }
        var added = await registry.AddDeviceAsync(caller.Actor, new NewDevice(device.Id!, device.Name ?? string.Empty, device.Class ?? DeviceClass.ElectricityMeter, zone, carrier), cancellationToken);
        return added is null ? Problem.Conflict("id", "A device with this id exists.") : Results.Created($"/api/v1/devices/{added.TextId}", Describe(added));
    }

    private static async Task<IResult> ChangeAsync(HttpContext context, string id, [FromBody] DevicePatch patch, DeviceRegistry registry, CancellationToken cancellationToken)
    {
        if (!TryFind(context, registry, id, out var device, out var missing)) { return missing; }
        var mistakes = new Mistakes().Unless(patch.Name is null or { Length: <= 200 }, "name", "At most 200 characters.")
            .Unless(patch.Status is null || Enum.IsDefined(patch.Status.Value), "status", "An unknown status.")
            .Unless(patch.TimeZone is null || TimeZoneInfo.TryFindSystemTimeZoneById(patch.TimeZone, out _), "timeZone", "An IANA time zone.");
        if (mistakes.Any) { return mistakes.AsProblem; }
        await registry.ChangeDeviceAsync(Caller.Of(context).Actor, device, new DeviceChange(patch.Name, patch.Status, patch.TimeZone), cancellationToken);
        return Results.NoContent();
    }

    private static async Task<IResult> GetAsync(
        HttpContext context, string id, DeviceRegistry registry, DeviceQueries queries, ReadingQueries readings, QuarantineQueries quarantine, CredentialDirectory credentials, MqttServer server,
        CancellationToken cancellationToken)
    {
        if (!TryFind(context, registry, id, out var device, out var missing)) { return missing; }
        var facts = await queries.FactsAsync(device, cancellationToken);
        var latest = await readings.LatestAsync(device, cancellationToken);
        var held = await quarantine.CountHeldAsync(device.TextId, cancellationToken);
        var known = await credentials.ListAsync(device.OrganizationId, device, cancellationToken);
        var session = server.FindSession(device.TextId);
        var item = Describe(device);
        return Results.Ok(new DeviceDetail(
            item.Id, item.Name, item.Class, item.Status, item.Connected, item.LastSeenAt, item.LastReadingAt, item.RegistersCount, item.TimeZone, item.CarrierId, facts.CreatedAt,
            facts.IsRegisteredAutomatically,
            session is { IsConnected: true } ? new DeviceConnection(session.ClientId, session.Remote, session.Listener, session.ConnectedAt, VersionOf(session.Version)) : null,
            [.. device.Registers.Select(r => Describe(r, facts, latest))], [.. known.Select(CredentialsApi.Describe)], new DeviceHeld(held)));
    }

    internal static string VersionOf(ProtocolVersion version) => version == ProtocolVersion.V5 ? "5.0" : "3.1.1";

    private static DeviceItem Describe(RegisteredDevice device) => new(
        device.TextId, device.Name, device.Class, device.Status, device.IsConnected, At(device.LastSeenAt), At(device.LastReadingAt), device.Registers.Count, device.TimeZone, device.Carrier?.TextId);

    private static RegisterItem Describe(RegisteredRegister register, DeviceFacts facts, IReadOnlyDictionary<long, LatestValue> latest)
    {
        var last = latest.GetValueOrDefault(register.RegisterId);
        return new RegisterItem(
            register.RegisterId.ToString(CultureInfo.InvariantCulture), register.Obis, DeviceProfiles.NameOf(register.Obis), register.Unit, register.Exponent,
            facts.VersionsByRegister.GetValueOrDefault(register.RegisterId, 1), last is null ? null : ScaledText.Of(last.Value, register.Exponent), last?.At,
            register.Minimum is { } least ? ScaledText.Of(least, register.Exponent) : null, register.Maximum is { } most ? ScaledText.Of(most, register.Exponent) : null, register.IntervalSeconds);
    }
}
