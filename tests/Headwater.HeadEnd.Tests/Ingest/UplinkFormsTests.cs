using System.Buffers.Binary;
using System.Globalization;
using Npgsql;

namespace Headwater.HeadEnd.Tests.Ingest;

/// <summary>Profiles, SenML, register reads and meter events, from the payload to the row.</summary>
public sealed class UplinkFormsTests(IngestFixture fixture) : IClassFixture<IngestFixture>
{
    private static readonly DateTimeOffset Day = new(TimeProvider.System.GetUtcNow().UtcDateTime.Date.AddDays(-2), TimeSpan.Zero);

    private static string At(int minute) => Day.AddMinutes(minute).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    private async Task<T> ScalarAsync<T>(string sql, params object[] values)
    {
        await using var command = fixture.DataSource.CreateCommand(sql);
        foreach (var value in values) { command.Parameters.Add(new NpgsqlParameter { Value = value }); }
        return (T)(await command.ExecuteScalarAsync())!;
    }

    [Fact]
    public async Task Profile_is_one_row_with_its_values_and_statuses_when_it_comes_twice()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var meter = await bench.AddMeterAsync("form-profile");
        var payload = $$"""{"channel":"1-0:1.29.0","start":"{{At(0)}}","every":"PT15M","values":[120,118,0],"status":["","","missing"]}""";
        await bench.CommitAsync(bench.On(meter, "profile", payload));
        await bench.CommitAsync(bench.On(meter, "profile", payload, payload));
        await using var command = fixture.DataSource.CreateCommand(
            "select start_at, every_seconds, value_count, \"values\", statuses, length(content_hash) from headend.profile_block where device_id = $1");
        command.Parameters.Add(new NpgsqlParameter { Value = meter.DeviceId });
        await using var row = await command.ExecuteReaderAsync();
        (await row.ReadAsync()).ShouldBeTrue();
        row.GetDateTime(0).ShouldBe(Day.UtcDateTime);
        row.GetInt32(1).ShouldBe(900);
        row.GetInt32(2).ShouldBe(3);
        var values = row.GetFieldValue<byte[]>(3);
        Enumerable.Range(0, 3).Select(i => BinaryPrimitives.ReadInt32BigEndian(values.AsSpan(i * 4))).ShouldBe([120, 118, 0]);
        var statuses = row.GetFieldValue<byte[]>(4);
        statuses.Length.ShouldBe(3);
        statuses[0].ShouldBe((byte)0);
        statuses[2].ShouldNotBe((byte)0);
        row.GetInt32(5).ShouldBe(16);
        (await row.ReadAsync()).ShouldBeFalse();
    }

    [Fact]
    public async Task Other_values_for_the_same_intervals_are_a_second_row_and_a_later_block_a_third()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var meter = await bench.AddMeterAsync("form-overlap");
        string Block(int minute, int first) => $$"""{"channel":"1-0:1.29.0","start":"{{At(minute)}}","every":"PT15M","values":[{{first}},2]}""";
        await bench.CommitAsync(bench.On(meter, "profile", Block(0, 1), Block(30, 1)));
        await bench.CommitAsync(bench.On(meter, "profile", Block(0, 9), Block(30, 1), Block(60, 1)));
        (await ScalarAsync<long>("select count(*) from headend.profile_block where device_id = $1", meter.DeviceId)).ShouldBe(4);
        (await ScalarAsync<long>("select count(*) from headend.profile_block where device_id = $1 and statuses is null", meter.DeviceId)).ShouldBe(4);
    }

    [Fact]
    public async Task Reads_and_SenML_become_the_same_rows()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var meter = await bench.AddMeterAsync("form-read");
        await bench.Registry.AddRegisterAsync(meter, "1-0:32.7.0", CancellationToken.None);
        await bench.CommitAsync(bench.On(
            meter, "read",
            $$"""{"sentAt":"{{At(16)}}","reads":[{"obis":"1-0:1.8.0","at":"{{At(15)}}","value":12345678},{"obis":"1-0:32.7.0","at":"{{At(15)}}","value":2301}]}"""));
        var seconds = Day.AddMinutes(30).ToUnixTimeSeconds();
        await bench.CommitAsync(bench.On(
            meter, "read",
            FormattableString.Invariant($$"""[{"bn":"form-read/","bt":{{seconds}},"n":"1-0:1.8.0","u":"Wh","v":12345690},{"n":"1-0:32.7.0","u":"V","v":230.2},{"n":"1-0:32.7.0","u":"V","v":230.25,"t":60}]""")));
        (await ScalarAsync<string>(
            "select string_agg(r.value::text, ',' order by r.at, r.value) from headend.reading r where device_id = $1", meter.DeviceId)).ShouldBe("2301,12345678,2302,12345690");
        // 230.25 V is not whole in tenths of a volt: held, with the rest of its pack stored.
        (await ScalarAsync<long>("select count(*) from headend.quarantine where owner = 'form-read'")).ShouldBe(1);
    }

    [Fact]
    public async Task Meter_event_is_one_row_when_the_device_repeats_it()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var meter = await bench.AddMeterAsync("form-event");
        var gasp = $$"""{"code":"lastGasp","at":"{{At(5)}}","seq":17,"data":{"volts":0.10,"note":"kept \u00e4s sent"} }""";
        var next = $$"""{"code":"restoration","at":"{{At(6)}}","seq":18,"data":{} }""";
        await bench.CommitAsync(bench.On(meter, "event", gasp, gasp));
        await bench.CommitAsync(bench.On(meter, "event", gasp, next));
        (await ScalarAsync<string>("select string_agg(code || ' ' || sequence, ',' order by at) from headend.meter_event where device_id = $1", meter.DeviceId))
            .ShouldBe("lastGasp 17,restoration 18");
        (await ScalarAsync<string>("select data::text from headend.meter_event where device_id = $1 and sequence = 17", meter.DeviceId)).ShouldBe("""{"volts":0.10,"note":"kept \u00e4s sent"}""");
    }

    [Fact]
    public async Task Two_servers_agree_when_both_see_the_same_new_device_and_registers_first()
    {
        await using var left = await IngestBench.StartAsync(fixture.ConnectionString, static o => o.RegisterUnknownDevices = true);
        await using var right = await IngestBench.StartAsync(fixture.ConnectionString, static o => o.RegisterUnknownDevices = true);
        var carrier = await left.Registry.RegisterAutomaticallyAsync("form-dcu", Devices.DeviceClass.Concentrator, null, CancellationToken.None);
        await right.Registry.LoadAsync(CancellationToken.None);
        right.Registry.TryGetDevice("form-dcu", out var same).ShouldBeTrue();
        string Reading(int meter, int number) => FormattableString.Invariant($$"""{"meter_id":"form-new-{{meter}}","reading":{{number}},"created_at":"{{At(number)}}"}""");
        string[] all = [.. Enumerable.Range(0, 10).SelectMany(m => Enumerable.Range(1, 20).Select(n => Reading(m, n)))];
        // Each server gets every reading: in turn the first and the second to see it.
        await Task.WhenAll(left.CommitAsync(left.Plain(carrier, all)), right.CommitAsync(right.Plain(same, [.. all.Reverse()])));
        await Task.WhenAll(right.CommitAsync(right.Plain(same, all)), left.CommitAsync(left.Plain(carrier, all)));
        (await ScalarAsync<long>("select count(*) from headend.device where text_id like 'form-new-%'")).ShouldBe(10);
        (await ScalarAsync<long>("select count(*) from headend.register r join headend.device d using (device_id) where d.text_id like 'form-new-%' and r.obis = '1-0:1.8.0'")).ShouldBe(10);
        (await ScalarAsync<long>("select count(*) from headend.reading r join headend.device d using (device_id) where d.text_id like 'form-new-%'")).ShouldBe(200);
        (await ScalarAsync<long>("select count(*) from headend.reading_conflict c join headend.device d using (device_id) where d.text_id like 'form-new-%'")).ShouldBe(0);
        (await ScalarAsync<long>("select count(*) from headend.quarantine where owner = 'form-dcu'")).ShouldBe(0);
    }
}
