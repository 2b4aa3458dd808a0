using System.Buffers;
using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Tests.Packets;

public sealed class FrameTests
{
    [Fact]
    public void Flags_are_judged_for_every_type_when_the_first_byte_is_there()
    {
        for (var first = 0; first < 256; first++)
        {
            var flags = first & 0x0F;
            var right = (first >> 4) switch
            {
                0 => false,
                3 => (flags & 0b0110) != 0b0110,
                6 or 8 or 10 => flags == 2,
                _ => flags == 0,
            };
            PacketFrame.TryRead([(byte)first], 1000, out _).ShouldBe(right ? ParseStatus.NeedMore : ParseStatus.Malformed, $"[MQTT-2.1.3-1] {first:X2}");
        }
    }

    [Theory]
    [InlineData(0, "00")]
    [InlineData(127, "7F")]
    [InlineData(128, "8001")]
    [InlineData(16_383, "FF7F")]
    [InlineData(16_384, "808001")]
    [InlineData(2_097_151, "FFFF7F")]
    [InlineData(2_097_152, "80808001")]
    [InlineData(268_435_455, "FFFFFF7F")]
    public void Length_is_as_in_table_1_1_when_written_and_read(int value, string hex)
    {
        var bytes = new byte[4];
        var digits = RemainingLength.Write(bytes, value);
        Convert.ToHexString(bytes, 0, digits).ShouldBe(hex);
        RemainingLength.Measure(value).ShouldBe(digits);
        RemainingLength.TryRead(bytes.AsSpan(0, digits), out var read, out var used).ShouldBe(ParseStatus.Complete);
        (read, used).ShouldBe((value, digits));
        Should.Throw<ArgumentOutOfRangeException>(() => RemainingLength.Write(bytes, 268_435_456));
    }

    [Fact]
    public void Size_is_judged_when_only_the_header_is_there()
    {
        PacketFrame.TryRead([0x30, 98], 100, out _).ShouldBe(ParseStatus.NeedMore);
        PacketFrame.TryRead([0x30, 99], 100, out _).ShouldBe(ParseStatus.TooLarge);
    }

    [Fact]
    public void Packets_are_the_same_when_the_buffer_is_cut_anywhere()
    {
        var stream = new ArrayBufferWriter<byte>();
        var lengths = new List<int>();
        foreach (var (_, packet) in Samples.All)
        {
            stream.Write(packet);
            lengths.Add(packet.Length);
        }

        var bytes = stream.WrittenSpan.ToArray();
        byte[]? scratch = null;
        for (var cut = 1; cut < bytes.Length; cut++)
        {
            // Three segments: the second is one byte, so headers are torn apart too.
            var sequence = Segment.Sequence(bytes.AsMemory(0, cut), bytes.AsMemory(cut, 1), bytes.AsMemory(cut + 1));
            var at = 0;
            foreach (var length in lengths)
            {
                PacketFrame.TryRead(ref sequence, 1 << 20, ref scratch, out var frame).ShouldBe(ParseStatus.Complete);
                PacketFrame.TryRead(bytes.AsSpan(at), 1 << 20, out var whole).ShouldBe(ParseStatus.Complete);
                frame.TotalLength.ShouldBe(length);
                ((byte)frame.Type, frame.Flags).ShouldBe(((byte)whole.Type, whole.Flags));
                frame.Body.SequenceEqual(whole.Body).ShouldBeTrue();
                at += length;
            }

            sequence.IsEmpty.ShouldBeTrue();
        }

        PacketFrame.ReturnScratch(ref scratch);
        scratch.ShouldBeNull();
    }

    [Fact]
    public void Nothing_is_rented_when_a_declared_length_has_not_arrived()
    {
        byte[]? scratch = null;
        var sequence = Segment.Sequence(new byte[] { 0x30, 0xFF }, new byte[] { 0xFF }, new byte[] { 0x7F, 0 });
        PacketFrame.TryRead(ref sequence, int.MaxValue, ref scratch, out _).ShouldBe(ParseStatus.NeedMore);
        scratch.ShouldBeNull();
        sequence.Length.ShouldBe(5);
    }

    [Fact]
    public void Every_strict_beginning_asks_for_more_when_a_packet_is_cut()
    {
        foreach (var (version, packet) in Samples.All)
        {
            for (var length = 0; length < packet.Length; length++)
            {
                RawPacket.Judge(packet.AsSpan(0, length), version).ShouldBe("more");
            }
        }
    }

    [Fact]
    public void Body_is_refused_when_cut_or_extended_under_a_right_length()
    {
        foreach (var (version, packet) in Samples.All)
        {
            var type = (PacketType)(packet[0] >> 4);
            var body = RawPacket.BodyOf(packet);

            // These have an end that may be left out or a list that may be shorter.
            var open = type is PacketType.Publish or PacketType.SubAck or PacketType.UnsubAck or PacketType.Disconnect or PacketType.Auth
                or PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp or PacketType.Subscribe or PacketType.Unsubscribe;
            for (var length = 0; length < body.Length; length++)
            {
                var verdict = RawPacket.Judge(RawPacket.WithBody(packet[0], body[..length]), version);
                if (!open)
                {
                    (verdict is "ok").ShouldBeFalse($"{type} {version} cut to {length}");
                }
            }

            // A zero behind these is payload, one more reason code, or an empty property section.
            var takesZero = type is PacketType.Publish or PacketType.SubAck or PacketType.UnsubAck || (version == ProtocolVersion.V5 && body.Length == 3);
            if (!takesZero)
            {
                (RawPacket.Judge(RawPacket.WithBody(packet[0], [.. body, 0]), version) is "ok").ShouldBeFalse($"{type} {version} extended");
            }
        }
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        internal static ReadOnlySequence<byte> Sequence(params ReadOnlyMemory<byte>[] parts)
        {
            var first = new Segment { Memory = parts[0] };
            var last = first;
            foreach (var part in parts.Skip(1))
            {
                var next = new Segment { Memory = part, RunningIndex = last.RunningIndex + last.Memory.Length };
                last.Next = next;
                last = next;
            }

            return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
        }
    }
}
