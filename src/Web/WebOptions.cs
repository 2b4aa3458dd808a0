namespace Headwater.Web;

/// <summary>Settings of the pages and the HTTP API.</summary>
public sealed record WebOptions
{
    /// <summary>Folder of the built web app; default none: only the API is served, and the page says so.</summary>
    public string? WebFolder { get; init; }

    /// <summary>Whether this is the demo with simulated meters. Default false.</summary>
    public bool IsDemo { get; init; }

    /// <summary>Sentences shown as warnings on every page: an open listener, unsafe durability. Default none.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>All settings of the program with the value in force. Default none.</summary>
    public IReadOnlyList<SettingInForce> Settings { get; init; } = [];

    /// <summary>Listeners that devices connect to, as the Broker page shows them. Default none.</summary>
    public IReadOnlyList<ListenerInForce> Listeners { get; init; } = [];

    /// <summary>Free space is shown for the disk that holds this folder. Default none: not shown.</summary>
    public string? DataFolder { get; init; }

    /// <summary>Largest request body, bytes. Default 1 MiB, range 64 KiB to 64 MiB: the largest honest one names 10,000 quarantined messages.</summary>
    public long LargestBody { get; init; } = 1 << 20;

    /// <summary>Sign-in requests from one address in a minute. Default 60, range 1 to 10,000, beyond the guard of each account: hashing a password costs milliseconds.</summary>
    public int SignInsPerMinute { get; init; } = 60;

    /// <summary>Live streams at once. Default 500, range 1 to 100,000: each tab group of a browser holds one.</summary>
    public int LiveStreams { get; init; } = 500;

    /// <summary>How long a sign-in lives without use. Default 12 h, range 5 min to 30 days: a shift.</summary>
    public TimeSpan SignInLifetime { get; init; } = TimeSpan.FromHours(12);
}

/// <summary>A setting as it is in force.</summary>
/// <param name="Name">Name, as on the command line.</param>
/// <param name="Value">Value in force; a secret is never shown.</param>
/// <param name="Default">Default value.</param>
/// <param name="Reason">Why the default is what it is.</param>
/// <param name="Source">Where the value came from: default, headwater.json, environment, command line.</param>
public sealed record SettingInForce(string Name, string? Value, string? Default, string Reason, string Source);

/// <summary>A listener for devices.</summary>
/// <param name="Name">Name, as connections show it.</param>
/// <param name="Address">Address it is bound to.</param>
/// <param name="Port">Port.</param>
/// <param name="Tls">Whether TLS is spoken.</param>
/// <param name="Anonymous">Whether an anonymous client may do everything.</param>
public sealed record ListenerInForce(string Name, string Address, int Port, bool Tls, bool Anonymous);
