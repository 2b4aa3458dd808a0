namespace Headwater.Devices.Uplink;

/// <summary>Builds the topics a device and the head-end speak on. docs/uplink.md lists them.</summary>
/// <remarks>A device publishes only under its own <c>up/</c> and subscribes only to its own <c>down/</c> and its groups'.</remarks>
public static class TopicScheme
{
    /// <summary>What every topic but the plain one begins with.</summary>
    public const string Root = "hw/v1/";

    /// <summary>Topic of the plain form, shared by all devices: the payload names the meter.</summary>
    public const string Plain = "smart_meter/meter_readings";

    /// <summary>Register or interval reads, as a JSON object or a SenML pack.</summary>
    public static string Read(string device) => Up(device, "read");

    /// <summary>Blocks of consecutive intervals.</summary>
    public static string Profile(string device) => Up(device, "profile");

    /// <summary>Meter events: last gasp, restoration, tamper, threshold.</summary>
    public static string MeterEvent(string device) => Up(device, "event");

    /// <summary>Who the device says it is.</summary>
    public static string Birth(string device) => Up(device, "birth");

    /// <summary>Retained <c>online</c> or <c>offline</c>; the latter is also the will.</summary>
    public static string State(string device) => Up(device, "state");

    /// <summary>Answers to commands.</summary>
    public static string Response(string device) => Up(device, "response");

    /// <summary>Commands to one device.</summary>
    public static string Command(string device) => Down(device, "command");

    /// <summary>The answer to a birth.</summary>
    public static string Activation(string device) => Down(device, "activation");

    /// <summary>Commands to a group of devices.</summary>
    public static string GroupCommand(string group) => string.Concat(Root, "group/", group, "/down/command");

    private static string Up(string device, string word) => string.Concat(Root, device, "/up/", word);

    private static string Down(string device, string word) => string.Concat(Root, device, "/down/", word);
}
