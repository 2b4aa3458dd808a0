namespace Headwater.Mqtt.Packets;

/// <summary>What a read of the next packet's frame came to.</summary>
public enum ParseStatus : byte
{
    /// <summary>A whole packet is there.</summary>
    Complete,

    /// <summary>The bytes so far are a correct beginning; more must arrive.</summary>
    NeedMore,

    /// <summary>The fixed header breaks the standard; nothing after it can be trusted.</summary>
    Malformed,

    /// <summary>The declared length is above the receiver's maximum packet size.</summary>
    TooLarge,
}
