using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Headwater.HeadEnd.Readings;
using Headwater.TestKit;
using Microsoft.Extensions.DependencyInjection;
using static Headwater.Web.Tests.RunningServer;

namespace Headwater.Web.Tests.Api;

public sealed class DeviceTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task A_device_is_found_and_leaves_an_audit_row_when_added()
    {
        await SendAsync(server.Administrator, HttpMethod.Post, "/devices", new { id = "meter-a", name = "<script>alert(1)</script>", @class = "waterMeter", timeZone = "Europe/London" });
        var page = await SendAsync(server.Administrator, HttpMethod.Get, "/devices?query=SCRIPT");
        page["total"]!.GetValue<int>().ShouldBe(1);
        page["items"]![0]!["class"]!.ToString().ShouldBe("waterMeter");
        using var raw = await CallAsync(server.Administrator, HttpMethod.Get, "/devices/meter-a");
        raw.Content.Headers.ContentType!.MediaType.ShouldBe("application/json");
        (await raw.Content.ReadAsStringAsync()).ShouldNotContain("<script>");
        (await server.ScalarAsync<long>("select count(*) from accounts.audit where action = 'device add' and target = 'meter-a' and actor = 'person:admin'")).ShouldBe(1);
    }

    [Fact]
    public async Task All_mistakes_are_said_at_once_when_a_device_is_wrong()
    {
        using var response = await CallAsync(server.Administrator, HttpMethod.Post, "/devices", new { id = "no spaces", timeZone = "Nowhere/Land", carrierId = "absent" });
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var errors = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["errors"]!.AsObject();
        errors.Select(static e => e.Key).ShouldBe(["id", "timeZone", "carrierId"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_device_of_another_organization_is_as_good_as_absent_when_asked_for()
    {
        await server.ExecuteAsync("insert into accounts.organization (text_id, name) values ('other', 'Other') on conflict do nothing");
        var other = await server.ScalarAsync<long>("select organization_id from accounts.organization where text_id = 'other'");
        await server.Composition.Registry.AddDeviceAsync(new Accounts.Audit.Actor("system", other), new HeadEnd.Registry.NewDevice("foreign-1", "", Devices.DeviceClass.ElectricityMeter, "UTC"), CancellationToken.None);
        foreach (var path in new[] { "/devices/foreign-1", "/devices/foreign-1/readings", "/devices/foreign-1/series", "/devices/foreign-1/events" })
        {
            using var response = await CallAsync(server.Administrator, HttpMethod.Get, path);
            response.StatusCode.ShouldBe(HttpStatusCode.NotFound, path);
        }
        (await SendAsync(server.Administrator, HttpMethod.Get, "/devices?query=foreign"))["total"]!.GetValue<int>().ShouldBe(0);
        using var secret = await CallAsync(server.Administrator, HttpMethod.Post, "/devices/foreign-1/credentials", new { });
        secret.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_trace_of_another_organizations_message_is_as_good_as_absent_when_asked_for()
    {
        await SendAsync(server.Administrator, HttpMethod.Post, "/devices", new { id = "meter-t" });
        var secret = await SendAsync(server.Administrator, HttpMethod.Post, "/devices/meter-t/credentials", new { label = "test" });
        await using var client = await PlainMqttClient.ConnectAsync(server.MqttPort, "meter-t", secret["userName"]!.ToString(), secret["secret"]!.ToString());
        await client.PublishAcknowledgedAsync("smart_meter/meter_readings", $$"""{"meter_id":"meter-t","reading":1,"created_at":"{{TimeProvider.System.GetUtcNow():yyyy-MM-ddTHH:mm:ssZ}}"}""");
        var item = (await SendAsync(server.Administrator, HttpMethod.Get, "/devices/meter-t/readings"))["items"]!.AsArray().ShouldHaveSingleItem()!;
        var trace = server.Composition.App.Services.GetRequiredService<TraceQueries>();
        var (commit, ordinal) = (long.Parse(item["commitNumber"]!.ToString(), CultureInfo.InvariantCulture), item["ordinal"]!.GetValue<int>());
        (await trace.MessageAsync(server.Composition.FirstStart.OrganizationId, commit, ordinal, CancellationToken.None)).ShouldNotBeNull();
        (await trace.MessageAsync(server.Composition.FirstStart.OrganizationId + 1, commit, ordinal, CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task A_character_the_database_cannot_keep_is_the_callers_mistake_when_sent()
    {
        using var named = await RunningServer.CallAsync(server.Administrator, HttpMethod.Post, "/devices", new { id = "meter-nul", name = "a\0b" });
        named.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        using var asked = await RunningServer.CallAsync(server.Administrator, HttpMethod.Get, "/quarantine?device=%00", body: null);
        asked.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Readings_come_scaled_and_in_pages_when_asked_for()
    {
        await SendAsync(server.Administrator, HttpMethod.Post, "/devices", new { id = "meter-r" });
        server.Composition.Registry.TryGetDevice("meter-r", out var device).ShouldBeTrue();
        var register = (await server.Composition.Registry.AddRegisterAsync(device!, "1-0:32.7.0", CancellationToken.None)).ShouldNotBeNull();
        await server.ExecuteAsync(
            $"insert into headend.reading (device_id, register_id, at, value, commit_number, ordinal, suspicion) select {device!.DeviceId}, {register.RegisterId}, now() - i * interval '1 minute', 2300 + i, 7, i, 0 from generate_series(1, 25) i");
        var first = await SendAsync(server.Administrator, HttpMethod.Get, "/devices/meter-r/readings?limit=10");
        first["items"]!.AsArray().Count.ShouldBe(9); // an instant is never cut: the tenth may share its time with an eleventh
        first["items"]![0]!["value"]!.ToString().ShouldBe("230.1");
        first["items"]![0]!["unit"]!.ToString().ShouldBe("V");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (JsonNode? page = first; page is not null;)
        {
            foreach (var item in page["items"]!.AsArray()) { seen.Add(item!["at"]!.ToString()).ShouldBeTrue(); }
            page = page["next"] is { } next ? await SendAsync(server.Administrator, HttpMethod.Get, "/devices/meter-r/readings?limit=10&cursor=" + next) : null;
        }
        seen.Count.ShouldBe(25);
        var series = await SendAsync(server.Administrator, HttpMethod.Get, "/devices/meter-r/series?points=100&registerId=" + register.RegisterId);
        series["kind"]!.ToString().ShouldBe("instant");
        series["points"]!.AsArray().Sum(static p => p![4]!.GetValue<double>()).ShouldBe(25);
    }

    [Fact]
    public async Task A_new_register_version_leaves_older_readings_as_they_were_when_scaled()
    {
        await SendAsync(server.Administrator, HttpMethod.Post, "/devices", new { id = "meter-v" });
        server.Composition.Registry.TryGetDevice("meter-v", out var device).ShouldBeTrue();
        var register = (await server.Composition.Registry.AddRegisterAsync(device!, "1-0:1.8.0", CancellationToken.None)).ShouldNotBeNull();
        await server.ExecuteAsync(
            $"""
            insert into headend.register_version (register_id, version, valid_from, unit, exponent) values ({register.RegisterId}, 2, now() - interval '1 hour', 'kWh', -3);
            insert into headend.reading (device_id, register_id, at, value, commit_number, ordinal, suspicion) values
                ({device!.DeviceId}, {register.RegisterId}, now() - interval '2 hours', 5000, 8, 0, 0), ({device.DeviceId}, {register.RegisterId}, now() - interval '1 minute', 5001, 8, 1, 0)
            """);
        await server.Composition.Registry.ReloadAsync("meter-v", CancellationToken.None);
        var page = await SendAsync(server.Administrator, HttpMethod.Get, "/devices/meter-v/readings");
        page["items"]!.AsArray().Select(static i => $"{i!["value"]} {i["unit"]}").ShouldBe(["5.001 kWh", "5000 Wh"]);
    }

    [Fact]
    public async Task A_pasted_publish_is_seen_and_traced_back_to_its_bytes_when_it_was_acknowledged()
    {
        await SendAsync(server.Administrator, HttpMethod.Post, "/devices", new { id = "meter-p" });
        var secret = await SendAsync(server.Administrator, HttpMethod.Post, "/devices/meter-p/credentials", new { label = "test" });
        await using var client = await PlainMqttClient.ConnectAsync(server.MqttPort, "meter-p", secret["userName"]!.ToString(), secret["secret"]!.ToString());
        client.ReturnCode.ShouldBe((byte)0);
        var now = TimeProvider.System.GetUtcNow();
        var payload = $$"""{"meter_id":"meter-p","reading":12.34,"created_at":"{{now:yyyy-MM-ddTHH:mm:ssZ}}"}""";
        await client.PublishAcknowledgedAsync("smart_meter/meter_readings", payload);
        var item = (await SendAsync(server.Administrator, HttpMethod.Get, "/devices/meter-p/readings"))["items"]!.AsArray().ShouldHaveSingleItem()!;
        item["value"]!.ToString().ShouldBe("12340");
        var trace = await SendAsync(server.Administrator, HttpMethod.Get, $"/trace/{item["commitNumber"]}/{item["ordinal"]}");
        trace["kind"]!.ToString().ShouldBe("reading");
        trace["message"]!["payloadText"]!.ToString().ShouldBe(payload);
        trace["reading"]!["deviceId"]!.ToString().ShouldBe("meter-p");

        await client.PublishAcknowledgedAsync("smart_meter/meter_readings", "not json");
        var held = (await SendAsync(server.Administrator, HttpMethod.Get, "/quarantine?device=meter-p"))["items"]!.AsArray().ShouldHaveSingleItem()!;
        held["reason"]!.ToString().ShouldBe("notJson");
        var job = await SendAsync(server.Administrator, HttpMethod.Post, "/quarantine/discard", new { items = new[] { new { commitNumber = held["commitNumber"]!.ToString(), ordinal = held["ordinal"]!.GetValue<int>() } } });
        await Eventually.TrueAsync(async () => (await SendAsync(server.Administrator, HttpMethod.Get, "/jobs/" + job["jobId"]))["state"]!.ToString() == "done");
        (await SendAsync(server.Administrator, HttpMethod.Get, "/quarantine?device=meter-p"))["total"]!.GetValue<int>().ShouldBe(0);
        (await SendAsync(server.Administrator, HttpMethod.Get, "/quarantine?device=meter-p&state=discarded"))["total"]!.GetValue<int>().ShouldBe(1);

        // Revocation ends the live session.
        var credential = (await SendAsync(server.Administrator, HttpMethod.Get, "/devices/meter-p"))["credentials"]![0]!;
        await SendAsync(server.Administrator, HttpMethod.Delete, "/credentials/" + credential["id"]);
        await client.ClosedAsync();
        await using var again = await PlainMqttClient.ConnectAsync(server.MqttPort, "meter-p", secret["userName"]!.ToString(), secret["secret"]!.ToString());
        again.ReturnCode.ShouldBe((byte)4);
    }
}
