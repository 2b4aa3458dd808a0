using System.Buffers;
using System.IO.Pipelines;
using Headwater.Mqtt.Packets;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Server;

/// <summary>One packet as it came off the wire.</summary>
internal sealed record WirePacket(PacketType Type, byte Flags, byte[] Body);

/// <summary>A PUBLISH as a client sees it.</summary>
internal sealed record ReceivedPublish(
    string Topic, string Payload, QualityOfService QualityOfService, ushort PacketId, bool Retain, bool Duplicate, uint? Expiry, uint[] Identifiers,
    PublishProperties? Properties);

/// <summary>The other end of a connection: writes and reads packets, does nothing by itself.</summary>
internal sealed class TestClient(ProtocolVersion version, PipeReader input, PipeWriter output, Task served)
{
    private Task<WirePacket?>? _next;

    internal ProtocolVersion Version => version;

    /// <summary>Completes when the server has done with the connection.</summary>
    internal Task Served => served;

    internal ConnAckPacket ConnAck { get; set; } = new();

    internal async Task SendAsync(Action<IBufferWriter<byte>> write)
    {
        write(output);
        await output.FlushAsync().AsTask().Within();
    }

    internal Task SendAsync(params byte[] bytes) => SendAsync(o => o.Write(bytes));

    internal Task PublishAsync(
        string topic, string payload, QualityOfService level = QualityOfService.AtMostOnce, ushort id = 0, bool retain = false, bool duplicate = false,
        PublishProperties? properties = null, ushort alias = 0, bool omitTopic = false) =>
        SendAsync(o => WritePublish(o, topic, payload, level, id, retain, duplicate, properties, alias, omitTopic));

    internal void WritePublish(
        IBufferWriter<byte> o, string topic, string payload, QualityOfService level, ushort id, bool retain = false, bool duplicate = false,
        PublishProperties? properties = null, ushort alias = 0, bool omitTopic = false) =>
        EncodedPublish.Encode(topic, System.Text.Encoding.UTF8.GetBytes(payload), properties).Write(o, new PublishStamp
        {
            Version = version,
            QualityOfService = level,
            PacketId = id,
            Retain = retain,
            Duplicate = duplicate,
            MessageExpiryInterval = properties?.MessageExpiryInterval,
            TopicAlias = alias,
            OmitTopic = omitTopic,
        });

    internal async Task<SubAckPacket> SubscribeAsync(params TopicSubscription[] filters) => await SubscribeAsync((uint?)null, filters);

    internal Task<SubAckPacket> SubscribeAsync(string filter, QualityOfService level = QualityOfService.AtMostOnce) => SubscribeAsync((uint?)null, new TopicSubscription(filter, level));

    internal async Task<SubAckPacket> SubscribeAsync(uint? identifier, params TopicSubscription[] filters)
    {
        await SendSubscribeAsync(identifier, filters);
        return await ReceiveSubAckAsync();
    }

    internal Task SendSubscribeAsync(uint? identifier, params TopicSubscription[] filters) =>
        SendAsync(o => SubscribePacket.Write(o, new SubscribePacket { PacketId = 9, Subscriptions = filters, SubscriptionIdentifier = identifier }, version));

    internal async Task<SubAckPacket> ReceiveSubAckAsync()
    {
        var packet = await ReceiveAsync(PacketType.SubAck);
        SubAckPacket.TryParse(packet.Body, version, out var subAck).IsOk.ShouldBeTrue();
        return subAck!;
    }

    internal async Task<UnsubAckPacket> UnsubscribeAsync(params string[] filters)
    {
        await SendAsync(o => UnsubscribePacket.Write(o, new UnsubscribePacket { PacketId = 10, Filters = filters }, version));
        var packet = await ReceiveAsync(PacketType.UnsubAck);
        UnsubAckPacket.TryParse(packet.Body, version, out var unsubAck).IsOk.ShouldBeTrue();
        return unsubAck!;
    }

    internal Task AcknowledgeAsync(PacketType type, ushort id, ReasonCode reason = ReasonCode.Success) => SendAsync(o => AcknowledgementPacket.Write(o, type, id, version, reason));

    internal async Task<ConnAckPacket> ReceiveConnAckAsync()
    {
        var packet = await ReceiveAsync(PacketType.ConnAck);
        ConnAckPacket.TryParse(packet.Body, version, out var connAck).IsOk.ShouldBeTrue();
        return connAck!;
    }

