using System.Text.Json;
using Headwater.Metering;

namespace Headwater.Devices.Uplink;

// SenML packs: RFC 8428, JSON form. bn = device, n = OBIS code, bt/t = seconds, bu/u = unit, bv/v = value.
public sealed partial class UplinkReader
{
    private struct SenmlDefaults
    {
        internal TextRange Device;
        internal DecimalNumber Time;
        internal DecimalNumber Value;
        internal SentUnit Unit;
        internal bool HasUnit;
        internal bool IsUsable;
    }

    private void DecodeSenml(ref Utf8JsonReader json)
    {
        var pack = new SenmlDefaults { IsUsable = true };
        var index = 0;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (index == MostReads)
            {
                Refuse(QuarantineReason.TooManyValues, $"pack: more than {MostReads} records");
                Drain(ref json);
                return;
            }

            if (json.TokenType != JsonTokenType.StartObject)
            {
                Refuse(QuarantineReason.WrongType, $"[{index}]: must be an object");
                json.TrySkip();
            }
            else { DecodeSenmlRecord(ref json, index, ref pack); }

            index++;
        }

        if (index == 0) { Refuse(QuarantineReason.MissingField, "pack: empty"); }
        else if (_message.ReadCount == 0 && _message.Fault is null) { Refuse(QuarantineReason.MissingField, "pack: no record has n and v"); }
    }

    private void DecodeSenmlRecord(ref Utf8JsonReader json, int index, ref SenmlDefaults pack)
    {
        var depth = json.CurrentDepth;
        var read = new SentRead();
        var time = default(DecimalNumber);
        var hasName = false;
        var hasValue = false;
        var hasUnit = false;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            bool good;
            if (json.ValueTextEquals("bn"u8)) { good = TryBaseName(ref json, ref pack); }
            else if (json.ValueTextEquals("bt"u8)) { good = TryNumber(ref json, "bt", out pack.Time); }
            else if (json.ValueTextEquals("bv"u8)) { good = TryNumber(ref json, "bv", out pack.Value); }
            else if (json.ValueTextEquals("bu"u8)) { good = pack.HasUnit = TryUnit(ref json, "bu", out pack.Unit); }
            else if (json.ValueTextEquals("n"u8)) { good = hasName = TryObis(ref json, "n", out read.Obis); }
            else if (json.ValueTextEquals("t"u8)) { good = TryNumber(ref json, "t", out time); }
            else if (json.ValueTextEquals("v"u8)) { good = hasValue = TryNumber(ref json, "v", out read.Value); }
            else if (json.ValueTextEquals("u"u8)) { good = hasUnit = TryUnit(ref json, "u", out read.Unit); }
            else if (json.ValueSpan.Length > 0 && json.ValueSpan[^1] == '_')
            {
                // RFC 8428 section 4.4: a label ending in _ must be understood or the pack refused.
                Refuse(QuarantineReason.WrongType, $"[{index}]: a field ending in _ is not understood");
                good = false;
            }
            else
            {
                good = true;
                SkipValue(ref json);
            }

            if (!good)
            {
                LeaveObject(ref json, depth);
                return;
            }
        }

        if (!hasName && !hasValue) { return; } // a record of base values only
        if (!pack.IsUsable) { return; }
        if (!hasName || !hasValue)
        {
            Refuse(QuarantineReason.MissingField, $"[{index}].{(hasName ? "v" : "n")}: missing");
            return;
        }

        read.Device = pack.Device;
        if (!hasUnit) { read.Unit = pack.HasUnit ? pack.Unit : SentUnit.Register; }
        if (!TrySum(pack.Time, time, out var seconds) || !seconds.Shift(6).TryCut(out read.At)
            || read.At < SmallestAbsoluteSecond * UplinkTime.Second)
        {
            Refuse(QuarantineReason.TimeNotAbsolute, $"[{index}].t: must be absolute, 2^28 seconds or more");
            return;
        }

        if (!TrySum(pack.Value, read.Value, out read.Value))
        {
            Refuse(QuarantineReason.NotExact, $"[{index}].v: bv + v cannot be kept exactly");
            return;
        }

        _message.AddRead(read);
    }

    private bool TryBaseName(ref Utf8JsonReader json, ref SenmlDefaults pack)
    {
        pack.IsUsable = false;
        if (!TryText(ref json, "bn", out var text)) { return false; }
        if (text.Length < 2 || text[^1] is not ((byte)'/' or (byte)':'))
        {
            Refuse(QuarantineReason.WrongType, "bn: must be the device's id followed by / or :");
            return false;
        }

        pack.Device = _message.AddText(text[..^1]);
        pack.IsUsable = true;
        return true;
    }

    private bool TryUnit(ref Utf8JsonReader json, string field, out SentUnit unit)
    {
        unit = SentUnit.Register;
        if (!TryText(ref json, field, out var text)) { return false; }
        if (SentUnits.TryParse(text, out unit)) { return true; }
        Refuse(QuarantineReason.WrongUnit, $"{field}: not a unit that is known here");
        return false;
    }

    private static bool TrySum(DecimalNumber a, DecimalNumber b, out DecimalNumber sum)
    {
        sum = a.Mantissa == 0 ? b : a;
        if (a.Mantissa == 0 || b.Mantissa == 0) { return true; }
        var exponent = Math.Min(a.Exponent, b.Exponent);
        if (!a.TryToInteger(exponent, out var left) || !b.TryToInteger(exponent, out var right)) { return false; }
        var total = (Int128)left + right;
        if (total < long.MinValue || total > long.MaxValue) { return false; }
        sum = new DecimalNumber((long)total, exponent);
        return true;
    }
}
