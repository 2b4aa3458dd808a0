using System.Globalization;
using System.Net;
using Headwater.Web;
using Microsoft.Extensions.Logging;

namespace Headwater.Server.Configuration;

/// <summary>The settings of <c>headwater serve</c>.</summary>
internal sealed class ServerSettings
{
    internal static readonly IReadOnlyList<SettingDefinition> Definitions =
    [
        new("port", "8080", "Port of the pages and the HTTP API; 8080 needs no privilege. 0 takes any free one.", Port),
        new("bind", "127.0.0.1", "Address the listeners are bound to; loopback, so that a first start opens nothing to the network.", Address),
        new("mqtt-port", "1883", "MQTT over plain TCP, the registered port. 0 takes any free one, off turns it off.", PortOrOff),
        new("mqtts-port", "8883", "MQTT over TLS, the registered port. 0 takes any free one, off turns it off.", PortOrOff),
        new("data", ".data", "Folder of the private PostgreSQL, certificates and credentials of the demo.", Text),
        new("web", "web/dist", "Folder of the built web app.", Text),
        new("postgres-bin", null, "Folder of PostgreSQL's programs; none: looked for in .tools/postgres.", Text),
        new("database", null, "Connection string of an outside PostgreSQL; none: a private one in the data folder.", Text, IsSecret: true),
        new("replica", null, "Connection string of a read-only replica; none: all reads go to the primary.", Text, IsSecret: true),
        new("allow-unsafe-durability", "false", "An acknowledgement means that a reading is on the disk; a database that does not promise it is refused.", Flag, IsFlag: true),
        new("register-automatically", "false", "An unknown device is a fact for a person to see; the demo registers them by itself.", Flag, IsFlag: true),
        new("demo", "false", "Simulated meters; for looking around only.", Flag, IsFlag: true),
        new("demo-scenario", null, "The simulator's scenario file; none: the one that comes with the program.", Text),
        new("certificate", null, "PEM file of the server's certificate for TLS; none: one is made in the data folder and signed by a CA of its own.", Text),
        new("certificate-key", null, "PEM file of its private key.", Text),
        new("client-ca", null, "PEM file of the CAs whose device certificates are taken; none: the CA made in the data folder.", Text),
        new("open-listener-port", null, "An MQTT listener where an anonymous client may do everything, loopback only; for conformance suites, so off.", Port),
        new("refuse-topic", null, "A topic filter nobody may publish or subscribe to; for conformance suites.", Text),
        new("keep-alive-cap", "3600", "Longest keep-alive granted, seconds, 1 to 65535: a dead connection is noticed within one and a half of it.", KeepAlive),
        new("console-log", "warning", "Least level shown on the console: information, warning, error or none. Everything from information on is in the files under logs in the data folder.", LogWord),
        new("retention-days", "400", "Days of readings and of their raw messages kept, 7 to 36500: a year can be compared with the one before.", Days),
    ];

    private readonly IReadOnlyDictionary<string, (string? Value, string Source)> _values;

    internal ServerSettings(IReadOnlyDictionary<string, (string? Value, string Source)> values) => _values = values;

    internal int PagePort => int.Parse(Required("port"), CultureInfo.InvariantCulture);

    internal IPAddress BindAddress => IPAddress.Parse(Required("bind"));

    internal int? MqttPort => PortOf("mqtt-port");

    internal int? MqttsPort => PortOf("mqtts-port");

    internal int? OpenListenerPort => PortOf("open-listener-port");

    internal string DataFolder => Path.GetFullPath(Required("data"));

    internal string? WebFolder => this["web"] is { } web ? Path.GetFullPath(web) : null;

    internal bool IsDemo => IsOn("demo");

    internal bool RegistersAutomatically => IsDemo || IsOn("register-automatically");

    internal bool AllowsUnsafeDurability => IsOn("allow-unsafe-durability");

    internal TimeSpan KeepAliveCap => TimeSpan.FromSeconds(int.Parse(Required("keep-alive-cap"), CultureInfo.InvariantCulture));

    internal int RetentionDays => int.Parse(Required("retention-days"), CultureInfo.InvariantCulture);

    internal LogLevel ConsoleLogLevel => Enum.Parse<LogLevel>(Required("console-log"), ignoreCase: true);

    internal string? this[string name] => _values[name].Value;

    internal IReadOnlyList<SettingInForce> InForce() =>
        [.. Definitions.Select(d => new SettingInForce(d.Name, d.IsSecret && this[d.Name] is not null ? "(set)" : this[d.Name], d.Default, d.Reason, _values[d.Name].Source))];

    private string Required(string name) => this[name] ?? throw new InvalidOperationException($"The setting {name} has no default.");

    private int? PortOf(string name) => this[name] is { } text && int.TryParse(text, CultureInfo.InvariantCulture, out var port) ? port : null;

    private bool IsOn(string name) => string.Equals(this[name], "true", StringComparison.OrdinalIgnoreCase);

    private static string? Port(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= 65_535 ? null : "must be a port number, 0 to 65535";

    private static string? PortOrOff(string text) => text is "off" ? null : Port(text) is null ? null : "must be a port number, 0 to 65535, or off";

    private static string? Address(string text) => IPAddress.TryParse(text, out _) ? null : "must be an IP address, for example 127.0.0.1 or 0.0.0.0";

    private static string? Flag(string text) => bool.TryParse(text, out _) ? null : "must be true or false";

    private static string? Text(string text) => string.IsNullOrWhiteSpace(text) ? "must not be blank" : null;

    private static string? KeepAlive(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= 65_535 ? null : "must be whole seconds, 1 to 65535";

    private static string? LogWord(string text) => text is "information" or "warning" or "error" or "none" ? null : "must be information, warning, error or none";

    private static string? Days(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var days) && days is >= 7 and <= 36_500 ? null : "must be whole days, 7 to 36500";
}
