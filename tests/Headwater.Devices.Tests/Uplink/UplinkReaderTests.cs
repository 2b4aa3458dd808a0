using System.Text;
using Headwater.Devices.Uplink;
using Headwater.Metering;

namespace Headwater.Devices.Tests.Uplink;

public sealed class UplinkReaderTests
{
    private readonly UplinkReader _reader = new();

    private UplinkMessage Decode(UplinkForm form, string payload) => _reader.Decode(form, Encoding.UTF8.GetBytes(payload));

    [Fact]
    public void Plain_form_is_read_exactly_when_all_three_fields_are_there()
    {
        var message = Decode(UplinkForm.Plain, """{"meter_id":"meter_3105","reading":12.34,"created_at":"2026-11-20T10:15:00Z"}""");
        message.Fault.ShouldBeNull();
        var read = message.Reads[0];
        Encoding.UTF8.GetString(message.Text(read.Device)).ShouldBe("meter_3105");
        read.Value.ShouldBe(new DecimalNumber(1234, -2));
        read.Unit.ShouldBe(SentUnit.KilowattHour);
        read.At.ShouldBe(new DateTimeOffset(2026, 11, 20, 10, 15, 0, TimeSpan.Zero).ToUnixTimeMilliseconds() * 1000);
        read.Obis.ToString().ShouldBe("1-0:1.8.0");
    }

    [Fact]
    public void Escapes_in_a_device_id_are_undone_when_it_is_read()
    {
        var message = Decode(UplinkForm.Plain, """{"meter_id":"m\u0065ter","reading":1,"created_at":"2026-11-20T10:15:00+09:00"}""");
        Encoding.UTF8.GetString(message.Text(message.Reads[0].Device)).ShouldBe("meter");
        message.Reads[0].At.ShouldBe(new DateTimeOffset(2026, 11, 20, 1, 15, 0, TimeSpan.Zero).ToUnixTimeMilliseconds() * 1000);
    }

    [Theory]
    [InlineData("""{"reading":1,"created_at":"2026-11-20T10:15:00Z"}""", QuarantineReason.MissingField, "meter_id")]
    [InlineData("""{"meter_id":"a","created_at":"2026-11-20T10:15:00Z"}""", QuarantineReason.MissingField, "reading")]
    [InlineData("""{"meter_id":"a","reading":1}""", QuarantineReason.MissingField, "created_at")]
    [InlineData("""{"meter_id":"","reading":1,"created_at":"2026-11-20T10:15:00Z"}""", QuarantineReason.MissingField, "meter_id")]
    [InlineData("""{"meter_id":7,"reading":1,"created_at":"2026-11-20T10:15:00Z"}""", QuarantineReason.WrongType, "meter_id")]
    [InlineData("""{"meter_id":"a","reading":"1","created_at":"2026-11-20T10:15:00Z"}""", QuarantineReason.WrongType, "reading")]
    [InlineData("""{"meter_id":"a","reading":{"x":[1]},"created_at":"2026-11-20T10:15:00Z"}""", QuarantineReason.WrongType, "reading")]
    [InlineData("""{"meter_id":"a","reading":1,"created_at":"2026-11-20T10:15:00"}""", QuarantineReason.TimeNotAbsolute, "created_at")]
    [InlineData("""{"meter_id":"a","reading":1,"created_at":"2026-02-30T10:15:00Z"}""", QuarantineReason.TimeNotAbsolute, "created_at")]
    [InlineData("""{"meter_id":"a","meter_id":"b","reading":1,"created_at":"2026-11-20T10:15:00Z"}""", QuarantineReason.DuplicateField, "meter_id")]
    [InlineData("""{"meter_id":"a","reading":1.2345678901234567890123,"created_at":"2026-11-20T10:15:00Z"}""", QuarantineReason.NotExact, "reading")]
    [InlineData("""{"meter_id":"a","reading":NaN,"created_at":"2026-11-20T10:15:00Z"}""", QuarantineReason.NotJson, "JSON")]
    [InlineData("", QuarantineReason.NotJson, "payload")]
    [InlineData("not json", QuarantineReason.NotJson, "JSON")]
    [InlineData("[]", QuarantineReason.NotJson, "object")]
    [InlineData("""{"meter_id":"a","reading":1,"created_at":"2026-11-20T10:15:00Z"} x""", QuarantineReason.NotJson, "JSON")]
    [InlineData("""{"meter_id":"\ud800","reading":1,"created_at":"2026-11-20T10:15:00Z"}""", QuarantineReason.WrongType, "meter_id")]
    public void Plain_form_says_field_and_rule_when_it_is_wrong(string payload, QuarantineReason reason, string word)
    {
        var message = Decode(UplinkForm.Plain, payload);
        message.ReadCount.ShouldBe(0);
        message.Fault.ShouldNotBeNull();
        message.Fault.Reason.ShouldBe(reason);
        message.Fault.Text.ShouldContain(word);
    }

