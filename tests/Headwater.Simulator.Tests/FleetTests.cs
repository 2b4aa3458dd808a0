using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Headwater.Simulator.Fleet;
using Headwater.Simulator.Scenarios;
using NodaTime;

namespace Headwater.Simulator.Tests;

/// <summary>Whole fleets over connections in memory, in time as fast as acknowledged: nothing waits for a clock.</summary>
public sealed class FleetTests
{
    private const string Day = "\"clock\":{\"start\":\"2026-01-05T00:00:00Z\",\"until\":\"2026-01-06T00:00:00Z\",\"factor\":\"acknowledged\"}";

    private static async Task<List<(string Station, string What, OutgoingMessage Message)>> RunAsync(string group)
    {
        var (scenario, mistakes) = ScenarioReader.Read(
            Encoding.UTF8.GetBytes($$"""{"seed":3,"connectsPerSecond":100000,"groups":[{{group}}]}"""), Path.Combine(Repository.Root, "scenarios"));
        mistakes.ShouldBeEmpty();
        var log = new ConcurrentQueue<(string, string, OutgoingMessage)>();
        var run = new FleetRun(scenario!, station => new RecordingConnection(station.Id, log), new FleetCounters(), TimeProvider.System, TextWriter.Null);
        await run.RunAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
        return [.. log];
    }

    private static string Text(OutgoingMessage message) => Encoding.UTF8.GetString(message.Payload.Span);

    private static List<OutgoingMessage> On(IEnumerable<(string Station, string What, OutgoingMessage Message)> log, string topicEnd) =>
        [.. log.Where(entry => entry.What == "publish" && entry.Message.Topic.EndsWith(topicEnd, StringComparison.Ordinal)).Select(entry => entry.Message)];

    [Fact]
    public async Task Every_reading_of_a_day_is_sent_once_and_never_falls()
    {
        var log = await RunAsync($$"""{"count":3,"idPattern":"m{n}","interval":"PT15M",{{Day}} }""");
        var readings = On(log, "meter_readings").Select(message => JsonDocument.Parse(message.Payload).RootElement).ToList();
        foreach (var meter in readings.GroupBy(r => r.GetProperty("meter_id").GetString(), StringComparer.Ordinal))
        {
            meter.Select(r => r.GetProperty("created_at").GetString()).Distinct(StringComparer.Ordinal).Count().ShouldBe(95); // 00:15 to 23:45
            meter.Select(r => r.GetProperty("reading").GetDecimal()).ShouldBeInOrder();
        }

        readings.Count.ShouldBe(3 * 95);
    }

    [Fact]
    public async Task Same_seed_sends_the_same_bytes()
    {
        var group = $$"""{"count":5,"idPattern":"m{n}","payload":"senml","registers":["1-0:1.8.0","1-0:32.7.0"],"faults":[{"kind":"gap","probability":0.1},{"kind":"spike","probability":0.1}],{{Day}} }""";
        static IEnumerable<string> Sorted(IEnumerable<(string, string, OutgoingMessage Message)> log) => log.Select(e => e.Message.Topic + Text(e.Message)).Order(StringComparer.Ordinal);
        Sorted(await RunAsync(group)).ShouldBe(Sorted(await RunAsync(group)));
    }

    [Fact]
    public async Task Permanent_meter_says_online_connects_once_and_leaves_in_order()
    {
        var log = await RunAsync($$"""{"count":1,"idPattern":"m{n}","interval":"PT1H",{{Day}} }""");
        log.Count(entry => entry.What == "connect").ShouldBe(1);
        log[1].Message.Topic.ShouldBe("hw/v1/m1/up/state");
        Text(log[1].Message).ShouldBe("online");
        log[1].Message.Retain.ShouldBeTrue();
        log[^1].What.ShouldBe("disconnect");
        Text(log[^2].Message).ShouldBe("offline");
    }

    [Fact]
    public async Task Occasional_meter_connects_once_for_each_contact_and_loses_nothing()
    {
        var log = await RunAsync($$"""{"count":1,"idPattern":"m{n}","interval":"PT1H","connection":"occasional","contactInterval":"PT6H",{{Day}} }""");
        log.Count(entry => entry.What == "connect").ShouldBe(4);
        log.Count(entry => entry.What == "disconnect").ShouldBe(4);
        On(log, "meter_readings").Count.ShouldBe(23);
    }

