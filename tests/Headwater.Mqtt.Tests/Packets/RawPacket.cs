using System.Buffers;
using System.Globalization;
using System.Text;
using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Tests.Packets;

/// <summary>Writes packets down as a standard's reader would: hex bytes, <c>s:text</c> (length and UTF-8), <c>'text'</c>, <c>*</c> (length of all that follows), <c>p(...)</c> (property section).</summary>
internal static class RawPacket
{
    internal static byte[] Assemble(string notation)
    {
        var tokens = notation.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var at = 0;
        return Assemble(tokens, ref at);
    }

    /// <summary>The verdict on a whole packet: ok, more, malformed, large, or the reason's number.</summary>
    internal static string Judge(ReadOnlySpan<byte> bytes, ProtocolVersion version)
    {
        var status = PacketFrame.TryRead(bytes, 1024 * 1024, out var frame);
        if (status != ParseStatus.Complete)
        {
            return status switch { ParseStatus.NeedMore => "more", ParseStatus.TooLarge => "large", _ => "81" };
        }

        frame.TotalLength.ShouldBeLessThanOrEqualTo(bytes.Length);
        var verdict = Parse(frame, version);
        if (verdict.IsOk)
        {
            verdict.Reason.ShouldBe(ReasonCode.Success);
            return "ok";
        }

        verdict.Explanation.ShouldNotBeNullOrEmpty();
        ((byte)verdict.Reason).ShouldBeGreaterThanOrEqualTo((byte)0x80);
        return ((byte)verdict.Reason).ToString("X2", CultureInfo.InvariantCulture);
    }

    internal static ParseVerdict Parse(scoped in PacketFrame frame, ProtocolVersion version)
    {
        switch (frame.Type)
        {
            case PacketType.Connect:
                _ = ConnectPacket.PeekVersion(frame.Body);
                return ConnectPacket.TryParse(frame.Body, out _);
            case PacketType.ConnAck:
                return ConnAckPacket.TryParse(frame.Body, version, out _);
            case PacketType.Publish:
                var verdict = PublishPacket.TryParse(frame.Body, frame.Flags, version, out var publish);
                if (verdict.IsOk)
                {
                    _ = publish.ReadProperties();
                    _ = publish.ReadSubscriptionIdentifiers();
                    var again = EncodedPublish.From(publish, publish.Topic);
                    again.Payload.Span.SequenceEqual(publish.Payload).ShouldBeTrue();
                }

                return verdict;
            case PacketType.Subscribe:
                return SubscribePacket.TryParse(frame.Body, version, out _);
            case PacketType.SubAck:
                return SubAckPacket.TryParse(frame.Body, version, out _);
            case PacketType.Unsubscribe:
                return UnsubscribePacket.TryParse(frame.Body, version, out _);
            case PacketType.UnsubAck:
                return UnsubAckPacket.TryParse(frame.Body, version, out _);
            case PacketType.PingReq or PacketType.PingResp:
                return PingPacket.TryParse(frame.Body);
            case PacketType.Disconnect:
                return DisconnectPacket.TryParse(frame.Body, version, out _);
            case PacketType.Auth:
                return AuthPacket.TryParse(frame.Body, version, out _);
            default:
                var judged = AcknowledgementPacket.TryParse(frame.Type, frame.Body, version, out var acknowledgement);
                _ = acknowledgement.ReadReasonString();
                return judged;
        }
    }

    /// <summary>Type and flags, then the right length for the body.</summary>
    internal static byte[] WithBody(byte first, ReadOnlySpan<byte> body)
    {
        var output = new ArrayBufferWriter<byte>();
        output.Write([first]);
        output.Advance(RemainingLength.Write(output.GetSpan(4), body.Length));
        output.Write(body);
        return output.WrittenSpan.ToArray();
    }

    internal static ReadOnlySpan<byte> BodyOf(byte[] packet)
    {
        PacketFrame.TryRead(packet, int.MaxValue, out var frame).ShouldBe(ParseStatus.Complete);
        return frame.Body;
    }

    private static byte[] Assemble(string[] tokens, ref int at)
    {
        var bytes = new List<byte>();
        while (at < tokens.Length)
        {
            var token = tokens[at++];
            switch (token)
            {
                case ")":
                    return [.. bytes];
                case "*":
                    AddWithLength(bytes, Assemble(tokens, ref at));
                    break;
                case "p(":
                    AddWithLength(bytes, Assemble(tokens, ref at));
                    break;
                case ['s', ':', .. var text]:
                    var utf8 = Encoding.UTF8.GetBytes(text);
                    bytes.AddRange([(byte)(utf8.Length >> 8), (byte)utf8.Length, .. utf8]);
                    break;
                case ['\'', .. var raw, '\'']:
                    bytes.AddRange(Encoding.UTF8.GetBytes(raw));
                    break;
                default:
                    bytes.AddRange(Convert.FromHexString(token));
                    break;
            }
        }

        return [.. bytes];
    }

    private static void AddWithLength(List<byte> bytes, byte[] rest)
    {
        var length = new byte[4];
        var digits = RemainingLength.Write(length, rest.Length);
        bytes.AddRange(length[..digits]);
        bytes.AddRange(rest);
    }
}