    [Theory]
    [InlineData(UplinkForm.Read, """{"reads":[{"device":"","obis":"1-0:1.8.0","at":"2026-11-20T10:15:00Z","value":1}]}""")]
    [InlineData(UplinkForm.Profile, """[{"device":"","channel":"1-0:1.29.0","start":"2026-11-20T00:00:00Z","every":"PT15M","values":[1]}]""")]
    public void Entry_is_refused_when_it_names_an_empty_device(UplinkForm form, string payload)
    {
        var message = Decode(form, payload);
        (message.ReadCount + message.ProfileCount).ShouldBe(0);
        message.Fault.ShouldNotBeNull();
        message.Fault.Reason.ShouldBe(QuarantineReason.MissingField);
        message.Fault.Text.ShouldContain("device: empty");
    }

    [Fact]
    public void Good_entries_are_kept_when_one_entry_is_bad()
    {
        var message = Decode(UplinkForm.Read, """
            {"sentAt":"2026-11-20T10:15:02Z","reads":[
              {"obis":"1-0:1.8.0","at":"2026-11-20T10:15:00Z","value":12345678},
              {"obis":"nonsense","at":"2026-11-20T10:15:00Z","value":1},
              {"at":"2026-11-20T10:15:00Z","value":1},
              7,
              {"device":"meter_2","obis":"1-0:32.7.0","at":"2026-11-20T10:15:00.1234567Z","value":2301}]}
            """);
        message.ReadCount.ShouldBe(2);
        message.FaultCount.ShouldBe(3);
        message.Fault!.Reason.ShouldBe(QuarantineReason.WrongType);
        Encoding.UTF8.GetString(message.Text(message.Reads[1].Device)).ShouldBe("meter_2");
        (message.Reads[1].At % 1_000_000).ShouldBe(123_456);
    }

    [Fact]
    public void Senml_pack_is_resolved_when_base_fields_are_set()
    {
        var message = Decode(UplinkForm.Read, """
            [{"bn":"meter_1/","bt":1763632500,"bu":"kWh","n":"1-0:1.8.0","v":12.5},{"n":"1-0:32.7.0","t":-60,"u":"V","v":230.1}]
            """);
        message.Fault.ShouldBeNull();
        message.ReadCount.ShouldBe(2);
        Encoding.UTF8.GetString(message.Text(message.Reads[1].Device)).ShouldBe("meter_1");
        message.Reads[0].Unit.ShouldBe(SentUnit.KilowattHour);
        message.Reads[1].Unit.ShouldBe(SentUnit.Volt);
        message.Reads[0].At.ShouldBe(1_763_632_500_000_000);
        message.Reads[1].At.ShouldBe(1_763_632_440_000_000);
    }

    [Theory]
    [InlineData("""[{"bn":"m/","n":"1-0:1.8.0","t":-5,"v":1}]""", QuarantineReason.TimeNotAbsolute)]
    [InlineData("""[{"bn":"m/","n":"1-0:1.8.0","v":1}]""", QuarantineReason.TimeNotAbsolute)]
    [InlineData("""[{"bn":"m","bt":1763632500,"n":"1-0:1.8.0","v":1}]""", QuarantineReason.WrongType)]
    [InlineData("""[{"bn":"m/","bt":1763632500,"n":"1-0:1.8.0","u":"furlong","v":1}]""", QuarantineReason.WrongUnit)]
    [InlineData("""[{"bn":"m/","bt":1763632500,"n":"1-0:1.8.0"}]""", QuarantineReason.MissingField)]
    [InlineData("""[{"bn":"m/","bt":1763632500,"n":"1-0:1.8.0","v":1,"x_":1}]""", QuarantineReason.WrongType)]
    [InlineData("[]", QuarantineReason.MissingField)]
    [InlineData("""[{"bn":"m/","bt":1763632500}]""", QuarantineReason.MissingField)]
    public void Senml_pack_says_what_is_wrong_when_it_is_refused(string payload, QuarantineReason reason)
    {
        var message = Decode(UplinkForm.Read, payload);
        message.ReadCount.ShouldBe(0);
        message.Fault!.Reason.ShouldBe(reason);
    }

    [Fact]
    public void Profile_block_is_read_when_values_and_statuses_match()
    {
        var message = Decode(UplinkForm.Profile, """
            {"channel":"1-0:1.29.0","start":"2026-11-20T00:00:00Z","every":"PT15M","values":[120,118,0,null],"status":["","","missing","estimated"]}
            """);
        message.Fault.ShouldBeNull();
        var profile = message.Profiles[0];
        profile.EverySeconds.ShouldBe(900);
        profile.Count.ShouldBe(4);
        message.Values.ToArray().ShouldBe([120, 118, 0, 0]);
        message.Statuses.ToArray().ShouldBe([(byte)0, (byte)0, (byte)ProfileStatus.Missing, (byte)ProfileStatus.Missing]);
    }

