using System.Text.Json;
using System.Text.Unicode;
using Headwater.Metering;

namespace Headwater.Devices.Uplink;

/// <summary>Decodes the payloads of docs/uplink.md. Any input gives a message with reads or faults, never an exception.</summary>
/// <remarks>Pure: knows neither registry nor clock. Not for use by several threads at once.</remarks>
public sealed partial class UplinkReader
{
    /// <summary>Most entries taken from one message: a day of one-minute reads of one register fits three times.</summary>
    public const int MostReads = 5_000;

    /// <summary>Most intervals in one profile block: a day of minutes.</summary>
    public const int MostIntervals = 1_440;

    // 2^28: smaller SenML times are relative to the receiver's clock (RFC 8428 section 4.5.3), so a repeat would get another key.
    private const long SmallestAbsoluteSecond = 268_435_456;

    private static readonly JsonReaderOptions Options = new() { MaxDepth = 16, CommentHandling = JsonCommentHandling.Disallow };

    private readonly UplinkMessage _message = new();
    private readonly byte[] _unescaped = new byte[256];

    /// <summary>Decodes one payload.</summary>
    /// <param name="form">What the topic says it is.</param>
    /// <param name="payload">The payload.</param>
    /// <returns>A message that is valid until the next call.</returns>
    public UplinkMessage Decode(UplinkForm form, ReadOnlySpan<byte> payload)
    {
        _message.Clear();
        var json = new Utf8JsonReader(payload, Options);
        try
        {
            if (!json.Read()) { Refuse(QuarantineReason.NotJson, "payload: empty"); }
            else
            {
                DecodeForm(form, payload, ref json);
                if (_message.Fault is null && json.Read()) { Refuse(QuarantineReason.NotJson, "payload: something follows the JSON value"); }
            }
        }
        catch (JsonException e)
        {
            // Utf8JsonReader has no way to say "malformed" but this; the message so far is dropped as a whole, for nothing after it is sure.
            _message.Clear();
            Refuse(QuarantineReason.NotJson, $"payload: not JSON at byte {e.BytePositionInLine.GetValueOrDefault()} of line {e.LineNumber.GetValueOrDefault() + 1}");
        }

        return _message;
    }

    private void DecodeForm(UplinkForm form, ReadOnlySpan<byte> payload, ref Utf8JsonReader json)
    {
        switch (form)
        {
            case UplinkForm.Plain:
                DecodePlain(ref json);
                break;
            case UplinkForm.Read when json.TokenType == JsonTokenType.StartArray:
                DecodeSenml(ref json);
                break;
            case UplinkForm.Read:
                DecodeReads(ref json);
                break;
            case UplinkForm.Profile:
                DecodeProfiles(ref json);
                break;
            case UplinkForm.MeterEvent:
                if (Utf8.IsValid(payload)) { DecodeMeterEvent(payload, ref json); }
                else { Refuse(QuarantineReason.NotJson, "payload: not UTF-8"); }
                break;
            default:
                // Kept as bytes: no rows are made of them here.
                json.TrySkip();
                break;
        }
    }

    private void DecodePlain(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject)
        {
            Refuse(QuarantineReason.NotJson, "payload: must be a JSON object");
            return;
        }

