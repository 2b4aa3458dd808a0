using System.Text.Json;

namespace Headwater.Devices.Uplink;

// up/profile: one object, or an array of objects that each name their device; and up/event.
public sealed partial class UplinkReader
{
    private void DecodeProfiles(ref Utf8JsonReader json)
    {
        if (json.TokenType == JsonTokenType.StartObject)
        {
            DecodeProfile(ref json, "");
            return;
        }

        if (json.TokenType != JsonTokenType.StartArray)
        {
            Refuse(QuarantineReason.NotJson, "payload: must be a JSON object or an array of them");
            return;
        }

        var index = 0;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (index == MostReads)
            {
                Refuse(QuarantineReason.TooManyValues, $"payload: more than {MostReads} blocks");
                Drain(ref json);
                return;
            }

            if (json.TokenType == JsonTokenType.StartObject) { DecodeProfile(ref json, $"[{index}]."); }
            else
            {
                Refuse(QuarantineReason.WrongType, $"[{index}]: must be an object");
                json.TrySkip();
            }

            index++;
        }

        if (index == 0) { Refuse(QuarantineReason.MissingField, "payload: an empty array"); }
    }

    private void DecodeProfile(ref Utf8JsonReader json, string where)
    {
        var depth = json.CurrentDepth;
        var profile = new SentProfile { FirstValue = _message.ValueCount };
        var seen = 0;
        var statuses = -1;
        var good = true;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("channel"u8)) { good = Once(ref seen, 1, where + "channel") && TryObis(ref json, where + "channel", out profile.Channel); }
            else if (json.ValueTextEquals("start"u8)) { good = Once(ref seen, 2, where + "start") && TryTime(ref json, where + "start", out profile.StartAt); }
            else if (json.ValueTextEquals("every"u8)) { good = Once(ref seen, 4, where + "every") && TryEvery(ref json, where, out profile.EverySeconds); }
            else if (json.ValueTextEquals("values"u8)) { good = Once(ref seen, 8, where + "values") && TryValues(ref json, where, ref profile); }
            else if (json.ValueTextEquals("status"u8)) { good = Once(ref seen, 16, where + "status") && TryStatuses(ref json, where, out statuses); }
            else if (json.ValueTextEquals("device"u8)) { good = Once(ref seen, 32, where + "device") && TryDevice(ref json, where + "device", out profile.Device); }
            else { SkipValue(ref json); }

            if (!good)
            {
                LeaveObject(ref json, depth);
                _message.CutValues(profile.FirstValue);
                return;
            }
        }

        if (JudgeProfile(where, seen, statuses, ref profile)) { _message.AddProfile(profile); }
        else { _message.CutValues(profile.FirstValue); }
    }

    private bool JudgeProfile(string where, int seen, int statuses, ref SentProfile profile)
    {
        if ((seen & 15) != 15)
        {
            var field = (seen & 1) == 0 ? "channel" : (seen & 2) == 0 ? "start" : (seen & 4) == 0 ? "every" : "values";
            Refuse(QuarantineReason.MissingField, $"{where}{field}: missing");
            return false;
        }

        if (profile.Count == 0)
        {
            Refuse(QuarantineReason.MissingField, $"{where}values: empty");
            return false;
        }

        if (statuses >= 0 && statuses != profile.Count)
        {
            Refuse(QuarantineReason.WrongType, $"{where}status: {statuses} entries for {profile.Count} values");
            return false;
        }

        if (profile.StartAt % (profile.EverySeconds * UplinkTime.Second) != 0)
        {
            Refuse(QuarantineReason.NotOnBoundary, $"{where}start: not on a boundary of {profile.EverySeconds} s");
            return false;
        }

        for (var i = 0; i < statuses; i++)
        {
            // Null values are missing whatever the status says.
            if (_message.Statuses[profile.FirstValue + i] == 0) { _message.SetStatus(profile.FirstValue + i, (ProfileStatus)_sentStatuses[i]); }
        }

        profile.HasStatus = _message.Statuses.Slice(profile.FirstValue, profile.Count).ContainsAnyExcept((byte)ProfileStatus.Plain);
        return true;
    }

    private bool TryEvery(ref Utf8JsonReader json, string where, out int seconds)
    {
        seconds = 0;
        if (!TryText(ref json, where + "every", out var text)) { return false; }
        if (UplinkTime.TryParseDuration(text, out seconds) && 86_400 % seconds == 0) { return true; }
        Refuse(QuarantineReason.WrongType, $"{where}every: must be a duration that divides a day, such as PT15M");
        return false;
    }

    private bool TryValues(ref Utf8JsonReader json, string where, ref SentProfile profile)
    {
        if (!json.Read() || json.TokenType != JsonTokenType.StartArray)
        {
            Refuse(QuarantineReason.WrongType, $"{where}values: must be an array");
            SkipNested(ref json);
            return false;
        }

        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (profile.Count == MostIntervals)
            {
                Refuse(QuarantineReason.TooManyValues, $"{where}values: more than {MostIntervals}");
                return false;
            }

            if (json.TokenType == JsonTokenType.Null) { _message.AddValue(0, ProfileStatus.Missing); }
            else if (json.TokenType == JsonTokenType.Number && json.TryGetInt32(out var value)) { _message.AddValue(value, ProfileStatus.Plain); }
            else
            {
                Refuse(
                    json.TokenType == JsonTokenType.Number ? QuarantineReason.NotExact : QuarantineReason.WrongType,
                    $"{where}values[{profile.Count}]: must be a whole number of Wh, or null");
                SkipNested(ref json);
                return false;
            }

            profile.Count++;
        }

        return true;
    }

    private readonly byte[] _sentStatuses = new byte[MostIntervals];

    private bool TryStatuses(ref Utf8JsonReader json, string where, out int count)
    {
        count = 0;
        if (!json.Read() || json.TokenType != JsonTokenType.StartArray)
        {
            Refuse(QuarantineReason.WrongType, $"{where}status: must be an array");
            SkipNested(ref json);
            return false;
        }

        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (count == MostIntervals)
            {
                Refuse(QuarantineReason.TooManyValues, $"{where}status: more than {MostIntervals}");
                return false;
            }

            if (json.TokenType != JsonTokenType.String || !TryStatus(ref json, out var status))
            {
                Refuse(QuarantineReason.WrongType, $"{where}status[{count}]: must be \"\", missing, estimated, powerDown, clockAdjusted or doubtful");
                SkipNested(ref json);
                return false;
            }

            _sentStatuses[count++] = (byte)status;
        }

        return true;
    }

    private static bool TryStatus(ref Utf8JsonReader json, out ProfileStatus status)
    {
        status = ProfileStatus.Plain;
        if (json.ValueTextEquals(""u8)) { return true; }
        if (json.ValueTextEquals("missing"u8)) { status = ProfileStatus.Missing; }
        else if (json.ValueTextEquals("estimated"u8)) { status = ProfileStatus.Estimated; }
        else if (json.ValueTextEquals("powerDown"u8)) { status = ProfileStatus.PowerDown; }
        else if (json.ValueTextEquals("clockAdjusted"u8)) { status = ProfileStatus.ClockAdjusted; }
        else if (json.ValueTextEquals("doubtful"u8)) { status = ProfileStatus.Doubtful; }
        return status != ProfileStatus.Plain;
    }

    private void DecodeMeterEvent(ReadOnlySpan<byte> payload, ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject)
        {
            Refuse(QuarantineReason.NotJson, "payload: must be a JSON object");
            return;
        }

        var sent = new SentMeterEvent { Data = _message.AddText("{}"u8) };
        var seen = 0;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var good = true;
            if (json.ValueTextEquals("code"u8))
            {
                good = Once(ref seen, 1, "code") && TryText(ref json, "code", out _) && IsWord("code", _lastText.AsSpan(0, _lastTextLength));
                if (good) { sent.Code = _message.AddText(_lastText.AsSpan(0, _lastTextLength)); }
            }
            else if (json.ValueTextEquals("at"u8)) { good = Once(ref seen, 2, "at") && TryTime(ref json, "at", out sent.At); }
            else if (json.ValueTextEquals("seq"u8)) { good = Once(ref seen, 4, "seq") && TryWhole(ref json, "seq", out sent.Sequence); }
            else if (json.ValueTextEquals("data"u8)) { good = Once(ref seen, 8, "data") && TryData(payload, ref json, ref sent); }
            else { SkipValue(ref json); }

            if (!good)
            {
                Drain(ref json);
                return;
            }
        }

        if ((seen & 3) == 3) { _message.AddMeterEvent(sent); }
        else { Refuse(QuarantineReason.MissingField, (seen & 1) == 0 ? "code: missing" : "at: missing"); }
    }

    private bool IsWord(string field, ReadOnlySpan<byte> text)
    {
        if (text.Length is > 0 and <= 64 && UplinkTopic.IsDeviceId(System.Text.Encoding.UTF8.GetString(text))) { return true; }
        Refuse(QuarantineReason.WrongType, $"{field}: must be a word of at most 64 letters, digits, dots, dashes or underscores");
        return false;
    }

    private bool TryData(ReadOnlySpan<byte> payload, ref Utf8JsonReader json, ref SentMeterEvent sent)
    {
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
        {
            Refuse(QuarantineReason.WrongType, "data: must be an object");
            SkipNested(ref json);
            return false;
        }

        var start = (int)json.TokenStartIndex;
        json.TrySkip();
        var text = payload[start..(int)json.BytesConsumed];
        // PostgreSQL's jsonb has no place for U+0000.
        if (text.IndexOf("\\u0000"u8) >= 0)
        {
            Refuse(QuarantineReason.WrongType, "data: contains the character U+0000");
            return false;
        }

        sent.Data = _message.AddText(text);
        return true;
    }
}
