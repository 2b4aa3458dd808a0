namespace Headwater.Devices.Uplink;

/// <summary>Which payload a topic carries. docs/uplink.md lists the topics.</summary>
public enum UplinkForm : byte
{
    /// <summary><c>smart_meter/meter_readings</c>: one reading of active energy import in kWh.</summary>
    Plain = 0,

    /// <summary><c>up/read</c>: register or interval reads, JSON object or SenML pack.</summary>
    Read = 1,

    /// <summary><c>up/profile</c>: blocks of consecutive intervals.</summary>
    Profile = 2,

    /// <summary><c>up/event</c>: meter events.</summary>
    MeterEvent = 3,

    /// <summary><c>up/birth</c>: who a device says it is.</summary>
    Birth = 4,

    /// <summary><c>up/state</c>: retained online or offline.</summary>
    State = 5,

    /// <summary><c>up/response</c>: answer to a command.</summary>
    Response = 6,

    /// <summary><c>up/battery</c>: raw register blocks of a battery site.</summary>
    Battery = 7,
}

/// <summary>The topics between devices and the head-end.</summary>
public static class UplinkTopic
{
    /// <summary>Topic of the plain form.</summary>
    public const string Plain = "smart_meter/meter_readings";

    /// <summary>What every other topic begins with.</summary>
    public const string Prefix = "hw/v1/";

    /// <summary>Longest text id of a device.</summary>
    public const int LongestDeviceId = 64;

    private static readonly (string Word, UplinkForm Form)[] Forms =
    [
        ("read", UplinkForm.Read), ("profile", UplinkForm.Profile), ("event", UplinkForm.MeterEvent), ("birth", UplinkForm.Birth),
        ("state", UplinkForm.State), ("response", UplinkForm.Response), ("battery", UplinkForm.Battery),
    ];

    /// <summary>Takes an uplink topic apart.</summary>
    /// <param name="topic">A topic name.</param>
    /// <param name="form">What its payload is.</param>
    /// <param name="device">The device it names; empty for the plain form, whose payload names it.</param>
    /// <returns>False when the topic is not an uplink.</returns>
    public static bool TryParse(string topic, out UplinkForm form, out string device)
    {
        ArgumentNullException.ThrowIfNull(topic);
        form = UplinkForm.Plain;
        device = "";
        if (topic == Plain) { return true; }
        if (!topic.StartsWith(Prefix, StringComparison.Ordinal)) { return false; }
        var rest = topic.AsSpan(Prefix.Length);
        var slash = rest.IndexOf('/');
        if (slash <= 0 || !rest[slash..].StartsWith("/up/", StringComparison.Ordinal)) { return false; }
        var word = rest[(slash + 4)..];
        foreach (var (name, value) in Forms)
        {
            if (!word.SequenceEqual(name)) { continue; }
            if (!IsDeviceId(rest[..slash])) { return false; }
            form = value;
            device = rest[..slash].ToString();
            return true;
        }

        return false;
    }

    /// <summary>Whether a topic lies where devices publish, known word or not.</summary>
    public static bool LooksLikeUplink(string topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return topic.StartsWith(Prefix, StringComparison.Ordinal) && topic.AsSpan(Prefix.Length).Contains("/up/", StringComparison.Ordinal);
    }

    /// <summary>Whether a text is a device's text id: 1 to 64 of <c>A-Z a-z 0-9 . _ -</c>, safe in topics, paths and object keys.</summary>
    public static bool IsDeviceId(ReadOnlySpan<char> text) => text.Length is > 0 and <= LongestDeviceId
        && text.IndexOfAnyExcept(DeviceIdCharacters) < 0;

    private static readonly System.Buffers.SearchValues<char> DeviceIdCharacters =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
}
