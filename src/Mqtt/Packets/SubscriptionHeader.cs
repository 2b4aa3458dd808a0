namespace Headwater.Mqtt.Packets;

/// <summary>Variable header that SUBSCRIBE, UNSUBSCRIBE, SUBACK and UNSUBACK share: identifier, then properties.</summary>
/// <remarks>MQTT 5.0 sections 3.8.2, 3.9.2, 3.10.2 and 3.11.2.</remarks>
internal static class SubscriptionHeader
{
    internal static ParseVerdict Read(
        ref ByteReader body,
        ProtocolVersion version,
        ulong allowed,
        out ushort packetId,
        out uint? identifier,
        out IReadOnlyList<UserProperty> pairs) =>
        Read(ref body, version, allowed, out packetId, out identifier, out pairs, out _);

    internal static ParseVerdict Read(
        ref ByteReader body,
        ProtocolVersion version,
        ulong allowed,
        out ushort packetId,
        out uint? identifier,
        out IReadOnlyList<UserProperty> pairs,
        out string? reasonString)
    {
        identifier = null;
        reasonString = null;
        pairs = [];
        if (!body.TryReadUInt16(out packetId))
        {
            return ParseVerdict.Malformed("packet identifier missing");
        }

        if (packetId == 0)
        {
            return ParseVerdict.ProtocolError("packet identifier 0"); // [MQTT-2.2.1-3]
        }

        if (version != ProtocolVersion.V5)
        {
            return ParseVerdict.Ok;
        }

        var verdict = PropertyReader.TryOpen(ref body, out var properties);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        List<UserProperty>? found = null;
        var reader = new PropertyReader(properties, allowed);
        while (reader.TryRead())
        {
            switch (reader.Id)
            {
                case PropertyId.SubscriptionIdentifier: identifier = reader.Number; break;
                case PropertyId.ReasonString: reasonString = reader.Text; break;
                default: (found ??= []).Add(reader.Pair); break;
            }
        }

        if (found is not null)
        {
            pairs = found;
        }

        return reader.Verdict;
    }
}
