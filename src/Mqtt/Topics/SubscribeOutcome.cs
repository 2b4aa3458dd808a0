namespace Headwater.Mqtt.Topics;

/// <summary>What a subscribe did to the tree.</summary>
public enum SubscribeOutcome : byte
{
    /// <summary>The subscriber had no subscription to this filter.</summary>
    Added,

    /// <summary>Options and identifier of an existing subscription were replaced [MQTT-3.8.4-3].</summary>
    Replaced,

    /// <summary>Nothing changed: the filter is badly formed.</summary>
    Invalid,

    /// <summary>Nothing changed: the filter has more levels than this tree takes.</summary>
    TooManyLevels,
}
