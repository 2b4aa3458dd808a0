using System.Buffers;
using System.Text;
using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Tests.Packets;

public sealed class RoundTripTests
{
    private static readonly UserProperty[] Pairs = [new("a", "1"), new("a", "2"), new("ключ", "값")];

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public void Connect_is_the_same_when_written_and_read(ProtocolVersion version)
    {
        var five = version == ProtocolVersion.V5;
        var packet = new ConnectPacket
        {
            Version = version,
            ClientId = "meter_3105",
            CleanStart = true,
            KeepAlive = 600,
            UserName = "",
            Password = new byte[] { 0, 255 },
            SessionExpiryInterval = five ? 3600u : 0,
            ReceiveMaximum = five ? (ushort)20 : ushort.MaxValue,
            MaximumPacketSize = five ? 65_536u : null,
            TopicAliasMaximum = five ? (ushort)7 : (ushort)0,
            RequestResponseInformation = five,
            RequestProblemInformation = !five,
            AuthenticationMethod = five ? "SCRAM" : null,
            Will = new WillMessage
            {
                Topic = "hw/v1/meter_3105/up/state",
                Payload = "offline"u8.ToArray(),
                QualityOfService = QualityOfService.ExactlyOnce,
                Retain = true,
                DelayInterval = five ? 30u : 0,
            },
        };
        ConnectPacket.TryParse(Body(output => ConnectPacket.Write(output, packet), PacketType.Connect), out var read).ShouldBe(ParseVerdict.Ok);
        read.ShouldNotBeNull();
        read.Password!.Value.ToArray().ShouldBe([0, 255]);
        Encoding.UTF8.GetString(read.Will!.Payload.Span).ShouldBe("offline");
        (read with { Password = packet.Password, Will = read.Will with { Payload = packet.Will.Payload }, UserProperties = packet.UserProperties }).ShouldBe(packet);
        read.ToString().ShouldNotContain("255");
    }

    [Fact]
    public void Connack_is_the_same_when_written_and_read()
    {
        var packet = new ConnAckPacket
        {
            SessionPresent = true,
            SessionExpiryInterval = 60,
            ReceiveMaximum = 5,
            MaximumQoS = QualityOfService.AtLeastOnce,
            RetainAvailable = false,
            MaximumPacketSize = 1000,
            AssignedClientIdentifier = "auto",
            TopicAliasMaximum = 3,
            ReasonString = "welcome",
            WildcardSubscriptionAvailable = false,
            SubscriptionIdentifierAvailable = false,
            SharedSubscriptionAvailable = false,
            ServerKeepAlive = 30,
            ResponseInformation = "r",
            ServerReference = "other",
            AuthenticationMethod = "m",
            UserProperties = Pairs,
        };
        ConnAckPacket.TryParse(Body(output => ConnAckPacket.Write(output, packet, ProtocolVersion.V5), PacketType.ConnAck), ProtocolVersion.V5, out var read).ShouldBe(ParseVerdict.Ok);
        read!.UserProperties.ShouldBe(Pairs);
        (read with { UserProperties = Pairs }).ShouldBe(packet);
    }