    [Theory]
    [InlineData("""{"channel":"1-0:1.29.0","start":"2026-11-20T00:01:00Z","every":"PT15M","values":[1]}""", QuarantineReason.NotOnBoundary)]
    [InlineData("""{"channel":"1-0:1.29.0","start":"2026-11-20T00:00:00Z","every":"PT7M","values":[1]}""", QuarantineReason.WrongType)]
    [InlineData("""{"channel":"1-0:1.29.0","start":"2026-11-20T00:00:00Z","every":"PT15M","values":[1.5]}""", QuarantineReason.NotExact)]
    [InlineData("""{"channel":"1-0:1.29.0","start":"2026-11-20T00:00:00Z","every":"PT15M","values":[]}""", QuarantineReason.MissingField)]
    [InlineData("""{"channel":"1-0:1.29.0","start":"2026-11-20T00:00:00Z","every":"PT15M","values":[1],"status":["",""]}""", QuarantineReason.WrongType)]
    [InlineData("""{"channel":"1-0:1.29.0","start":"2026-11-20T00:00:00Z","every":"PT15M","values":[1],"status":["odd"]}""", QuarantineReason.WrongType)]
    [InlineData("""{"channel":"1-0:1.29.0","start":"2026-11-20T00:00:00Z","values":[1]}""", QuarantineReason.MissingField)]
    public void Profile_block_says_what_is_wrong_when_it_is_refused(string payload, QuarantineReason reason)
    {
        var message = Decode(UplinkForm.Profile, payload);
        message.ProfileCount.ShouldBe(0);
        message.ValueCount.ShouldBe(0);
        message.Fault!.Reason.ShouldBe(reason);
    }

    [Fact]
    public void Profile_block_is_refused_when_it_holds_more_than_a_day_of_minutes()
    {
        var values = string.Join(',', Enumerable.Repeat("1", UplinkReader.MostIntervals + 1));
        Decode(UplinkForm.Profile, $$"""{"channel":"1-0:1.29.0","start":"2026-11-20T00:00:00Z","every":"PT1M","values":[{{values}}]}""")
            .Fault!.Reason.ShouldBe(QuarantineReason.TooManyValues);
    }

    [Fact]
    public void Meter_event_keeps_its_data_as_sent_when_it_is_read()
    {
        var message = Decode(UplinkForm.MeterEvent, """{"code":"lastGasp","at":"2026-11-20T10:15:00Z","seq":17,"data":{"volts": 12.5, "note":"ü"}}""");
        message.Fault.ShouldBeNull();
        Encoding.UTF8.GetString(message.Text(message.MeterEvents[0].Data)).ShouldBe("""{"volts": 12.5, "note":"ü"}""");
        message.MeterEvents[0].Sequence.ShouldBe(17);
    }

    [Fact]
    public void No_input_throws_when_payloads_are_mutated()
    {
        const int Seed = 20261120;
        var random = new Random(Seed);
        string[] seeds =
        [
            """{"meter_id":"meter_3105","reading":12.34,"created_at":"2026-11-20T10:15:00Z"}""",
            """{"sentAt":"2026-11-20T10:15:02Z","reads":[{"obis":"1-0:1.8.0","at":"2026-11-20T10:15:00Z","value":12345678,"device":"a"}]}""",
            """[{"bn":"meter_1/","bt":1763632500,"bu":"kWh","n":"1-0:1.8.0","v":12.5}]""",
            """{"channel":"1-0:1.29.0","start":"2026-11-20T00:00:00Z","every":"PT15M","values":[120,118,0],"status":["","","missing"]}""",
            """{"code":"lastGasp","at":"2026-11-20T10:15:00Z","seq":17,"data":{"a":[1,{"b":"\u00e9"}]}}""",
        ];
        var decoded = 0;
        for (var i = 0; i < 100_000; i++)
        {
            var bytes = Encoding.UTF8.GetBytes(seeds[random.Next(seeds.Length)]);
            for (var change = random.Next(1, 5); change > 0; change--)
            {
                var at = random.Next(bytes.Length);
                bytes = random.Next(3) switch
                {
                    0 => [.. bytes[..at], (byte)random.Next(256), .. bytes[(at + 1)..]],
                    1 => [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + random.Next(1, 9))..]],
                    _ => [.. bytes[..at], .. bytes[..random.Next(bytes.Length)]],
                };
                if (bytes.Length == 0) { break; }
            }

            var message = _reader.Decode((UplinkForm)random.Next(4), bytes);
            if (message.ReadCount + message.ProfileCount + message.MeterEventCount > 0) { decoded++; }
            else { message.Fault.ShouldNotBeNull($"seed {Seed}, round {i}: {Encoding.UTF8.GetString(bytes)}"); }
        }

        decoded.ShouldBeGreaterThan(0);
    }
}
