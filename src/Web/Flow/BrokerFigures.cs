using System.Globalization;
using System.Text;
using System.Xml.Linq;
using Headwater.Mqtt.Server;
using Headwater.Web.Api;

namespace Headwater.Web.Flow;

/// <summary>The broker's figures and limits as the pages show them.</summary>
internal sealed class BrokerFigures(MqttServer server, FlowMonitor flow, WebOptions options)
{
    private readonly IReadOnlyList<LimitInForce> _limits = LimitInForce.Of(server.Options);

    internal BrokerState Read()
    {
        var f = server.Figures();
        var (messagesIn, messagesOut, bytesIn, bytesOut) = flow.BrokerRates();
        return new BrokerState(
            options.Listeners,
            new Dictionary<string, long>(StringComparer.Ordinal)
            {
                ["messagesIn"] = f.MessagesIn.Sum(),
                ["messagesOut"] = f.MessagesOut.Sum(),
                ["bytesIn"] = f.BytesIn,
                ["bytesOut"] = f.BytesOut,
                ["acknowledged"] = f.Acknowledged,
                ["connectsAccepted"] = f.Connects,
                ["connectsRefused"] = f.RefusedConnects,
                ["refusedPublishes"] = f.RefusedPublishes,
                ["refusedSubscribes"] = f.RefusedSubscribes,
                ["malformed"] = f.Malformed,
                ["takeOvers"] = f.TakeOvers,
                ["wills"] = f.Wills,
                ["pauses"] = f.Pauses,
            },
            _limits, new BrokerRates(Math.Round(messagesIn, 2), Math.Round(messagesOut, 2), Math.Round(bytesIn, 1), Math.Round(bytesOut, 1)), f.Connections, f.Sessions, f.Subscriptions, f.Retained,
            f.Queued, [.. f.Dropped.Where(static d => d.Value > 0).Select(static d => new DropCount(Words.Of(d.Key), d.Value))]);
    }
}

/// <summary>A limit of the broker.</summary>
/// <param name="Name">Name.</param>
/// <param name="Value">Value in force.</param>
/// <param name="Unit">Unit.</param>
/// <param name="Default">Default.</param>
/// <param name="Reason">Why.</param>
public sealed record LimitInForce(string Name, string Value, string Unit, string Default, string Reason)
{
    /// <summary>All limits, their reasons taken from the documentation of the options themselves, so that they are said in one place.</summary>
    internal static IReadOnlyList<LimitInForce> Of(MqttServerOptions options)
    {
        var standard = new MqttServerOptions();
        var words = Documentation();
        return [.. typeof(MqttServerOptions).GetProperties().Where(static p => p.CanWrite).Select(p => new LimitInForce(
            char.ToLowerInvariant(p.Name[0]) + p.Name[1..], Text(p.GetValue(options)), UnitOf(p.Name, p.PropertyType), Text(p.GetValue(standard)), ReasonIn(words.GetValueOrDefault(p.Name, string.Empty))))];
    }

    private static string Text(object? value) => value switch
    {
        null => "none",
        TimeSpan time => time.TotalSeconds.ToString(CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty,
    };

    private static string UnitOf(string name, Type type) =>
        type == typeof(TimeSpan) ? "seconds" : name.Contains("Bytes", StringComparison.Ordinal) || name.EndsWith("Size", StringComparison.Ordinal) || name.EndsWith("Length", StringComparison.Ordinal) ? "bytes" : string.Empty;

    private static string ReasonIn(string words)
    {
        var at = words.IndexOf("Reason: ", StringComparison.Ordinal);
        var reason = at >= 0 ? words[(at + "Reason: ".Length)..] : words.Split(". ")[0] + ".";
        return reason.Length > 0 ? char.ToUpperInvariant(reason[0]) + reason[1..] : reason;
    }

    private static Dictionary<string, string> Documentation()
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        var file = Path.ChangeExtension(typeof(MqttServerOptions).Assembly.Location, ".xml");
        if (!File.Exists(file)) { return found; }
        var prefix = "P:" + typeof(MqttServerOptions).FullName + ".";
        foreach (var member in XDocument.Load(file).Descendants("member"))
        {
            if (member.Attribute("name")?.Value is not { } name || !name.StartsWith(prefix, StringComparison.Ordinal)) { continue; }
            var text = new StringBuilder();
            foreach (var word in (member.Element("summary")?.Value ?? string.Empty).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)) { text.Append(word).Append(' '); }
            found[name[prefix.Length..]] = text.ToString().TrimEnd();
        }
        return found;
    }
}
