using Headwater.Devices.Uplink;
using Headwater.HeadEnd.Registry;
using Headwater.Mqtt.Server;

namespace Headwater.HeadEnd.Ingest;

/// <summary>Where an uplink topic leads: which payload it carries and for whom its sender may speak. Resolved once per connection and topic.</summary>
/// <param name="topic">Topic name.</param>
/// <param name="verdict">Uplink, or refused.</param>
/// <param name="form">What the payload is.</param>
/// <param name="deviceId">Text id the topic names; empty for the plain form.</param>
/// <param name="sender">The device whose credential the sender used; null for a sender that may speak for any device.</param>
public sealed class UplinkRoute(string topic, TopicVerdict verdict, UplinkForm form, string deviceId, RegisteredDevice? sender)
    : TopicRoute(topic, verdict)
{
    /// <summary>What the payload is.</summary>
    public UplinkForm Form { get; } = form;

    /// <summary>Text id of the device the topic names; empty for the plain form, whose payload names it.</summary>
    public string DeviceId { get; } = deviceId;

    /// <summary>The sender's own device, or null when it may speak for any.</summary>
    public RegisteredDevice? Sender { get; } = sender;

    /// <summary>The device of the last message on this route: nearly always that of the next one.</summary>
    internal RegisteredDevice? Latest { get; set; }
}
