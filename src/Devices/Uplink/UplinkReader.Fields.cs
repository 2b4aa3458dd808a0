using System.Text.Json;
using Headwater.Metering;

namespace Headwater.Devices.Uplink;

// Reading single fields: each leaves a fault that names the field and the rule.
public sealed partial class UplinkReader
{
    private byte[] _lastText = [];
    private int _lastTextLength;

    private bool TryText(ref Utf8JsonReader json, string field, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (!json.Read() || json.TokenType != JsonTokenType.String)
        {
            Refuse(QuarantineReason.WrongType, $"{field}: must be a string");
            SkipNested(ref json);
            return false;
        }

        if (json.ValueSpan.Length > _unescaped.Length)
        {
            Refuse(QuarantineReason.WrongType, $"{field}: longer than {_unescaped.Length} bytes");
            return false;
        }

        if (!json.ValueIsEscaped) { text = json.ValueSpan; }
        else
        {
            try
            {
                text = _unescaped.AsSpan(0, json.CopyString(_unescaped));
            }
            catch (InvalidOperationException)
            {
                // The only way the reader reports a lone surrogate in an escaped string.
                Refuse(QuarantineReason.WrongType, $"{field}: not valid Unicode");
                return false;
            }
        }

        if (_lastText.Length == 0) { _lastText = new byte[_unescaped.Length]; }
        text.CopyTo(_lastText);
        _lastTextLength = text.Length;
        return true;
    }

    /// <summary>The id of the device an entry speaks of. An empty one is no id: taken for none, its reading would go to some other device.</summary>
    private bool TryDevice(ref Utf8JsonReader json, string field, out TextRange device)
    {
        device = default;
        if (!TryText(ref json, field, out var text)) { return false; }
        if (text.Length > 0)
        {
            device = _message.AddText(text);
            return true;
        }

        Refuse(QuarantineReason.MissingField, $"{field}: empty");
        return false;
    }

    private bool TryNumber(ref Utf8JsonReader json, string field, out DecimalNumber number)
    {
        number = default;
        if (!json.Read() || json.TokenType != JsonTokenType.Number)
        {
            Refuse(QuarantineReason.WrongType, $"{field}: must be a number");
            SkipNested(ref json);
            return false;
        }

        if (DecimalNumber.TryParse(json.ValueSpan, out number)) { return true; }
        Refuse(QuarantineReason.NotExact, $"{field}: has more digits than can be kept exactly");
        return false;
    }

    private bool TryTime(ref Utf8JsonReader json, string field, out long at)
    {
        at = 0;
        if (!TryText(ref json, field, out var text)) { return false; }
        if (UplinkTime.TryParse(text, out at)) { return true; }
        Refuse(QuarantineReason.TimeNotAbsolute, $"{field}: must be a time with an offset, such as 2026-11-20T10:15:00Z");
        return false;
    }

    private bool TryObis(ref Utf8JsonReader json, string field, out ObisCode obis)
    {
        obis = default;
        if (!TryText(ref json, field, out var text)) { return false; }
        if (ObisCode.TryParse(text, out obis)) { return true; }
        Refuse(QuarantineReason.WrongType, $"{field}: must be an OBIS code, such as 1-0:1.8.0");
        return false;
    }

    private bool TryWhole(ref Utf8JsonReader json, string field, out long value)
    {
        value = 0;
        if (!TryNumber(ref json, field, out var number)) { return false; }
        if (number.TryToInteger(0, out value)) { return true; }
        Refuse(QuarantineReason.NotExact, $"{field}: must be a whole number of 64 bits");
        return false;
    }

    private static void SkipNested(ref Utf8JsonReader json)
    {
        if (json.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray) { json.TrySkip(); }
    }
}
