namespace Headwater.Mqtt;

/// <summary>How surely a message is delivered. Source: MQTT 5.0 section 4.3.</summary>
public enum QualityOfService : byte
{
    /// <summary>QoS 0: sent once, never acknowledged.</summary>
    AtMostOnce = 0,

    /// <summary>QoS 1: acknowledged by PUBACK; may arrive again.</summary>
    AtLeastOnce = 1,

    /// <summary>QoS 2: exactly once, by PUBREC, PUBREL, PUBCOMP.</summary>
    ExactlyOnce = 2,
}

/// <summary>Protocol level of the CONNECT packet.</summary>
public enum ProtocolVersion : byte
{
    /// <summary>MQTT 3.1.1 (level 4).</summary>
    V311 = 4,

    /// <summary>MQTT 5.0 (level 5).</summary>
    V5 = 5,
}
