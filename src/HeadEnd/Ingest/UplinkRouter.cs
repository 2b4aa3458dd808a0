using Headwater.Devices.Uplink;
using Headwater.HeadEnd.Registry;
using Headwater.Mqtt.Server;

namespace Headwater.HeadEnd.Ingest;

/// <summary>Tells uplink topics from all others. Rights are judged before: this only says where an allowed topic leads.</summary>
public static class UplinkRouter
{
    /// <summary>The route of an uplink topic, or null when the topic is not an uplink.</summary>
    /// <param name="topic">Topic name.</param>
    /// <param name="sender">The sender's own device; null for a sender that may speak for any.</param>
    /// <param name="mayPublish">False when the sender has no right to the topic: the message is then quarantined or refused.</param>
    public static UplinkRoute? TryRoute(string topic, RegisteredDevice? sender, bool mayPublish) =>
        UplinkTopic.TryParse(topic, out var form, out var device)
            ? new UplinkRoute(topic, mayPublish ? TopicVerdict.Uplink : TopicVerdict.Refused, form, device, sender)
            : null;
}