    [Fact]
    public async Task Last_gasp_cuts_the_connection_and_comes_back_with_a_restoration()
    {
        var log = await RunAsync($$"""{"count":1,"idPattern":"m{n}","interval":"PT1H","faults":[{"kind":"lastGasp","probability":0.2,"outage":"PT90M"}],{{Day}} }""");
        var cuts = log.Count(entry => entry.What == "cut");
        cuts.ShouldBeGreaterThan(0);
        var codes = On(log, "/up/event").Select(message => JsonDocument.Parse(message.Payload).RootElement).ToList();
        codes.Count(e => e.GetProperty("code").GetString() == "lastGasp").ShouldBe(cuts);
        codes.Count(e => e.GetProperty("code").GetString() == "restoration").ShouldBe(cuts);
        codes.Select(e => e.GetProperty("seq").GetInt64()).ShouldBe(Enumerable.Range(1, cuts * 2).Select(i => (long)i));
        log[log.FindIndex(entry => entry.What == "cut") - 1].Message.Topic.ShouldBe("hw/v1/m1/up/event");
    }

    [Fact]
    public async Task Concentrator_carries_its_meters_in_one_message_each_entry_naming_its_device()
    {
        var log = await RunAsync($$"""{"count":5,"idPattern":"m{n}","interval":"PT1H","payload":"profile","profileIntervals":24,"concentrator":{"meters":3,"idPattern":"dcu{n}"},"clock":{"start":"2026-01-05T00:00:00Z","until":"2026-01-06T01:00:00Z","factor":"acknowledged"} }""");
        var messages = On(log, "/up/profile");
        messages.Select(m => m.Topic).Order(StringComparer.Ordinal).ShouldBe(["hw/v1/dcu1/up/profile", "hw/v1/dcu2/up/profile"]);
        var entries = JsonDocument.Parse(messages.Single(m => m.Topic.Contains("dcu1", StringComparison.Ordinal)).Payload).RootElement;
        entries.EnumerateArray().Select(e => e.GetProperty("device").GetString()).ShouldBe(["m1", "m2", "m3"]);
        entries[0].GetProperty("values").GetArrayLength().ShouldBe(24);
        entries[0].GetProperty("start").GetString().ShouldBe("2026-01-05T00:00:00Z");
    }

    [Fact]
    public async Task Profile_and_register_of_a_meter_tell_the_same_energy()
    {
        const string Same = "\"count\":1,\"idPattern\":\"m{n}\",\"interval\":\"PT1H\",\"clock\":{\"start\":\"2026-01-04T23:30:00Z\",\"until\":\"2026-01-06T00:30:00Z\",\"factor\":\"acknowledged\"}";
        var reads = On(await RunAsync($$"""{"payload":"read",{{Same}} }"""), "/up/read").ConvertAll(m => JsonDocument.Parse(m.Payload).RootElement.GetProperty("reads")[0].GetProperty("value").GetInt64());
        var profiles = On(await RunAsync($$"""{"payload":"profile","profileIntervals":24,{{Same}} }"""), "/up/profile");
        var values = JsonDocument.Parse(profiles.Single(m => Text(m).Contains("2026-01-05T00:00:00Z", StringComparison.Ordinal)).Payload).RootElement.GetProperty("values").EnumerateArray().Select(v => v.GetInt64()).ToList();
        values.Count.ShouldBe(24);
        values.Sum().ShouldBe(reads[24] - reads[0]);
    }

