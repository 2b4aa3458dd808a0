using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Xml;
using NodaTime;
using NodaTime.Text;

namespace Headwater.Devices.Uplink;

/// <summary>Writes the payloads a device sends. The forms are docs/uplink.md's; the reading side is the head-end's.</summary>
/// <remarks>Every method appends one whole payload and nothing else. Values are written as decimals, never through a binary fraction.</remarks>
public static class UplinkWriter
{
    /// <summary>Most intervals one profile entry may carry: a day of minutes.</summary>
    public const int MostIntervals = 1_440;

    private static readonly JsonWriterOptions Options = new() { SkipValidation = true };

    /// <summary>The plain form: <c>{"meter_id":"meter_3105","reading":12.34,"created_at":"2026-11-20T10:15:00Z"}</c>.</summary>
    /// <param name="output">Where the payload goes.</param>
    /// <param name="device">The meter.</param>
    /// <param name="wattHours">Active energy import in Wh; written in kWh with no more digits than needed.</param>
    /// <param name="at">When the register had the value.</param>
    public static void WritePlain(IBufferWriter<byte> output, string device, long wattHours, Instant at)
    {
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteString("meter_id", device);
        json.WritePropertyName("reading");
        WriteDecimal(json, wattHours, -3);
        json.WriteString("created_at", Text(at));
        json.WriteEndObject();
    }

    /// <summary>The <c>up/read</c> form: an object with <c>sentAt</c> and <c>reads</c>.</summary>
    public static void WriteReads(IBufferWriter<byte> output, Instant sentAt, ReadOnlySpan<ReadEntry> reads)
    {
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteString("sentAt", Text(sentAt));
        json.WriteStartArray("reads");
        foreach (var read in reads)
        {
            json.WriteStartObject();
            if (read.Device is not null) { json.WriteString("device", read.Device); }
            json.WriteString("obis", read.Obis);
            json.WriteString("at", Text(read.At));
            json.WriteNumber("value", read.Value);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>The <c>up/read</c> form as a SenML pack: an array whose records carry base name and base time where they change.</summary>
    /// <remarks>Times are absolute seconds, base time in the record; relative ones (below 2^28) would give a repeat another key.</remarks>
    public static void WriteSenml(IBufferWriter<byte> output, ReadOnlySpan<SenmlEntry> records)
    {
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartArray();
        string? device = null;
        Instant? at = null;
        foreach (var record in records)
        {
            json.WriteStartObject();
            if (record.Device != device)
            {
                device = record.Device;
                json.WriteString("bn", device + "/");
            }

            if (record.At != at)
            {
                at = record.At;
                json.WritePropertyName("bt");
                WriteSeconds(json, record.At);
            }

            json.WriteString("n", record.Obis);
            if (record.Unit is not null) { json.WriteString("u", record.Unit); }
            json.WritePropertyName("v");
            WriteDecimal(json, record.Value, record.Exponent);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>The <c>up/profile</c> form: one entry as an object.</summary>
    /// <exception cref="ArgumentException">More intervals than <see cref="MostIntervals"/>, or not one status per value.</exception>
    public static void WriteProfile(IBufferWriter<byte> output, ProfileEntry profile)
    {
        ArgumentNullException.ThrowIfNull(profile);
        using var json = new Utf8JsonWriter(output, Options);
        WriteProfile(json, profile);
    }

    /// <summary>The <c>up/profile</c> form of a concentrator: an array of entries, each naming its device.</summary>
    /// <exception cref="ArgumentException">As for one entry, or an entry that names no device.</exception>
    public static void WriteProfiles(IBufferWriter<byte> output, IEnumerable<ProfileEntry> profiles)
    {
        ArgumentNullException.ThrowIfNull(profiles);
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartArray();
        foreach (var profile in profiles)
        {
            if (profile.Device is null) { throw new ArgumentException("A concentrator's entry names its device.", nameof(profiles)); }
            WriteProfile(json, profile);
        }

        json.WriteEndArray();
    }

    /// <summary>The <c>up/event</c> form: <c>{"code":"lastGasp","at":"...","seq":17,"data":{}}</c>.</summary>
    /// <param name="output">Where the payload goes.</param>
    /// <param name="code">Word of the event code book (docs/events.md).</param>
    /// <param name="at">When it happened, by the meter's own clock.</param>
    /// <param name="sequence">The device's own count of its events; a repeat carries the same.</param>
    public static void WriteMeterEvent(IBufferWriter<byte> output, string code, Instant at, long sequence)
    {
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteString("code", code);
        json.WriteString("at", Text(at));
        json.WriteNumber("seq", sequence);
        json.WriteStartObject("data");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>An instant as it stands in uplinks: ISO 8601 in UTC ending in Z, with as many digits of the second as it needs.</summary>
    public static string Text(Instant at) => InstantPattern.ExtendedIso.Format(at);

    private static void WriteProfile(Utf8JsonWriter json, ProfileEntry profile)
    {
        if (profile.Values.Count > MostIntervals) { throw new ArgumentException("Too many intervals in one profile entry.", nameof(profile)); }
        if (profile.Status is not null && profile.Status.Count != profile.Values.Count)
        {
            throw new ArgumentException("Status has one word per value.", nameof(profile));
        }

        json.WriteStartObject();
        if (profile.Device is not null) { json.WriteString("device", profile.Device); }
        json.WriteString("channel", profile.Channel);
        json.WriteString("start", Text(profile.Start));
        json.WriteString("every", XmlConvert.ToString(profile.Every.ToTimeSpan()));
        json.WriteStartArray("values");
        foreach (var value in profile.Values) { json.WriteNumberValue(value); }
        json.WriteEndArray();
        if (profile.Status is not null)
        {
            json.WriteStartArray("status");
            foreach (var status in profile.Status) { json.WriteStringValue(status); }
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteSeconds(Utf8JsonWriter json, Instant at)
    {
        var microseconds = at.ToUnixTimeTicks() / 10;
        WriteDecimal(json, microseconds, -6);
    }

    /// <summary>Writes mantissa x 10^exponent in plain notation without trailing zeros after the point.</summary>
    private static void WriteDecimal(Utf8JsonWriter json, long mantissa, int exponent)
    {
        while (exponent < 0 && mantissa % 10 == 0)
        {
            mantissa /= 10;
            exponent++;
        }

        if (exponent >= 0)
        {
            json.WriteRawValue(mantissa.ToString(CultureInfo.InvariantCulture) + (mantissa == 0 ? "" : new string('0', exponent)), skipInputValidation: true);
            return;
        }

        var digits = mantissa.ToString(CultureInfo.InvariantCulture).AsSpan(mantissa < 0 ? 1 : 0);
        var text = new StringBuilder(digits.Length + 4);
        if (mantissa < 0) { text.Append('-'); }
        var whole = digits.Length + exponent;
        if (whole <= 0)
        {
            text.Append("0.").Append('0', -whole).Append(digits);
        }
        else
        {
            text.Append(digits[..whole]).Append('.').Append(digits[whole..]);
        }

        json.WriteRawValue(text.ToString(), skipInputValidation: true);
    }
}