    [Theory]
    [InlineData(ReasonCode.Success, 0)]
    [InlineData(ReasonCode.UnsupportedProtocolVersion, 1)]
    [InlineData(ReasonCode.ClientIdentifierNotValid, 2)]
    [InlineData(ReasonCode.ServerBusy, 3)]
    [InlineData(ReasonCode.BadUserNameOrPassword, 4)]
    [InlineData(ReasonCode.NotAuthorized, 5)]
    public void Refusal_has_its_return_code_when_written_for_3_1_1(ReasonCode reason, byte code) =>
        Bytes(output => ConnAckPacket.Write(output, new ConnAckPacket { Reason = reason, SessionPresent = true }, ProtocolVersion.V311))
            .ShouldBe([0x20, 2, reason == ReasonCode.Success ? (byte)1 : (byte)0, code]);

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public void Subscribe_and_its_answers_are_the_same_when_written_and_read(ProtocolVersion version)
    {
        var five = version == ProtocolVersion.V5;
        var subscribe = new SubscribePacket
        {
            PacketId = 7,
            SubscriptionIdentifier = five ? 268_435_455u : null,
            UserProperties = five ? Pairs : [],
            Subscriptions = [new("a/+", QualityOfService.ExactlyOnce, NoLocal: five, RetainAsPublished: five, five ? RetainHandling.DoNotSend : RetainHandling.SendAlways), new("$share/g/#")],
        };
        SubscribePacket.TryParse(Body(output => SubscribePacket.Write(output, subscribe, version), PacketType.Subscribe), version, out var read).ShouldBe(ParseVerdict.Ok);
        read!.Subscriptions.ShouldBe(subscribe.Subscriptions);
        (read.PacketId, read.SubscriptionIdentifier).ShouldBe((subscribe.PacketId, subscribe.SubscriptionIdentifier));
        read.UserProperties.ShouldBe(subscribe.UserProperties);

        var suback = new SubAckPacket { PacketId = 7, Reasons = [ReasonCode.GrantedQoS2, ReasonCode.NotAuthorized], ReasonString = five ? "no" : null };
        SubAckPacket.TryParse(Body(output => SubAckPacket.Write(output, suback, version), PacketType.SubAck), version, out var answer).ShouldBe(ParseVerdict.Ok);
        answer!.Reasons.ShouldBe([ReasonCode.GrantedQoS2, five ? ReasonCode.NotAuthorized : ReasonCode.UnspecifiedError]);
        answer.ReasonString.ShouldBe(suback.ReasonString);

        var unsubscribe = new UnsubscribePacket { PacketId = 8, Filters = ["a/+", "b"] };
        UnsubscribePacket.TryParse(Body(output => UnsubscribePacket.Write(output, unsubscribe, version), PacketType.Unsubscribe), version, out var left).ShouldBe(ParseVerdict.Ok);
        left!.Filters.ShouldBe(unsubscribe.Filters);

        var unsuback = new UnsubAckPacket { PacketId = 8, Reasons = [ReasonCode.Success, ReasonCode.NoSubscriptionExisted] };
        UnsubAckPacket.TryParse(Body(output => UnsubAckPacket.Write(output, unsuback, version), PacketType.UnsubAck), version, out var gone).ShouldBe(ParseVerdict.Ok);
        gone!.Reasons.Count.ShouldBe(five ? 2 : 0);
    }

    [Fact]
    public void Disconnect_and_auth_are_the_same_when_written_and_read()
    {
        var disconnect = new DisconnectPacket { Reason = ReasonCode.ServerMoved, SessionExpiryInterval = 0, ReasonString = "moved", ServerReference = "there", UserProperties = Pairs };
        DisconnectPacket.TryParse(Body(output => DisconnectPacket.Write(output, disconnect, ProtocolVersion.V5), PacketType.Disconnect), ProtocolVersion.V5, out var read).ShouldBe(ParseVerdict.Ok);
        (read! with { UserProperties = Pairs }).ShouldBe(disconnect);
        Bytes(output => DisconnectPacket.Write(output, disconnect, ProtocolVersion.V311)).ShouldBe([0xE0, 0]);
        Bytes(output => DisconnectPacket.Write(output, new DisconnectPacket(), ProtocolVersion.V5)).ShouldBe([0xE0, 0]);

        var auth = new AuthPacket { Reason = ReasonCode.ContinueAuthentication, Method = "m", ReasonString = "go" };
        AuthPacket.TryParse(Body(output => AuthPacket.Write(output, auth), PacketType.Auth), ProtocolVersion.V5, out var step).ShouldBe(ParseVerdict.Ok);
        (step! with { UserProperties = auth.UserProperties }).ShouldBe(auth);
    }

    [Theory]
    [InlineData(PacketType.PubAck, 0x40)]
    [InlineData(PacketType.PubRec, 0x50)]
    [InlineData(PacketType.PubRel, 0x62)]
    [InlineData(PacketType.PubComp, 0x70)]
    public void Acknowledgement_is_shortest_when_there_is_nothing_to_say(PacketType type, byte first)
    {
        Bytes(output => AcknowledgementPacket.Write(output, type, 258, ProtocolVersion.V5)).ShouldBe([first, 2, 1, 2]);
        Bytes(output => AcknowledgementPacket.Write(output, type, 258, ProtocolVersion.V311, ReasonCode.NotAuthorized, "not said")).ShouldBe([first, 2, 1, 2]);
        Bytes(output => AcknowledgementPacket.Write(output, type, 258, ProtocolVersion.V5, ReasonCode.PacketIdentifierNotFound)).ShouldBe([first, 3, 1, 2, 0x92]);
        var reason = type is PacketType.PubAck or PacketType.PubRec ? ReasonCode.NotAuthorized : ReasonCode.PacketIdentifierNotFound;
        var body = Body(output => AcknowledgementPacket.Write(output, type, 258, ProtocolVersion.V5, reason, "why"), type);
        AcknowledgementPacket.TryParse(type, body, ProtocolVersion.V5, out var packet).ShouldBe(ParseVerdict.Ok);
        (packet.PacketId, packet.Reason, packet.ReadReasonString()).ShouldBe(((ushort)258, reason, "why"));
    }

