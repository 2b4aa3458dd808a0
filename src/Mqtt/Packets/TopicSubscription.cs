namespace Headwater.Mqtt.Packets;

/// <summary>What happens with retained messages when a subscription is made.</summary>
/// <remarks>MQTT 5.0 section 3.8.3.1. The numbers are the wire's and are persisted.</remarks>
public enum RetainHandling : byte
{
    /// <summary>Send them at every subscribe (and always in 3.1.1).</summary>
    SendAlways = 0,

    /// <summary>Send them only when the subscription did not exist.</summary>
    SendIfNew = 1,

    /// <summary>Do not send them.</summary>
    DoNotSend = 2,
}

/// <summary>One filter of a SUBSCRIBE with its options.</summary>
/// <param name="Filter">Valid topic filter, the <c>$share/group/</c> prefix included.</param>
/// <param name="QualityOfService">Highest QoS asked for.</param>
/// <param name="NoLocal">Do not send back what the same client published; never true for a shared filter.</param>
/// <param name="RetainAsPublished">Keep the RETAIN flag as the publisher set it.</param>
/// <param name="RetainHandling">What happens with retained messages.</param>
/// <remarks>MQTT 5.0 section 3.8.3.1; in 3.1.1 only filter and QoS.</remarks>
public sealed record TopicSubscription(
    string Filter,
    QualityOfService QualityOfService = QualityOfService.AtMostOnce,
    bool NoLocal = false,
    bool RetainAsPublished = false,
    RetainHandling RetainHandling = RetainHandling.SendAlways);
