namespace Headwater.Mqtt.Client;

/// <summary>The connection could not be made or was lost before an answer came.</summary>
public sealed class MqttClientException : IOException
{
    /// <summary>With words only.</summary>
    /// <param name="message">For people.</param>
    public MqttClientException(string message)
        : base(message)
    {
    }

    /// <summary>With the cause.</summary>
    /// <param name="message">For people.</param>
    /// <param name="innerException">Socket, TLS or other failure.</param>
    public MqttClientException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Without words.</summary>
    public MqttClientException()
    {
    }

    /// <summary>What the server said, where it said something.</summary>
    public ReasonCode Reason { get; init; } = ReasonCode.UnspecifiedError;
}