    [Fact]
    public void Publish_reaches_every_subscriber_right_when_encoded_once()
    {
        var properties = new PublishProperties
        {
            PayloadIsText = true,
            MessageExpiryInterval = 60,
            ContentType = "json",
            ResponseTopic = "r",
            CorrelationData = new byte[] { 1 },
            UserProperties = Pairs,
        };
        var message = EncodedPublish.Encode("a/é", "payload"u8, properties);
        foreach (var version in Enum.GetValues<ProtocolVersion>())
        {
            foreach (var qos in Enum.GetValues<QualityOfService>())
            {
                var stamp = new PublishStamp
                {
                    Version = version,
                    QualityOfService = qos,
                    PacketId = 9,
                    Duplicate = qos != QualityOfService.AtMostOnce,
                    Retain = true,
                    MessageExpiryInterval = 55,
                    SubscriptionIdentifiers = [1, 300],
                };
                var output = new ArrayBufferWriter<byte>();
                message.Write(output, stamp).ShouldBe(output.WrittenCount);
                message.Measure(stamp).ShouldBe(output.WrittenCount);
                PacketFrame.TryRead(output.WrittenSpan, int.MaxValue, out var frame).ShouldBe(ParseStatus.Complete);
                PublishPacket.TryParse(frame.Body, frame.Flags, version, out var read).ShouldBe(ParseVerdict.Ok);
                Encoding.UTF8.GetString(read.Topic).ShouldBe("a/é");
                Encoding.UTF8.GetString(read.Payload).ShouldBe("payload");
                (read.QualityOfService, read.Retain, read.Duplicate).ShouldBe((qos, true, qos != QualityOfService.AtMostOnce));
                read.PacketId.ShouldBe(qos == QualityOfService.AtMostOnce ? (ushort)0 : (ushort)9);
                if (version == ProtocolVersion.V5)
                {
                    read.MessageExpiryInterval.ShouldBe(55u);
                    read.PayloadIsText.ShouldBeTrue();
                    read.ReadSubscriptionIdentifiers().ShouldBe([1u, 300u]);
                    Encoding.UTF8.GetString(read.ContentType).ShouldBe("json");
                    Encoding.UTF8.GetString(read.ResponseTopic).ShouldBe("r");
                    read.CorrelationData.ToArray().ShouldBe([1]);
                    read.ReadProperties()!.UserProperties.ShouldBe(Pairs);

                    // Passed on: nothing of this transfer stays, everything of the publisher's does.
                    var passed = EncodedPublish.From(read, read.Topic);
                    passed.MessageExpiryInterval.ShouldBe(55u);
                    passed.Properties.Span.SequenceEqual(message.Properties.Span).ShouldBeTrue();
                }
                else
                {
                    read.Properties.IsEmpty.ShouldBeTrue();
                }
            }
        }
    }

    [Fact]
    public void Alias_stands_for_the_topic_when_the_receiver_knows_it()
    {
        var message = EncodedPublish.Encode("a/b", "x"u8);
        var output = new ArrayBufferWriter<byte>();
        message.Write(output, new PublishStamp { Version = ProtocolVersion.V5, TopicAlias = 3, OmitTopic = true });
        output.WrittenSpan.ToArray().ShouldBe([0x30, 7, 0, 0, 3, 0x23, 0, 3, (byte)'x']);
    }

    [Fact]
    public void Parsing_a_publish_allocates_nothing()
    {
        var packet = RawPacket.Assemble("32 * s:hw/v1/meter_3105/up/read 0001 p( 01 01 02 00000E10 ) '{\"reads\":[]}'");
        var allocated = 0L;
        for (var round = 0; round < 2; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1_000; i++)
            {
                PacketFrame.TryRead(packet, 1 << 20, out var frame);
                PublishPacket.TryParse(frame.Body, frame.Flags, ProtocolVersion.V5, out _);
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        allocated.ShouldBe(0);
    }

    private static byte[] Bytes(Action<ArrayBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        return output.WrittenSpan.ToArray();
    }

    private static byte[] Body(Action<ArrayBufferWriter<byte>> write, PacketType type)
    {
        var bytes = Bytes(write);
        PacketFrame.TryRead(bytes, int.MaxValue, out var frame).ShouldBe(ParseStatus.Complete);
        frame.TotalLength.ShouldBe(bytes.Length);
        ((byte)frame.Type).ShouldBe((byte)type);
        return frame.Body.ToArray();
    }
}
