using System.Buffers;
using System.Text;

namespace Headwater.Mqtt.Packets;

/// <summary>A message encoded once and written to any number of receivers of either version.</summary>
/// <remarks>
/// One array: topic name, properties passed on unaltered, payload. Writing is three copies between the stamped
/// bytes. Immutable, so it may be shared between connections, queues and the retained store.
/// </remarks>
public sealed class EncodedPublish
{
    private readonly byte[] _bytes;
    private readonly int _topicLength;
    private readonly int _payloadStart;

    private EncodedPublish(byte[] bytes, int topicLength, int payloadStart, uint? messageExpiryInterval)
    {
        _bytes = bytes;
        _topicLength = topicLength;
        _payloadStart = payloadStart;
        MessageExpiryInterval = messageExpiryInterval;
    }

    /// <summary>Topic name as UTF-8.</summary>
    public ReadOnlyMemory<byte> Topic => _bytes.AsMemory(0, _topicLength);

    /// <summary>Encoded properties that go on unaltered: no alias, no expiry, no subscription identifiers.</summary>
    public ReadOnlyMemory<byte> Properties => _bytes.AsMemory(_topicLength, _payloadStart - _topicLength);

    /// <summary>The application's bytes.</summary>
    public ReadOnlyMemory<byte> Payload => _bytes.AsMemory(_payloadStart);

    /// <summary>Seconds as the publisher gave them; null: never expires.</summary>
    public uint? MessageExpiryInterval { get; }

    /// <summary>Bytes held.</summary>
    public int Size => _bytes.Length;

    /// <summary>Copies the message out of a received packet.</summary>
    /// <param name="packet">Judged ok.</param>
    /// <param name="topic">Topic name after resolving an alias; the packet's own when that is not empty.</param>
    public static EncodedPublish From(scoped in PublishPacket packet, ReadOnlySpan<byte> topic)
    {
        var properties = packet.Properties;
        if (packet.TopicAlias == 0 && packet.MessageExpiryInterval is null && !packet.HasSubscriptionIdentifier)
        {
            return From(topic, properties, packet.Payload, messageExpiryInterval: null);
        }

        var kept = ArrayPool<byte>.Shared.Rent(properties.Length);
        var length = packet.CopyUnaltered(kept);
        var message = From(topic, kept.AsSpan(0, length), packet.Payload, packet.MessageExpiryInterval);
        ArrayPool<byte>.Shared.Return(kept);
        return message;
    }

    /// <summary>Joins parts that were judged before, e.g. read back from the database.</summary>
    /// <param name="topic">Valid topic name.</param>
    /// <param name="properties">Encoded properties as <see cref="Properties"/> gives them.</param>
    /// <param name="payload">The application's bytes.</param>
    /// <param name="messageExpiryInterval">Seconds; null: never.</param>
    public static EncodedPublish From(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> properties, ReadOnlySpan<byte> payload, uint? messageExpiryInterval)
    {
        var bytes = GC.AllocateUninitializedArray<byte>(topic.Length + properties.Length + payload.Length);
        topic.CopyTo(bytes);
        properties.CopyTo(bytes.AsSpan(topic.Length));
        payload.CopyTo(bytes.AsSpan(topic.Length + properties.Length));
        return new EncodedPublish(bytes, topic.Length, topic.Length + properties.Length, messageExpiryInterval);
    }

    /// <summary>Encodes a message of our own.</summary>
    /// <param name="topic">Valid topic name.</param>
    /// <param name="payload">The application's bytes.</param>
    /// <param name="properties">Null: none.</param>
    public static EncodedPublish Encode(string topic, ReadOnlySpan<byte> payload, PublishProperties? properties = null)
    {
        ArgumentNullException.ThrowIfNull(topic);
        var name = Encoding.UTF8.GetBytes(topic);
        if (properties is null)
        {
            return From(name, [], payload, messageExpiryInterval: null);
        }

        var writer = new PacketWriter();
        try
        {
            properties.WriteUnaltered(ref writer);
            return From(name, writer.Written, payload, properties.MessageExpiryInterval);
        }
        finally
        {
            writer.Dispose();
        }
    }

    /// <summary>Bytes of the packet that <see cref="Write"/> makes with this stamp.</summary>
    /// <param name="stamp">What differs for this transfer.</param>
    public int Measure(scoped in PublishStamp stamp) =>
        PublishPacket.Measure(_topicLength, _bytes.Length - _payloadStart, _payloadStart - _topicLength, stamp);

    /// <summary>Writes the packet for one receiver.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="stamp">What differs for this transfer; its expiry counts, not <see cref="MessageExpiryInterval"/>.</param>
    /// <returns>Bytes written.</returns>
    public int Write(IBufferWriter<byte> output, scoped in PublishStamp stamp)
    {
        var bytes = _bytes.AsSpan();
        return PublishPacket.Write(output, bytes[.._topicLength], bytes[_payloadStart..], bytes[_topicLength.._payloadStart], stamp);
    }
}