        var read = new SentRead { Obis = ObisCode.ActiveEnergyImport, Unit = SentUnit.KilowattHour };
        var seen = 0;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("meter_id"u8))
            {
                if (!Once(ref seen, 1, "meter_id") || !TryDevice(ref json, "meter_id", out read.Device)) { Drain(ref json); return; }
            }
            else if (json.ValueTextEquals("reading"u8))
            {
                if (!Once(ref seen, 2, "reading") || !TryNumber(ref json, "reading", out read.Value)) { Drain(ref json); return; }
            }
            else if (json.ValueTextEquals("created_at"u8))
            {
                if (!Once(ref seen, 4, "created_at") || !TryTime(ref json, "created_at", out read.At)) { Drain(ref json); return; }
            }
            else { SkipValue(ref json); }
        }

        if (seen != 7)
        {
            Refuse(QuarantineReason.MissingField, (seen & 1) == 0 ? "meter_id: missing" : (seen & 2) == 0 ? "reading: missing" : "created_at: missing");
            return;
        }

        _message.AddRead(read);
    }

    private void DecodeReads(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject)
        {
            Refuse(QuarantineReason.NotJson, "payload: must be a JSON object or a SenML array");
            return;
        }

        var seen = 0;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (!json.ValueTextEquals("reads"u8))
            {
                SkipValue(ref json);
                continue;
            }

            if (!Once(ref seen, 1, "reads")) { Drain(ref json); return; }
            if (!json.Read() || json.TokenType != JsonTokenType.StartArray)
            {
                Refuse(QuarantineReason.WrongType, "reads: must be an array");
                Drain(ref json);
                return;
            }

            var index = 0;
            while (json.Read() && json.TokenType != JsonTokenType.EndArray)
            {
                if (index == MostReads)
                {
                    Refuse(QuarantineReason.TooManyValues, $"reads: more than {MostReads}");
                    Drain(ref json);
                    return;
                }

                DecodeReadEntry(ref json, index++);
            }
        }

        if (seen == 0) { Refuse(QuarantineReason.MissingField, "reads: missing"); }
        else if (_message.ReadCount == 0 && _message.Fault is null) { Refuse(QuarantineReason.MissingField, "reads: empty"); }
    }

    private void DecodeReadEntry(ref Utf8JsonReader json, int index)
    {
        if (json.TokenType != JsonTokenType.StartObject)
        {
            Refuse(QuarantineReason.WrongType, $"reads[{index}]: must be an object");
            json.TrySkip();
            return;
        }

        var depth = json.CurrentDepth;
        var read = new SentRead();
        var seen = 0;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var good = true;
            if (json.ValueTextEquals("obis"u8)) { good = Once(ref seen, 1, "obis") && TryObis(ref json, "obis", out read.Obis); }
            else if (json.ValueTextEquals("at"u8)) { good = Once(ref seen, 2, "at") && TryTime(ref json, "at", out read.At); }
            else if (json.ValueTextEquals("value"u8)) { good = Once(ref seen, 4, "value") && TryNumber(ref json, "value", out read.Value); }
            else if (json.ValueTextEquals("device"u8)) { good = Once(ref seen, 8, "device") && TryDevice(ref json, "device", out read.Device); }
            else { SkipValue(ref json); }

            if (!good)
            {
                LeaveObject(ref json, depth);
                return;
            }
        }

        if ((seen & 7) == 7) { _message.AddRead(read); }
        else
        {
            Refuse(QuarantineReason.MissingField, $"reads[{index}].{((seen & 1) == 0 ? "obis" : (seen & 2) == 0 ? "at" : "value")}: missing");
        }
    }

    private void Refuse(QuarantineReason reason, string text) => _message.AddFault(reason, text);

    private bool Once(ref int seen, int bit, string field)
    {
        if ((seen & bit) != 0)
        {
            Refuse(QuarantineReason.DuplicateField, $"{field}: stands twice");
            return false;
        }

        seen |= bit;
        return true;
    }

    private static void SkipValue(ref Utf8JsonReader json)
    {
        json.Read();
        json.TrySkip();
    }

    /// <summary>Reads on to the end of the object at <paramref name="depth"/>, so that the next entry can be judged.</summary>
    private static void LeaveObject(ref Utf8JsonReader json, int depth)
    {
        while ((json.TokenType != JsonTokenType.EndObject || json.CurrentDepth != depth) && json.Read())
        {
        }
    }

    /// <summary>Reads on to the end of the payload: what follows a fault must still be JSON for the fault's words to be right.</summary>
    private static void Drain(ref Utf8JsonReader json)
    {
        while (json.Read())
        {
        }
    }
}
