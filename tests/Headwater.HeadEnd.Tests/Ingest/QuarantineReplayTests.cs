using Headwater.Devices;
using Headwater.HeadEnd.Ingest;
using Npgsql;

namespace Headwater.HeadEnd.Tests.Ingest;

public sealed class QuarantineReplayTests(IngestFixture fixture) : IClassFixture<IngestFixture>
{
    private static string Reading(string meter) =>
        $$"""{"meter_id":"{{meter}}","reading":4.5,"created_at":"{{TimeProvider.System.GetUtcNow().AddHours(-1):yyyy-MM-ddTHH:mm:ssZ}}"}""";

    private async Task<List<QuarantineKey>> HeldAsync(string owner)
    {
        await using var command = fixture.DataSource.CreateCommand("select commit_number, ordinal from headend.quarantine where owner = $1 and state = 1 order by 1, 2");
        command.Parameters.Add(new NpgsqlParameter { Value = owner });
        await using var row = await command.ExecuteReaderAsync();
        var keys = new List<QuarantineKey>();
        while (await row.ReadAsync()) { keys.Add(new QuarantineKey(row.GetInt64(0), row.GetInt32(1))); }
        return keys;
    }

    [Fact]
    public async Task Message_becomes_a_reading_when_its_cause_is_mended_and_it_is_replayed()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var carrier = await bench.Registry.RegisterAutomaticallyAsync("replay-dcu", DeviceClass.Concentrator, null, CancellationToken.None);
        await bench.CommitAsync(bench.Plain(carrier, Reading("replay-meter"), "garbage"));
        var held = await HeldAsync("replay-dcu");
        held.Count.ShouldBe(2);

        var meter = await bench.Registry.RegisterAutomaticallyAsync("replay-meter", DeviceClass.ElectricityMeter, carrier, CancellationToken.None);
        await bench.Registry.AddRegisterAsync(meter, "1-0:1.8.0", CancellationToken.None);
        var replay = new QuarantineReplay(fixture.DataSource, bench.Lane, bench.Registry);
        var outcome = await replay.ReplayAsync([.. held, new QuarantineKey(long.MaxValue, 0)], "person:test", null, CancellationToken.None);
        outcome.ShouldBe(new ReplayOutcome(1, 1, 1));
        (await HeldAsync("replay-dcu")).ShouldBe([held[1]]);
        (await fixture.ScalarAsync<long>($"select value from headend.reading where device_id = {meter.DeviceId}")).ShouldBe(4_500);

        // The row marked as replayed leads to the commit that stored it.
        var commit = await fixture.ScalarAsync<long>($"select replay_commit_number from headend.quarantine where commit_number = {held[0].CommitNumber} and ordinal = {held[0].Ordinal}");
        (await fixture.ScalarAsync<long>($"select commit_number from headend.reading where device_id = {meter.DeviceId}")).ShouldBe(commit);
    }

    [Fact]
    public async Task Message_is_held_again_when_its_discard_is_taken_back()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString, o => o.QuarantineMessagesPerSender = 1);
        var meter = await bench.AddMeterAsync("replay-budget");
        await bench.CommitAsync(bench.Plain(meter, "garbage"));
        var replay = new QuarantineReplay(fixture.DataSource, bench.Lane, bench.Registry);
        var held = await HeldAsync("replay-budget");
        (await replay.DiscardAsync(held, "person:test", CancellationToken.None)).ShouldBe(1);
        (await HeldAsync("replay-budget")).ShouldBeEmpty();
        bench.Lane.Budget.TrySpend("replay-budget", 1).ShouldBeTrue("discarding gives the room back");
        bench.Lane.Budget.Adjust("replay-budget", -1, -1);
        (await replay.RestoreAsync(held, "person:test", CancellationToken.None)).ShouldBe(1);
        bench.Lane.Budget.TrySpend("replay-budget", 1).ShouldBeFalse();
    }

    [Fact]
    public async Task Sender_gains_no_rights_when_its_message_is_replayed()
    {
        await using var bench = await IngestBench.StartAsync(fixture.ConnectionString);
        var thief = await bench.AddMeterAsync("replay-thief");
        var victim = await bench.AddMeterAsync("replay-victim");
        await bench.CommitAsync(bench.Plain(thief, Reading("replay-victim")));
        var replay = new QuarantineReplay(fixture.DataSource, bench.Lane, bench.Registry);
        (await replay.ReplayAsync(await HeldAsync("replay-thief"), "person:test", null, CancellationToken.None)).StillHeld.ShouldBe(1);
        (await fixture.ScalarAsync<long>($"select count(*) from headend.reading where device_id = {victim.DeviceId}")).ShouldBe(0);
    }
}
