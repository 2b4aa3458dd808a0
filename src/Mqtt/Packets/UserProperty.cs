namespace Headwater.Mqtt.Packets;

/// <summary>A name and a value that mean something to the application only; order and repeats are kept.</summary>
/// <param name="Name">May repeat within one packet.</param>
/// <param name="Value">Any text without U+0000.</param>
/// <remarks>MQTT 5.0 section 2.2.2.2, identifier 0x26.</remarks>
public readonly record struct UserProperty(string Name, string Value);
