using System.Buffers;
using System.Text;
using Headwater.Devices.Uplink;
using NodaTime;

namespace Headwater.Devices.Tests;

public sealed class UplinkWriterTests
{
    private static readonly Instant At = Instant.FromUtc(2026, 11, 20, 10, 15);

    private static string Written(Action<IBufferWriter<byte>> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        write(buffer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    [Theory]
    [InlineData(12_340, "12.34")]
    [InlineData(12_345, "12.345")]
    [InlineData(12_000, "12")]
    [InlineData(7, "0.007")]
    [InlineData(0, "0")]
    [InlineData(-1_500, "-1.5")]
    [InlineData(-20, "-0.02")]
    [InlineData(9_223_372_036_854_775_807, "9223372036854775.807")]
    public void Plain_reading_is_kilowatt_hours_with_no_more_digits_than_needed(long wattHours, string written) =>
        Written(o => UplinkWriter.WritePlain(o, "meter_3105", wattHours, At))
            .ShouldBe($$"""{"meter_id":"meter_3105","reading":{{written}},"created_at":"2026-11-20T10:15:00Z"}""");

    [Fact]
    public void Reads_stand_in_one_object_with_the_sending_time() =>
        Written(o => UplinkWriter.WriteReads(o, At + Duration.FromSeconds(2),
            [new ReadEntry("1-0:1.8.0", At, 12_345_678), new ReadEntry("1-0:32.7.0", At, 2_301)]))
            .ShouldBe("""{"sentAt":"2026-11-20T10:15:02Z","reads":[{"obis":"1-0:1.8.0","at":"2026-11-20T10:15:00Z","value":12345678},{"obis":"1-0:32.7.0","at":"2026-11-20T10:15:00Z","value":2301}]}""");

    [Fact]
    public void Each_read_names_its_device_when_a_concentrator_sends_it() =>
        Written(o => UplinkWriter.WriteReads(o, At, [new ReadEntry("1-0:1.8.0", At, 1, "m1")]))
            .ShouldContain("""[{"device":"m1","obis":"1-0:1.8.0",""");

    [Fact]
    public void Senml_repeats_base_name_and_base_time_only_when_they_change() =>
        Written(o => UplinkWriter.WriteSenml(o,
        [
            new SenmlEntry("m1", "1-0:1.8.0", At, 12_345, 0, "Wh"),
            new SenmlEntry("m1", "1-0:32.7.0", At, 2_301, -1, "V"),
            new SenmlEntry("m2", "1-0:1.8.0", At + Duration.FromMilliseconds(250), 5, 3, null),
        ])).ShouldBe("""[{"bn":"m1/","bt":1795169700,"n":"1-0:1.8.0","u":"Wh","v":12345},{"n":"1-0:32.7.0","u":"V","v":230.1},{"bn":"m2/","bt":1795169700.25,"n":"1-0:1.8.0","v":5000}]""");

    [Fact]
    public void Profile_carries_its_interval_as_a_duration() =>
        Written(o => UplinkWriter.WriteProfile(o, new ProfileEntry(
            "1-0:1.29.0", Instant.FromUtc(2026, 11, 20, 0, 0), Duration.FromMinutes(15), [120, 118, 0], ["", "", "missing"])))
            .ShouldBe("""{"channel":"1-0:1.29.0","start":"2026-11-20T00:00:00Z","every":"PT15M","values":[120,118,0],"status":["","","missing"]}""");

    [Fact]
    public void Profile_of_a_concentrator_is_an_array_whose_entries_name_their_device()
    {
        var entry = new ProfileEntry("1-0:1.29.0", At, Duration.FromHours(1), [1], Device: "m1");
        Written(o => UplinkWriter.WriteProfiles(o, [entry, entry with { Device = "m2" }]))
            .ShouldBe("""[{"device":"m1","channel":"1-0:1.29.0","start":"2026-11-20T10:15:00Z","every":"PT1H","values":[1]},{"device":"m2","channel":"1-0:1.29.0","start":"2026-11-20T10:15:00Z","every":"PT1H","values":[1]}]""");
        Should.Throw<ArgumentException>(() => Written(o => UplinkWriter.WriteProfiles(o, [entry with { Device = null }])));
    }

    [Fact]
    public void Profile_is_refused_when_longer_than_a_day_of_minutes_or_with_uneven_status()
    {
        Should.Throw<ArgumentException>(() => Written(o => UplinkWriter.WriteProfile(o, new ProfileEntry("1-0:1.29.0", At, Duration.FromMinutes(1), new int[1_441]))));
        Should.Throw<ArgumentException>(() => Written(o => UplinkWriter.WriteProfile(o, new ProfileEntry("1-0:1.29.0", At, Duration.FromMinutes(1), [1, 2], [""]))));
    }

    [Fact]
    public void Meter_event_carries_code_time_and_sequence() =>
        Written(o => UplinkWriter.WriteMeterEvent(o, "lastGasp", At, 17))
            .ShouldBe("""{"code":"lastGasp","at":"2026-11-20T10:15:00Z","seq":17,"data":{}}""");

    [Fact]
    public void Topics_follow_the_scheme()
    {
        TopicScheme.Read("m1").ShouldBe("hw/v1/m1/up/read");
        TopicScheme.MeterEvent("m1").ShouldBe("hw/v1/m1/up/event");
        TopicScheme.State("m1").ShouldBe("hw/v1/m1/up/state");
        TopicScheme.Command("m1").ShouldBe("hw/v1/m1/down/command");
        TopicScheme.GroupCommand("g").ShouldBe("hw/v1/group/g/down/command");
    }
}
