using System.Runtime.InteropServices;

namespace Headwater.Mqtt.Client;

/// <summary>How a publish ended.</summary>
/// <param name="Reason">
/// The server's code; below 0x80 the message arrived. Decided here without sending: PacketTooLarge, QoSNotSupported and RetainNotSupported
/// (the server said so at connect), QuotaExceeded (queue full), ServerUnavailable (QoS 0 without connection).
/// </param>
/// <param name="ReasonString">The server's words; null: none.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct PublishResult(ReasonCode Reason, string? ReasonString = null)
{
    /// <summary>True when the message arrived (QoS 0: was handed to the network).</summary>
    public bool IsSuccess => Reason < ReasonCode.UnspecifiedError;
}
