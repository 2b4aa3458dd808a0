using System.Globalization;
using Headwater.HeadEnd.Ingest;
using Headwater.Mqtt.Server;
using Npgsql;

namespace Headwater.HeadEnd.Tests.Ingest;

public sealed class UplinkLaneTests(IngestFixture fixture) : IClassFixture<IngestFixture>
{
    private static readonly DateTimeOffset Hour = new(TimeProvider.System.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero);

    private static string Reading(string meter, decimal kilowattHours, int minute) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"meter_id":"{{meter}}","reading":{{kilowattHours}},"created_at":"{{Hour.AddMinutes(minute - 1440):yyyy-MM-ddTHH:mm:ssZ}}"}""");

    private async Task<T> ScalarAsync<T>(string sql, params object[] values)
    {
        await using var command = fixture.DataSource.CreateCommand(sql);
        foreach (var value in values) { command.Parameters.Add(new NpgsqlParameter { Value = value }); }
        return (T)(await command.ExecuteScalarAsync())!;
    }

    [Fact]
    public async Task Reading_is_a_row_in_watt_hours_when_its_run_completes()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var meter = await bench.AddMeterAsync("lane-1");
        await bench.CommitAsync(bench.Plain(meter, Reading("lane-1", 12.34m, 15)));
        (await ScalarAsync<long>("select value from headend.reading where device_id = $1", meter.DeviceId)).ShouldBe(12_340);
    }

    [Fact]
    public async Task Repeat_is_one_row_and_other_value_a_conflict_when_the_key_comes_again()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var meter = await bench.AddMeterAsync("lane-2");
        await bench.CommitAsync(bench.Plain(meter, Reading("lane-2", 1m, 15), Reading("lane-2", 2m, 30)));
        await bench.CommitAsync(bench.Plain(meter, Reading("lane-2", 1m, 15), Reading("lane-2", 9m, 30), Reading("lane-2", 3m, 45)));
        (await ScalarAsync<long>("select count(*) from headend.reading where device_id = $1", meter.DeviceId)).ShouldBe(3);
        (await ScalarAsync<long>("select sum(value)::bigint from headend.reading where device_id = $1", meter.DeviceId)).ShouldBe(6_000);
        (await ScalarAsync<long>("select offered_value from headend.reading_conflict where device_id = $1", meter.DeviceId)).ShouldBe(9_000);
        bench.Lane.Statistics.Conflicts.ShouldBe(1);
        bench.Lane.Statistics.Repeats.ShouldBe(1);
    }

    [Fact]
    public async Task Older_readings_are_stored_when_they_come_after_newer_ones()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var meter = await bench.AddMeterAsync("lane-3");
        await bench.CommitAsync(bench.Plain(meter, Reading("lane-3", 5m, 60)));
        await bench.CommitAsync(bench.Plain(meter, Reading("lane-3", 3m, 30), Reading("lane-3", 4m, 45), Reading("lane-3", 6m, 75)));
        (await ScalarAsync<long>("select count(*) from headend.reading where device_id = $1", meter.DeviceId)).ShouldBe(4);
    }

    [Fact]
    public async Task Nothing_is_stored_twice_when_a_new_process_knows_nothing_of_what_is_there()
    {
        await using (var first = await IngestBench.StartAsync(fixture.ConnectionString))
        {
            var meter = await first.AddMeterAsync("lane-4");
            await first.CommitAsync(first.Plain(meter, Reading("lane-4", 1m, 15), Reading("lane-4", 2m, 30), Reading("lane-4", 3m, 45)));
        }

        await using var second = await IngestBench.StartAsync(fixture.ConnectionString);
        second.Registry.TryGetDevice("lane-4", out var again).ShouldBeTrue();
        // The first row tells the lane how far the register is stored; the later ones of the next commit must not strike the key.
        await second.CommitAsync(second.Plain(again, Reading("lane-4", 1m, 15)));
        again.FindRegister("1-0:1.8.0")!.HighestQueuedAt.ShouldBe(Hour.AddMinutes(45 - 1440).ToUnixTimeMilliseconds() * 1000);
        await second.CommitAsync(second.Plain(again, Reading("lane-4", 2m, 30), Reading("lane-4", 3m, 45), Reading("lane-4", 4m, 60)));
        (await ScalarAsync<long>("select count(*) from headend.reading where device_id = $1", again.DeviceId)).ShouldBe(4);
    }

    [Fact]
    public async Task First_group_after_a_start_is_stored_once_when_its_rows_are_out_of_order_or_repeat()
    {
        await using (var first = await IngestBench.StartAsync(fixture.ConnectionString))
        {
            var stored = await first.AddMeterAsync("lane-fresh-stored");
            await first.AddMeterAsync("lane-fresh-new");
            await first.AddMeterAsync("lane-fresh-turned");
            await first.CommitAsync(first.Plain(stored, Reading("lane-fresh-stored", 4m, 60)));
        }

        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        TestRun Run(string id, params int[] minutes)
        {
            bench.Registry.TryGetDevice(id, out var device).ShouldBeTrue();
            return bench.Plain(device, [.. minutes.Select(m => Reading(id, m / 15m, m))]);
        }

        await bench.CommitAsync(
            Run("lane-fresh-stored", 15, 60, 75), Run("lane-fresh-new", 15, 30, 45), Run("lane-fresh-turned", 45, 15, 15, 30));
        await bench.CommitAsync(Run("lane-fresh-stored", 90), Run("lane-fresh-new", 45, 60), Run("lane-fresh-turned", 60));
        const string Count = "select count(*) from headend.reading r join headend.device d using (device_id) where d.text_id = $1";
        (await ScalarAsync<long>(Count, "lane-fresh-stored")).ShouldBe(4);
        (await ScalarAsync<long>(Count, "lane-fresh-new")).ShouldBe(4);
        (await ScalarAsync<long>(Count, "lane-fresh-turned")).ShouldBe(4);
        bench.Lane.Statistics.Conflicts.ShouldBe(0);
        bench.Lane.Statistics.Repeats.ShouldBe(3);
        bench.Lane.Statistics.Readings.ShouldBe(11);
    }

    [Fact]
    public async Task Whole_group_is_stored_when_the_unique_key_strikes_the_direct_way()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var meter = await bench.AddMeterAsync("lane-5");
        await bench.CommitAsync(bench.Plain(meter, Reading("lane-5", 1m, 15)));
        // Another writer puts a row ahead of what this process knows.
        await using (var command = fixture.DataSource.CreateCommand(
            "insert into headend.reading select device_id, register_id, at + interval '15 minutes', 7000, commit_number, ordinal + 100, 0 from headend.reading where device_id = $1"))
        {
            command.Parameters.Add(new NpgsqlParameter { Value = meter.DeviceId });
            await command.ExecuteNonQueryAsync();
        }

        var run = bench.Plain(meter, Reading("lane-5", 2m, 30), Reading("lane-5", 3m, 45));
        await bench.CommitAsync(run);
        run.Completions.ShouldBe(1);
        (await ScalarAsync<long>("select count(*) from headend.reading where device_id = $1", meter.DeviceId)).ShouldBe(3);
        (await ScalarAsync<long>("select count(*) from headend.reading_conflict where device_id = $1", meter.DeviceId)).ShouldBe(1);
    }

    [Fact]
    public async Task Bad_message_is_held_with_its_bytes_and_good_ones_are_stored_when_they_share_a_run()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var meter = await bench.AddMeterAsync("lane-6");
        var run = bench.Plain(meter, Reading("lane-6", 1m, 15), "garbage", Reading("lane-7-unknown", 1m, 15), Reading("lane-6", 0.0001m, 30), Reading("lane-6", 2m, 45));
        await bench.CommitAsync(run);
        run.Items[0].Outcome.ShouldBe(PublishOutcome.Committed);
        run.Items[1].Outcome.ShouldBe(PublishOutcome.Quarantined);
        (await ScalarAsync<long>("select count(*) from headend.reading where device_id = $1", meter.DeviceId)).ShouldBe(2);
        (await ScalarAsync<string>("select string_agg(reason::text, ',' order by ordinal) from headend.quarantine where owner = 'lane-6'")).ShouldBe("1,7,5");
        (await ScalarAsync<byte[]>("select payload from headend.quarantine where owner = 'lane-6' and reason = 1")).ShouldBe("garbage"u8.ToArray());
    }

    [Fact]
    public async Task Trace_leads_from_a_row_to_its_bytes_when_many_messages_share_a_commit()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var meter = await bench.AddMeterAsync("lane-8");
        var payloads = Enumerable.Range(0, 50).Select(i => i % 7 == 3 ? $"bad {i}" : Reading("lane-8", i + 0.5m, i)).ToArray();
        await bench.CommitAsync(bench.Plain(meter, payloads));
        var reader = new UplinkLogReader(fixture.DataSource);
        await using var command = fixture.DataSource.CreateCommand("select commit_number, ordinal, value from headend.reading where device_id = $1");
        command.Parameters.Add(new NpgsqlParameter { Value = meter.DeviceId });
        await using var row = await command.ExecuteReaderAsync();
        var rows = 0;
        while (await row.ReadAsync())
        {
            var trace = await reader.ReadAsync(row.GetInt64(0), row.GetInt32(1), CancellationToken.None);
            trace.ShouldNotBeNull();
            System.Text.Encoding.UTF8.GetString(trace.Message.Payload).ShouldContain(
                string.Create(CultureInfo.InvariantCulture, $"\"reading\":{row.GetInt64(2) / 1000m},"));
            trace.Message.ClientId.ShouldBe("lane-8");
            trace.Message.Topic.ShouldBe("smart_meter/meter_readings");
            rows++;
        }

        rows.ShouldBe(43);
    }

    [Fact]
    public async Task Unknown_meters_are_registered_and_order_is_kept_when_the_operator_says_so()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString, o => o.RegisterUnknownDevices = true);
        var carrier = await bench.Registry.RegisterAutomaticallyAsync("lane-dcu", Devices.DeviceClass.Concentrator, null, CancellationToken.None);
        var runs = Enumerable.Range(0, 20).Select(r => bench.Plain(carrier, [.. Enumerable.Range(0, 10).Select(i => Reading($"lane-new-{i}", r + 1, r * 15))])).ToArray();
        await bench.CommitAsync(runs);
        (await ScalarAsync<long>("select count(*) from headend.reading r join headend.device d using (device_id) where d.text_id like 'lane-new-%'")).ShouldBe(200);
        (await ScalarAsync<long>("select count(*) from headend.device where carrier_id = $1", carrier.DeviceId)).ShouldBe(10);
    }

    [Fact]
    public async Task Sender_is_refused_room_when_its_quarantine_budget_is_spent()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString, o => o.QuarantineMessagesPerSender = 3);
        var meter = await bench.AddMeterAsync("lane-9");
        var run = bench.Plain(meter, "a", "b", "c", "d");
        await bench.CommitAsync(run);
        run.Items[2].Outcome.ShouldBe(PublishOutcome.Quarantined);
        run.Items[3].Outcome.ShouldBe(PublishOutcome.OverQuota);
        (await ScalarAsync<long>("select count(*) from headend.quarantine where owner = 'lane-9'")).ShouldBe(3);
    }

    [Fact]
    public async Task Commit_numbers_become_visible_in_order_when_two_lanes_share_a_database()
    {
        await using var left = await IngestBench.StartAsync(fixture.ConnectionString);
        await using var right = await IngestBench.StartAsync(fixture.ConnectionString);
        var meter = await left.AddMeterAsync("lane-10");
        var other = await right.AddMeterAsync("lane-11");
        using var stop = new CancellationTokenSource();
        var watching = WatchAsync(stop.Token);
        for (var round = 0; round < 40; round++)
        {
            await Task.WhenAll(
                left.CommitAsync(left.Plain(meter, Reading("lane-10", round, round))), right.CommitAsync(right.Plain(other, Reading("lane-11", round, round))));
        }

        await stop.CancelAsync();
        (await watching).ShouldBeGreaterThan(0);
    }

    private async Task<int> WatchAsync(CancellationToken stop)
    {
        // A follower that remembers the highest number must never see a lower one appear later.
        var seen = new HashSet<long>();
        long highest = 0;
        var looks = 0;
        while (!stop.IsCancellationRequested)
        {
            await using var command = fixture.DataSource.CreateCommand("select commit_number from headend.uplink_log order by 1");
            await using var row = await command.ExecuteReaderAsync(CancellationToken.None);
            var before = highest;
            while (await row.ReadAsync(CancellationToken.None))
            {
                var number = row.GetInt64(0);
                if (looks > 0 && number < before) { seen.ShouldContain(number); }
                seen.Add(number);
                highest = Math.Max(highest, number);
            }

            looks++;
        }

        return looks;
    }
}
