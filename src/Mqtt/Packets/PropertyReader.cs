using System.Text;

namespace Headwater.Mqtt.Packets;

/// <summary>Walks a packet's properties in order, judging each.</summary>
/// <remarks>
/// MQTT 5.0 section 2.2.2: an identifier that is unknown or does not belong to the packet, or a value not of its
/// type, is Malformed (0x81); a repeat, or a value the property's own clause excludes, is a Protocol Error (0x82).
/// User Property may always repeat, Subscription Identifier only in PUBLISH.
/// </remarks>
public ref struct PropertyReader
{
    private readonly ulong _allowed;
    private readonly bool _identifiersRepeat;
    private readonly int _total;
    private ulong _seen;
    private ByteReader _reader;

    internal PropertyReader(ReadOnlySpan<byte> properties, ulong allowed, bool identifiersRepeat = false)
    {
        _reader = new ByteReader(properties);
        _total = properties.Length;
        _allowed = allowed;
        _identifiersRepeat = identifiersRepeat;
        _seen = 0;
    }

    /// <summary>Reads properties that were judged before.</summary>
    /// <param name="properties">Encoded properties without their length.</param>
    public PropertyReader(ReadOnlySpan<byte> properties)
        : this(properties, ulong.MaxValue, identifiersRepeat: true)
    {
    }

    /// <summary>Why the last <see cref="TryRead"/> returned false: the end (ok), or a fault.</summary>
    public ParseVerdict Verdict { get; private set; }

    /// <summary>Identifier of the current property.</summary>
    public PropertyId Id { get; private set; }

    /// <summary>Value of a numeric property.</summary>
    public uint Number { get; private set; }

    /// <summary>Value of a string or binary property; the value half of a User Property.</summary>
    public ReadOnlySpan<byte> Data { get; private set; }

    /// <summary>Name half of a User Property.</summary>
    public ReadOnlySpan<byte> Name { get; private set; }

    /// <summary>The current <see cref="Data"/> as text.</summary>
    public readonly string Text => Encoding.UTF8.GetString(Data);

    /// <summary>The current User Property as text.</summary>
    public readonly UserProperty Pair => new(Encoding.UTF8.GetString(Name), Encoding.UTF8.GetString(Data));

    /// <summary>Bytes read so far: the current property ends here.</summary>
    internal readonly int Position => _total - _reader.Rest.Length;

    internal static ulong Bit(PropertyId id) => 1UL << (byte)id;

    /// <summary>Cuts the property section off a packet's body.</summary>
    internal static ParseVerdict TryOpen(scoped ref ByteReader body, out ReadOnlySpan<byte> properties)
    {
        properties = default;
        if (!body.TryReadVariable(out var length))
        {
            return ParseVerdict.Malformed("property length missing or badly formed");
        }

        return body.TryReadSlice(length, out properties)
            ? ParseVerdict.Ok
            : ParseVerdict.Malformed("property length goes beyond the packet");
    }

    /// <summary>Moves to the next property.</summary>
    /// <returns>False at the end and at a fault: look at <see cref="Verdict"/>.</returns>
    public bool TryRead()
    {
        if (!_reader.TryReadByte(out var id))
        {
            return false;
        }

        if (id > (byte)PropertyId.SharedSubscriptionAvailable || (_allowed & (1UL << id)) == 0)
        {
            return Fail(ParseVerdict.Malformed("property unknown or not valid in this packet"));
        }

        Id = (PropertyId)id;
        var bit = 1UL << id;
        if ((_seen & bit) != 0 && Id != PropertyId.UserProperty && !(_identifiersRepeat && Id == PropertyId.SubscriptionIdentifier))
        {
            return Fail(ParseVerdict.ProtocolError("property given more than once"));
        }

        _seen |= bit;
        return Id switch
        {
            PropertyId.PayloadFormatIndicator or PropertyId.RequestProblemInformation or PropertyId.RequestResponseInformation
                or PropertyId.MaximumQoS or PropertyId.RetainAvailable or PropertyId.WildcardSubscriptionAvailable
                or PropertyId.SubscriptionIdentifierAvailable or PropertyId.SharedSubscriptionAvailable => ReadFlag(),
            PropertyId.ServerKeepAlive or PropertyId.ReceiveMaximum or PropertyId.TopicAliasMaximum or PropertyId.TopicAlias => ReadTwoBytes(),
            PropertyId.MessageExpiryInterval or PropertyId.SessionExpiryInterval or PropertyId.WillDelayInterval
                or PropertyId.MaximumPacketSize => ReadFourBytes(),
            PropertyId.SubscriptionIdentifier => ReadVariable(),
            PropertyId.ContentType or PropertyId.ResponseTopic or PropertyId.AssignedClientIdentifier or PropertyId.AuthenticationMethod
                or PropertyId.ResponseInformation or PropertyId.ServerReference or PropertyId.ReasonString => ReadText(),
            PropertyId.CorrelationData or PropertyId.AuthenticationData => ReadBinary(),
            PropertyId.UserProperty => ReadPair(),
            _ => Fail(ParseVerdict.Malformed("property unknown or not valid in this packet")),
        };
    }

    private bool Fail(ParseVerdict verdict)
    {
        Verdict = verdict;
        return false;
    }

    private bool ReadFlag()
    {
        if (!_reader.TryReadByte(out var value))
        {
            return Fail(ParseVerdict.Malformed("property value cut short"));
        }

        Number = value;
        return value <= 1 || Fail(ParseVerdict.ProtocolError("property value must be 0 or 1"));
    }

    private bool ReadTwoBytes()
    {
        if (!_reader.TryReadUInt16(out var value))
        {
            return Fail(ParseVerdict.Malformed("property value cut short"));
        }

        Number = value;
        if (value != 0)
        {
            return true;
        }

        return Id switch
        {
            PropertyId.ReceiveMaximum => Fail(ParseVerdict.ProtocolError("receive maximum 0")),
            PropertyId.TopicAlias => Fail(ParseVerdict.Fail(ReasonCode.TopicAliasInvalid, "topic alias 0")), // [MQTT-3.3.2-8]
            _ => true,
        };
    }

    private bool ReadFourBytes()
    {
        if (!_reader.TryReadUInt32(out var value))
        {
            return Fail(ParseVerdict.Malformed("property value cut short"));
        }

        Number = value;
        return value != 0 || Id != PropertyId.MaximumPacketSize || Fail(ParseVerdict.ProtocolError("maximum packet size 0"));
    }

    private bool ReadVariable()
    {
        if (!_reader.TryReadVariable(out var value))
        {
            return Fail(ParseVerdict.Malformed("property value cut short or badly formed"));
        }

        Number = (uint)value;
        return value != 0 || Fail(ParseVerdict.ProtocolError("subscription identifier 0"));
    }

    private bool ReadText()
    {
        if (!ReadBinary())
        {
            return false;
        }

        if (!Utf8Text.IsAllowed(Data))
        {
            return Fail(ParseVerdict.Malformed("property text is not UTF-8 as section 1.5.4 says"));
        }

        // A Response Topic is a topic name: it has no wildcards [MQTT-3.3.2-14].
        return Id != PropertyId.ResponseTopic || (!Data.IsEmpty && Data.IndexOfAny((byte)'+', (byte)'#') < 0)
            || Fail(ParseVerdict.ProtocolError("response topic empty or with a wildcard"));
    }

    private bool ReadBinary()
    {
        var read = _reader.TryReadBinary(out var data);
        Data = data;
        return read || Fail(ParseVerdict.Malformed("property value cut short"));
    }

    private bool ReadPair()
    {
        if (!_reader.TryReadBinary(out var name) || !_reader.TryReadBinary(out var value))
        {
            return Fail(ParseVerdict.Malformed("property value cut short"));
        }

        Name = name;
        Data = value;
        return (Utf8Text.IsAllowed(name) && Utf8Text.IsAllowed(value))
            || Fail(ParseVerdict.Malformed("property text is not UTF-8 as section 1.5.4 says"));
    }
}