    [Fact]
    public async Task Faulty_messages_differ_as_their_kind_says()
    {
        const string Hour = "\"count\":1,\"idPattern\":\"m{n}\",\"interval\":\"PT1H\",\"clock\":{\"start\":\"2026-01-05T00:00:00Z\",\"until\":\"2026-01-05T01:30:00Z\",\"factor\":\"acknowledged\"}";
        async Task<List<string>> With(string kind) =>
            [.. On(await RunAsync($$"""{ {{Hour}},"faults":[{"kind":"{{kind}}","probability":1}] }"""), "meter_readings").Select(Text)];
        var clean = On(await RunAsync($$"""{ {{Hour}} }"""), "meter_readings").ConvertAll(Text).ShouldHaveSingleItem();
        (await With("gap")).ShouldBeEmpty();
        (await With("duplicate")).ShouldBe([clean, clean]);
        var conflict = await With("conflict");
        conflict.Count.ShouldBe(2);
        conflict[0].ShouldBe(clean);
        Reading(conflict[1]).ShouldBeGreaterThan(Reading(clean));
        (Reading((await With("spike")).Single()) - Reading(clean)).ShouldBe(50m);
        (await With("clockJump")).Single().ShouldContain("\"created_at\":\"2026-01-05T04:00:00Z\"");
        clean.ShouldStartWith((await With("malformed")).Single());
        Reading((await With("reset")).Single()).ShouldBeLessThan(Reading(clean));

        static decimal Reading(string payload) => JsonDocument.Parse(payload).RootElement.GetProperty("reading").GetDecimal();
    }

    [Fact]
    public async Task Replayed_household_reports_each_half_hour_of_its_file()
    {
        var log = await RunAsync($$"""{"count":1,"idPattern":"r{n}","payload":"read","replay":{"file":"data/household-uk-halfhourly.csv"},{{Day}} }""");
        var reads = On(log, "/up/read").ConvertAll(m => JsonDocument.Parse(m.Payload).RootElement.GetProperty("reads")[0]);
        reads.Count.ShouldBe(47);
        reads.Select(r => r.GetProperty("value").GetInt64()).ShouldBeInOrder();
        reads.Select(r => r.GetProperty("at").GetString()).Distinct(StringComparer.Ordinal).Count().ShouldBe(47);
    }

    [Fact]
    public async Task Cancelled_fleet_says_offline_and_disconnects()
    {
        var (scenario, _) = ScenarioReader.Read("""{"groups":[{"count":20,"idPattern":"m{n}"}]}"""u8.ToArray(), ".");
        var log = new ConcurrentQueue<(string, string What, OutgoingMessage)>();
        using var stop = new CancellationTokenSource();
        var counted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var run = new FleetRun(scenario!, station => new RecordingConnection(station.Id, log, () => { if (log.Count(e => e.What == "connect") == 20) { counted.TrySetResult(); } }), new FleetCounters(), TimeProvider.System, TextWriter.Null).RunAsync(stop.Token);
        await counted.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await stop.CancelAsync();
        await run.WaitAsync(TimeSpan.FromSeconds(30));
        log.Count(entry => entry.What == "disconnect").ShouldBe(20);
    }

    [Fact]
    public void Credentials_prefer_a_devices_own_secret()
    {
        var path = Path.Combine(Path.GetTempPath(), "headwater-sim-" + Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture) + ".json");
        try
        {
            File.WriteAllText(path, """{"userName":"demo","password":"p","devices":{"m1":"own"}}""");
            var credentials = FleetCredentials.ReadFile(path).Credentials.ShouldNotBeNull();
            credentials.Of("m1").ShouldBe(("m1", "own"));
            credentials.Of("m2").ShouldBe(("demo", "p"));
            File.WriteAllText(path, """{"user":"demo"}""");
            string.Join(";", FleetCredentials.ReadFile(path).Mistakes).ShouldContain("$.user: is not a setting here");
        }
        finally { File.Delete(path); }
    }

    private sealed class RecordingConnection(string station, ConcurrentQueue<(string, string, OutgoingMessage)> log, Action? after = null) : IMeterConnection
    {
        public Task ConnectAsync(CancellationToken cancellationToken) => NoteAsync("connect");

        public ValueTask PublishAsync(OutgoingMessage message, CancellationToken cancellationToken)
        {
            log.Enqueue((station, "publish", message));
            return ValueTask.CompletedTask;
        }

        public Task WhenAcknowledgedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task DisconnectAsync(CancellationToken cancellationToken) => NoteAsync("disconnect");

        public Task CutAsync() => NoteAsync("cut");

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private Task NoteAsync(string what)
        {
            log.Enqueue((station, what, default));
            after?.Invoke();
            return Task.CompletedTask;
        }
    }
}
