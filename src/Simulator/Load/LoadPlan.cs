using System.Net;
using Headwater.Mqtt;
using Headwater.Simulator.Fleet;
using NodaTime;

namespace Headwater.Simulator.Load;

/// <summary>What the load generator does. The words are the command line's.</summary>
internal enum LoadMode
{
    /// <summary>As many publishes as are acknowledged, each connection keeping its window full.</summary>
    Publish,

    /// <summary>Publishes at a fixed rate whatever the server does; latency counts from when each was due.</summary>
    Rate,

    /// <summary>Connects, and disconnects again, as fast as the server takes them.</summary>
    Connect,

    /// <summary>Connects and stays silent.</summary>
    Idle,

    /// <summary>One publisher, many subscribers of its topic.</summary>
    Fanout,
}

/// <summary>What a publish carries.</summary>
internal enum LoadForm
{
    /// <summary>The plain form: one reading of energy on the shared topic.</summary>
    Plain,

    /// <summary>One reading as an <c>up/read</c> object.</summary>
    Read,

    /// <summary>96 intervals as an <c>up/profile</c> object.</summary>
    Profile,
}

/// <summary>Everything the load generator is told.</summary>
internal sealed record LoadPlan
{
    /// <summary>The server.</summary>
    internal required IPEndPoint Target { get; init; }

    /// <summary>What to do.</summary>
    internal LoadMode Mode { get; init; }

    /// <summary>Connections; subscribers in fan-out.</summary>
    internal int Connections { get; init; } = 100;

    /// <summary>Unacknowledged publishes of each connection; connections being opened at once in connect.</summary>
    internal int Window { get; init; } = 10;

    /// <summary>Of publishes.</summary>
    internal QualityOfService QualityOfService { get; init; } = QualityOfService.AtLeastOnce;

    /// <summary>What a publish carries.</summary>
    internal LoadForm Form { get; init; }

    /// <summary>Topic in place of the form's own, for a broker's other messages; null for the form's own.</summary>
    internal string? Topic { get; init; }

    /// <summary>Measured time; unused with a count.</summary>
    internal TimeSpan Measured { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time before measuring.</summary>
    internal TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Publishes (connects) in all; 0 for as many as the time allows.</summary>
    internal long Count { get; init; }

    /// <summary>Publishes a second in rate mode.</summary>
    internal double Rate { get; init; }

    /// <summary>Threads, each with its share of the connections.</summary>
    internal int Threads { get; init; } = 1;

    /// <summary>Meters each connection reports for in turn; more than 1 makes their ids <c>client-nnn</c>.</summary>
    internal int MetersPerConnection { get; init; } = 1;

    /// <summary>Time of the first reading; each further one of a meter is a step later.</summary>
    internal Instant Start { get; init; }

    /// <summary>Between two readings of a meter, whole milliseconds; for profiles the length of one interval, whole seconds.</summary>
    internal Duration Step { get; init; } = Duration.FromSeconds(1);

    /// <summary>Client ids are this and a number of five digits.</summary>
    internal string ClientPrefix { get; init; } = "load_";

    /// <summary>What clients sign in with.</summary>
    internal FleetCredentials Credentials { get; init; } = FleetCredentials.Anonymous;

    /// <summary>Whether TLS is spoken.</summary>
    internal bool IsSecure { get; init; }

    /// <summary>PEM file of the authority to trust; null for the system's.</summary>
    internal string? AuthorityFile { get; init; }

    /// <summary>Source addresses used in turn: 127.0.0.1, 127.0.0.2, ... For when ports or a limit per address run short.</summary>
    internal int Sources { get; init; } = 1;

    /// <summary>Client id of a connection.</summary>
    internal string ClientId(int index) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{ClientPrefix}{index:D5}");

    /// <summary>Source address of a connection; null for the system's choice.</summary>
    internal IPAddress? SourceOf(int index) => Sources <= 1 ? null : new IPAddress([127, 0, (byte)((index % Sources) / 250), (byte)(1 + (index % Sources % 250))]);
}
