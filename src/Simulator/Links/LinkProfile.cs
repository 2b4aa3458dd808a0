namespace Headwater.Simulator.Links;

/// <summary>How a meter's messages travel: what a message of some size suffers before it reaches the server.</summary>
/// <param name="Name">Name a scenario refers to, for example <c>LTE Cat.M1</c>.</param>
/// <param name="DelayMilliseconds">One-way delay every message has.</param>
/// <param name="JitterMilliseconds">Added on top, uniform from 0 to this.</param>
/// <param name="LossPercent">Chance that one transmission is lost.</param>
/// <param name="BitsPerSecond">Uplink bandwidth; 0 means that size costs no time.</param>
/// <param name="RetryMilliseconds">Time until a lost transmission is sent again.</param>
/// <remarks>MQTT runs over TCP, so a lost transmission arrives late rather than never: each loss costs a retry and another transmission.
/// What is really lost is modelled by the fault <c>gap</c>.</remarks>
internal sealed record LinkProfile(
    string Name, double DelayMilliseconds, double JitterMilliseconds, double LossPercent, double BitsPerSecond, double RetryMilliseconds)
{
    /// <summary>Bytes that TCP, IP and the acknowledgement add to one small message.</summary>
    private const int OverheadBytes = 40;

    /// <summary>Lost so often in a row, a real stack would have dropped the connection.</summary>
    private const int MostRetries = 8;

    /// <summary>A link that costs nothing.</summary>
    internal static LinkProfile None { get; } = new("none", 0, 0, 0, 0, 0);

    /// <summary>Time from the meter's decision to send until the message is handed to the server.</summary>
    /// <param name="bytes">Size of the message with its MQTT header.</param>
    /// <param name="random">Draws jitter and losses; the same seed gives the same times.</param>
    internal TimeSpan SendTime(int bytes, ref SeededRandom random)
    {
        var transmission = DelayMilliseconds + (BitsPerSecond > 0 ? (bytes + OverheadBytes) * 8_000.0 / BitsPerSecond : 0);
        var total = transmission + (JitterMilliseconds * random.NextUnit());
        for (var retry = 0; retry < MostRetries && random.NextUnit() * 100 < LossPercent; retry++)
        {
            total += RetryMilliseconds + transmission;
        }

        return TimeSpan.FromMilliseconds(total);
    }
}
