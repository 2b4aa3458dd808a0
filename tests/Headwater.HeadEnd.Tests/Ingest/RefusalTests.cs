using Npgsql;

namespace Headwater.HeadEnd.Tests.Ingest;

/// <summary>The database refuses something in a group: the rest is stored once, what is refused is held with its bytes.</summary>
public sealed class RefusalTests(IngestFixture fixture) : IClassFixture<IngestFixture>
{
    private static readonly DateTimeOffset Day = new(TimeProvider.System.GetUtcNow().UtcDateTime.Date.AddDays(-1), TimeSpan.Zero);

    private static string Reading(string meter, int number) =>
        FormattableString.Invariant($$"""{"meter_id":"{{meter}}","reading":{{number}},"created_at":"{{Day.AddMinutes(number):yyyy-MM-ddTHH:mm:ssZ}}"}""");

    [Fact]
    public async Task Only_the_refused_messages_are_held_when_the_database_refuses_some_of_a_group()
    {
        var database = await fixture.CreateDatabaseAsync();
        await using var direct = NpgsqlDataSource.Create(database);
        await ExecuteAsync(direct, "alter table headend.reading add constraint no_thirteen check (value not in (13000, 77000))");
        await using var bench = await IngestBench.StartAsync(database);
        var meter = await bench.AddMeterAsync("refused-1");
        var other = await bench.AddMeterAsync("refused-2");
        var first = bench.Plain(meter, [.. Enumerable.Range(1, 100).Select(static n => Reading("refused-1", n))]);
        var second = bench.Plain(other, [.. Enumerable.Range(1, 12).Select(static n => Reading("refused-2", n))]);
        await bench.CommitAsync(first, second);

        (await ScalarAsync<long>(direct, "select count(*) from headend.reading")).ShouldBe(110);
        (await ScalarAsync<long>(direct, "select count(*) from (select distinct register_id, at from headend.reading) k")).ShouldBe(110);
        (await ScalarAsync<string>(direct, "select string_agg(convert_from(payload, 'UTF8'), '|' order by ordinal) from headend.quarantine"))
            .ShouldBe(Reading("refused-1", 13) + "|" + Reading("refused-1", 77));
        (await ScalarAsync<string>(direct, "select string_agg(distinct owner || ' ' || topic || ' ' || client_id, '|') from headend.quarantine"))
            .ShouldBe("refused-1 smart_meter/meter_readings refused-1");
        (await ScalarAsync<string>(direct, "select min(detail) from headend.quarantine")).ShouldContain("23514");
        first.Completions.ShouldBe(1);
        second.Completions.ShouldBe(1);

        // The cause is mended: what was held becomes a reading.
        await ExecuteAsync(direct, "alter table headend.reading drop constraint no_thirteen");
        await bench.CommitAsync(bench.Plain(meter, Reading("refused-1", 13), Reading("refused-1", 101)));
        (await ScalarAsync<long>(direct, "select count(*) from headend.reading")).ShouldBe(112);
    }

    [Fact]
    public async Task Every_message_is_held_with_its_bytes_when_the_database_refuses_all()
    {
        var database = await fixture.CreateDatabaseAsync();
        await using var direct = NpgsqlDataSource.Create(database);
        await ExecuteAsync(direct, "alter table headend.reading add constraint none check (value < 0)");
        await using var bench = await IngestBench.StartAsync(database);
        var meter = await bench.AddMeterAsync("refused-3");
        string[] payloads = [.. Enumerable.Range(1, 300).Select(static n => Reading("refused-3", n)), "garbage"];
        var run = bench.Plain(meter, payloads);
        await bench.CommitAsync(run);
        run.Completions.ShouldBe(1);
        (await ScalarAsync<long>(direct, "select count(*) from headend.reading")).ShouldBe(0);
        (await ScalarAsync<string>(direct, "select string_agg(convert_from(payload, 'UTF8'), '|' order by ordinal) from headend.quarantine")).ShouldBe(string.Join('|', payloads));
        (await ScalarAsync<long>(direct, "select count(*) from headend.uplink_log")).ShouldBe(1);
    }

    [Fact]
    public async Task Group_is_stored_when_another_unique_key_than_ours_strikes()
    {
        var database = await fixture.CreateDatabaseAsync();
        await using var direct = NpgsqlDataSource.Create(database);
        await using var bench = await IngestBench.StartAsync(database);
        var meter = await bench.AddMeterAsync("refused-4");
        await bench.CommitAsync(bench.Plain(meter, Reading("refused-4", 1)));
        await ExecuteAsync(direct, "create unique index one_value on headend.meter_event (code)");
        var good = bench.Plain(meter, Reading("refused-4", 2));
        var events = bench.On(
            meter, "event", FormattableString.Invariant($$"""{"code":"tamper","at":"{{Day:yyyy-MM-ddTHH:mm:ssZ}}","seq":1}"""), FormattableString.Invariant($$"""{"code":"tamper","at":"{{Day:yyyy-MM-ddTHH:mm:ssZ}}","seq":2}"""));
        await bench.CommitAsync(good, events);
        (await ScalarAsync<long>(direct, "select count(*) from headend.reading")).ShouldBe(2);
        (await ScalarAsync<long>(direct, "select (select count(*) from headend.meter_event) + (select count(*) from headend.quarantine)")).ShouldBeGreaterThanOrEqualTo(1);
    }

    [Fact]
    public async Task Neighbours_are_stored_when_an_event_code_holds_what_text_cannot()
    {
        var database = await fixture.CreateDatabaseAsync();
        await using var direct = NpgsqlDataSource.Create(database);
        await using var bench = await IngestBench.StartAsync(database);
        var meter = await bench.AddMeterAsync("refused-5");
        var poison = FormattableString.Invariant($$$"""{"code":"a\u0000b","at":"{{{Day:yyyy-MM-ddTHH:mm:ssZ}}}","seq":1,"data":{"x":"\u0000\ud800"}}""");
        var events = bench.On(meter, "event", poison);
        await bench.CommitAsync(bench.Plain(meter, Reading("refused-5", 1)), events);
        events.Completions.ShouldBe(1);
        (await ScalarAsync<long>(direct, "select count(*) from headend.reading")).ShouldBe(1);
        (await ScalarAsync<string>(direct, "select convert_from(payload, 'UTF8') from headend.quarantine")).ShouldBe(poison);
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<T> ScalarAsync<T>(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }
}
