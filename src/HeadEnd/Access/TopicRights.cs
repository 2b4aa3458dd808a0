using Headwater.Devices.Uplink;
using Headwater.HeadEnd.Registry;
using Headwater.Mqtt.Server;

namespace Headwater.HeadEnd.Access;

/// <summary>Who may publish to and subscribe to what.</summary>
/// <remarks>
/// A device publishes only under its own <c>up/</c> and subscribes only to its own <c>down/</c>; a concentrator also for the meters
/// registered under it; the plain topic is for every device, its payload names the meter and is judged there. Services have filters,
/// operators the whole tree. Names are compared level by level and never used as patterns.
/// </remarks>
public static class TopicRights
{
    private const string Root = "hw/v1/";

    /// <summary>Whether an identity may publish to a topic name, aliases resolved.</summary>
    public static bool MayPublish(MqttIdentity identity, string topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        if (topic.StartsWith('$')) { return identity is AnonymousIdentity && !topic.StartsWith("$SYS", StringComparison.Ordinal); }
        return identity switch
        {
            AnonymousIdentity => true,
            PersonIdentity person => person.IsOperator,
            ServiceIdentity service => TopicCover.Covers(service.PublishFilters, topic),
            DeviceIdentity device => topic == UplinkTopic.Plain || (OwnPart(device.Device, topic, out var part) && part.StartsWith("up/", StringComparison.Ordinal) && part.Length > 3),
            _ => false,
        };
    }

    /// <summary>Whether an identity may subscribe with a filter (without <c>$share/group/</c>).</summary>
    public static bool MaySubscribe(MqttIdentity identity, string filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return identity switch
        {
            AnonymousIdentity => true,
            PersonIdentity person => person.IsOperator,
            ServiceIdentity service => TopicCover.Covers(service.SubscribeFilters, filter),
            DeviceIdentity device => OwnPart(device.Device, filter, out var part) && (part is "down" || part.StartsWith("down/", StringComparison.Ordinal)),
            _ => false,
        };
    }

    /// <summary>Whether a message on a topic may be handed to an identity.</summary>
    public static bool MayReceive(MqttIdentity identity, string topic) => MaySubscribe(identity, topic);

    /// <summary>What follows <c>hw/v1/{id}/</c> when the id is one the device speaks for.</summary>
    private static bool OwnPart(RegisteredDevice device, string topic, out ReadOnlySpan<char> part)
    {
        part = default;
        if (!topic.StartsWith(Root, StringComparison.Ordinal)) { return false; }
        var rest = topic.AsSpan(Root.Length);
        var slash = rest.IndexOf('/');
        if (slash <= 0) { return false; }
        part = rest[(slash + 1)..];
        var id = rest[..slash];
        return id.SequenceEqual(device.TextId) || (device.Carried.Count > 0 && device.MaySpeakFor(id.ToString(), out _));
    }
}
