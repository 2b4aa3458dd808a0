using System.Globalization;
using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Tests.Packets;

/// <summary>Every property in every packet, against MQTT 5.0 table 2-4.</summary>
public sealed class PropertyTests
{
    private static readonly Dictionary<PropertyId, string> Values = new()
    {
        [PropertyId.PayloadFormatIndicator] = "01",
        [PropertyId.MessageExpiryInterval] = "00000001",
        [PropertyId.ContentType] = "s:x",
        [PropertyId.ResponseTopic] = "s:x",
        [PropertyId.CorrelationData] = "0001 FF",
        [PropertyId.SubscriptionIdentifier] = "01",
        [PropertyId.SessionExpiryInterval] = "00000001",
        [PropertyId.AssignedClientIdentifier] = "s:x",
        [PropertyId.ServerKeepAlive] = "0001",
        [PropertyId.AuthenticationMethod] = "s:x",
        [PropertyId.AuthenticationData] = "0001 FF",
        [PropertyId.RequestProblemInformation] = "01",
        [PropertyId.WillDelayInterval] = "00000001",
        [PropertyId.RequestResponseInformation] = "01",
        [PropertyId.ResponseInformation] = "s:x",
        [PropertyId.ServerReference] = "s:x",
        [PropertyId.ReasonString] = "s:x",
        [PropertyId.ReceiveMaximum] = "0001",
        [PropertyId.TopicAliasMaximum] = "0001",
        [PropertyId.TopicAlias] = "0001",
        [PropertyId.MaximumQoS] = "01",
        [PropertyId.RetainAvailable] = "01",
        [PropertyId.UserProperty] = "s:x s:y",
        [PropertyId.MaximumPacketSize] = "00000001",
        [PropertyId.WildcardSubscriptionAvailable] = "01",
        [PropertyId.SubscriptionIdentifierAvailable] = "01",
        [PropertyId.SharedSubscriptionAvailable] = "01",
    };

    // Name, packet with the place of the properties, identifiers of table 2-4 (User Property, 26, is in all of them).
    private static readonly (string Name, string Packet, string Allowed)[] Homes =
    [
        ("CONNECT", "10 * s:MQTT 05 02 003C p( {0} ) s:c", "11 15 16 17 19 21 22 27"),
        ("will", "10 * s:MQTT 05 06 003C p( ) s:c p( {0} ) s:w s:x", "01 02 03 08 09 18"),
        ("CONNACK", "20 * 00 00 p( {0} )", "11 12 13 15 16 1A 1C 1F 21 22 24 25 27 28 29 2A"),
        ("PUBLISH", "30 * s:a p( {0} ) 'x'", "01 02 03 08 09 0B 23"),
        ("PUBACK", "40 * 0001 00 p( {0} )", "1F"),
        ("PUBREC", "50 * 0001 00 p( {0} )", "1F"),
        ("PUBREL", "62 * 0001 00 p( {0} )", "1F"),
        ("PUBCOMP", "70 * 0001 00 p( {0} )", "1F"),
        ("SUBSCRIBE", "82 * 0001 p( {0} ) s:a 00", "0B"),
        ("SUBACK", "90 * 0001 p( {0} ) 00", "1F"),
        ("UNSUBSCRIBE", "A2 * 0001 p( {0} ) s:a", ""),
        ("UNSUBACK", "B0 * 0001 p( {0} ) 00", "1F"),
        ("DISCONNECT", "E0 * 00 p( {0} )", "11 1C 1F"),
        ("AUTH", "F0 * 18 p( {0} )", "15 16 1F"),
    ];

    [Fact]
    public void Every_property_is_judged_when_in_any_packet()
    {
        foreach (var (name, packet, allowed) in Homes)
        {
            for (var id = 0; id < 256; id++)
            {
                var text = id.ToString("X2", CultureInfo.InvariantCulture);
                var known = Values.TryGetValue((PropertyId)id, out var value);
                var one = id < 128 ? $"{text} {value}" : $"{text}01 {value}";
                var fits = known && (id == 0x26 || allowed.Split(' ').Contains(text, StringComparer.Ordinal));
                var verdict = Judge(packet, one);
                if (!fits)
                {
                    verdict.ShouldBe("81", $"{name}: property {text} does not belong there");
                    continue;
                }

                // Authentication Data needs a method and AUTH always does: an extra rule, not the table's.
                var companion = (name is "AUTH" && id != 0x15) || (name is "CONNECT" && id == 0x16) ? "15 s:m " : "";
                Judge(packet, companion + one).ShouldBe("ok", $"{name}: property {text}");
                var repeats = id == 0x26 || (id == 0x0B && name == "PUBLISH");
                Judge(packet, companion + one + " " + one).ShouldBe(repeats ? "ok" : "82", $"{name}: property {text} twice");
                if (value!.Length > 2)
                {
                    // The value ends with its section, one byte early.
                    var whole = RawPacket.Assemble(companion + one);
                    Judge(packet, Convert.ToHexString(whole.AsSpan(0, whole.Length - 1))).ShouldBe("81", $"{name}: property {text} cut");
                }
            }
        }
    }

    private static string Judge(string packet, string properties) =>
        RawPacket.Judge(RawPacket.Assemble(string.Format(CultureInfo.InvariantCulture, packet, properties)), ProtocolVersion.V5);
}