    internal async Task<ReceivedPublish> ReceivePublishAsync() => ToPublish(await ReceiveAsync(PacketType.Publish));

    internal async Task<(ushort Id, ReasonCode Reason, string? Words)> ReceiveAcknowledgementAsync(PacketType type)
    {
        var packet = await ReceiveAsync(type);
        AcknowledgementPacket.TryParse(type, packet.Body, version, out var acknowledgement).IsOk.ShouldBeTrue();
        return (acknowledgement.PacketId, acknowledgement.Reason, acknowledgement.ReadReasonString());
    }

    internal async Task<DisconnectPacket> ReceiveDisconnectAsync()
    {
        var packet = await ReceiveAsync(PacketType.Disconnect);
        DisconnectPacket.TryParse(packet.Body, version, out var disconnect).IsOk.ShouldBeTrue();
        return disconnect!;
    }

    internal async Task<WirePacket> ReceiveAsync(PacketType type)
    {
        var packet = await ReceiveAsync();
        packet.ShouldNotBeNull($"the connection ended while {type} was awaited");
        packet.Type.ShouldBe(type);
        return packet;
    }

    /// <summary>The next packet, or null when the server has ended the connection.</summary>
    internal async Task<WirePacket?> ReceiveAsync()
    {
        while (true)
        {
            var result = await input.ReadAsync().AsTask().Within();
            var buffer = result.Buffer;
            if (TryTake(ref buffer, out var packet))
            {
                input.AdvanceTo(buffer.Start);
                return packet;
            }

            input.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted || result.IsCanceled) { return null; }
        }
    }

    /// <summary>The next packet, left for a later call when nobody waits for it to the end.</summary>
    internal Task<WirePacket?> NextAsync() => _next ??= ReceiveAsync();

    internal async Task<WirePacket?> TakeNextAsync()
    {
        var packet = await NextAsync();
        _next = null;
        return packet;
    }

    /// <summary>Proves that nothing is under way to this client: a ping's answer is the next packet.</summary>
    internal async Task ExpectNothingAsync()
    {
        await SendAsync(PingPacket.WriteRequest);
        var packet = await ReceiveAsync();
        packet.ShouldNotBeNull();
        packet.Type.ShouldBe(PacketType.PingResp);
    }

    /// <summary>Proves that the server has ended the connection; packets before the end are skipped.</summary>
    internal async Task ExpectClosedAsync()
    {
        while (await ReceiveAsync() is not null)
        {
            // Skipped.
        }

        await served.Within();
    }

    /// <summary>Ends the connection without a DISCONNECT, as a broken network does.</summary>
    internal async Task BreakAsync()
    {
        await output.CompleteAsync();
        await served.Within();
    }

    internal async Task DisconnectAsync(ReasonCode reason = ReasonCode.Success, uint? expiry = null)
    {
        await SendAsync(o => DisconnectPacket.Write(o, new DisconnectPacket { Reason = reason, SessionExpiryInterval = expiry }, version));
        await served.Within();
    }

    /// <summary>Half-closes: what was sent is all there will be.</summary>
    internal ValueTask CompleteAsync() => output.CompleteAsync();

    private static bool TryTake(ref ReadOnlySequence<byte> buffer, out WirePacket? packet)
    {
        byte[]? scratch = null;
        packet = null;
        if (PacketFrame.TryRead(ref buffer, int.MaxValue, ref scratch, out var frame) != ParseStatus.Complete) { return false; }
        packet = new WirePacket(frame.Type, frame.Flags, frame.Body.ToArray());
        PacketFrame.ReturnScratch(ref scratch);
        return true;
    }

    private ReceivedPublish ToPublish(WirePacket packet)
    {
        PublishPacket.TryParse(packet.Body, packet.Flags, version, out var publish).IsOk.ShouldBeTrue();
        return new ReceivedPublish(
            System.Text.Encoding.UTF8.GetString(publish.Topic), System.Text.Encoding.UTF8.GetString(publish.Payload), publish.QualityOfService,
            publish.PacketId, publish.Retain, publish.Duplicate, publish.MessageExpiryInterval, publish.ReadSubscriptionIdentifiers(), publish.ReadProperties());
    }
}
