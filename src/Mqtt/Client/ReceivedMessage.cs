using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Client;

/// <summary>A message from the server; the handler's to keep.</summary>
public sealed class ReceivedMessage
{
    private readonly MqttClient _client;
    private readonly long _connection;
    private readonly ushort _packetId;
    private int _acknowledged;

    internal ReceivedMessage(MqttClient client, long connection, string topic, scoped in PublishPacket packet)
    {
        _client = client;
        _connection = connection;
        _packetId = packet.PacketId;
        Topic = topic;
        Payload = packet.Payload.ToArray();
        QualityOfService = packet.QualityOfService;
        Retain = packet.Retain;
        Duplicate = packet.Duplicate;
        Properties = packet.ReadProperties();
        SubscriptionIdentifiers = packet.ReadSubscriptionIdentifiers();
    }

    /// <summary>Topic name.</summary>
    public string Topic { get; }

    /// <summary>The application's bytes.</summary>
    public ReadOnlyMemory<byte> Payload { get; }

    /// <summary>QoS of this delivery.</summary>
    public QualityOfService QualityOfService { get; }

    /// <summary>Kept from before the subscription, or as published when Retain As Published is set.</summary>
    public bool Retain { get; }

    /// <summary>Perhaps delivered before (QoS 1).</summary>
    public bool Duplicate { get; }

    /// <summary>The publisher's properties; null: none.</summary>
    public PublishProperties? Properties { get; }

    /// <summary>Identifiers of the subscriptions that matched.</summary>
    public IReadOnlyList<uint> SubscriptionIdentifiers { get; }

    /// <summary>
    /// Sends PUBACK or PUBREC, once; from any thread. Nothing at QoS 0. A QoS 1 message of an earlier connection is not
    /// acknowledged: the server sends it again.
    /// </summary>
    /// <param name="reason">From 0x80 on: refused (5.0 only; 3.1.1 cannot say so).</param>
    public void Acknowledge(ReasonCode reason = ReasonCode.Success)
    {
        if (_packetId != 0 && Interlocked.Exchange(ref _acknowledged, 1) == 0)
        {
            _client.Acknowledge(_connection, _packetId, QualityOfService, reason);
        }
    }
}
