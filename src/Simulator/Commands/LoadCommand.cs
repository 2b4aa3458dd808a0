using System.CommandLine;
using System.Globalization;
using System.Net;
using Headwater.Mqtt;
using Headwater.Simulator.Load;
using NodaTime;
using NodaTime.Text;

namespace Headwater.Simulator.Commands;

/// <summary><c>headwater-sim load</c>: the one load generator that every broker of a measurement is driven with.</summary>
internal static class LoadCommand
{
    private static readonly Option<LoadMode> Mode = new("--mode") { Description = "publish, rate, connect, idle or fanout" };
    private static readonly Option<int> Connections = Whole("--connections", "Connections; subscribers in fanout", 100);
    private static readonly Option<int> Window = Whole("--window", "Unacknowledged publishes of each connection; connections being opened at once in connect", 10);
    private static readonly Option<int> Qos = Whole("--qos", "0, 1 or 2", 1);
    private static readonly Option<LoadForm> Form = new("--form") { Description = "plain, read or profile" };
    private static readonly Option<string?> Topic = new("--topic") { Description = "Topic in place of the form's own; not in fanout" };
    private static readonly Option<double> Seconds = new("--seconds") { Description = "Measured time", DefaultValueFactory = _ => 10 };
    private static readonly Option<double> WarmUp = new("--warm-up") { Description = "Seconds before measuring", DefaultValueFactory = _ => 2 };
    private static readonly Option<long> Count = new("--count") { Description = "Publishes (connects) in all, in place of a time" };
    private static readonly Option<double> Rate = new("--rate") { Description = "Publishes a second in rate mode" };
    private static readonly Option<int> Threads = Whole("--threads", "Threads", 1);
    private static readonly Option<int> Meters = Whole("--meters-per-connection", "Meters each connection reports for in turn, up to 1,000", 1);
    private static readonly Option<string?> Start = new("--start") { Description = "Time of the first reading (now, cut to the hour, minus 30 days)" };
    private static readonly Option<double> Step = new("--step") { Description = "Seconds between two readings of a meter, or length of a profile's interval", DefaultValueFactory = _ => 1 };
    private static readonly Option<string> Prefix = new("--client-prefix") { Description = "Client ids are this and five digits", DefaultValueFactory = _ => "load_" };
    private static readonly Option<int> Sources = Whole("--sources", "Source addresses in turn (127.0.0.1, 127.0.0.2, ...)", 1);

    internal static Command Make()
    {
        var server = new ServerOptions();
        var command = new Command("load", "Drives a broker as fast as it goes and counts what it acknowledges (Linux)")
        {
            Mode, Connections, Window, Qos, Form, Topic, Seconds, WarmUp, Count, Rate, Threads, Meters, Start, Step, Prefix, Sources,
        };
        server.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (await server.CredentialsAsync(parsed) is not { } credentials) { return 2; }
            var address = server.Address(parsed);
            if (!IPAddress.TryParse(address.Host, out var ip)) { ip = (await Dns.GetHostAddressesAsync(address.Host, System.Net.Sockets.AddressFamily.InterNetwork, cancellationToken))[0]; }
            var plan = Read(parsed, new IPEndPoint(ip, address.Port)) with
            {
                Credentials = credentials,
                IsSecure = address.IsSecure,
                AuthorityFile = address.AuthorityFile,
            };
            var mistakes = Mistakes(plan, parsed);
            if (mistakes.Count > 0) { return await CheckCommand.WrongAsync("load", mistakes); }
            using var ends = server.Lifetime(parsed, cancellationToken);
            return await LoadRun.RunAsync(plan, parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, ends.Token);
        });
        return command;
    }

    private static LoadPlan Read(ParseResult parsed, IPEndPoint target) => new()
    {
        Target = target,
        Mode = parsed.GetValue(Mode),
        Connections = parsed.GetValue(Connections),
        Window = parsed.GetValue(Window),
        QualityOfService = (QualityOfService)parsed.GetValue(Qos),
        Form = parsed.GetValue(Form),
        Topic = parsed.GetValue(Topic),
        Measured = TimeSpan.FromSeconds(parsed.GetValue(Seconds)),
        WarmUp = TimeSpan.FromSeconds(parsed.GetValue(WarmUp)),
        Count = parsed.GetValue(Count),
        Rate = parsed.GetValue(Rate),
        Threads = parsed.GetValue(Threads),
        MetersPerConnection = parsed.GetValue(Meters),
        Start = StartOf(parsed) ?? Instant.MinValue,
        Step = Duration.FromSeconds(parsed.GetValue(Step)),
        ClientPrefix = parsed.GetValue(Prefix)!,
        Sources = parsed.GetValue(Sources),
    };

    private static Instant? StartOf(ParseResult parsed)
    {
        if (parsed.GetValue(Start) is { } text)
        {
            var read = OffsetDateTimePattern.ExtendedIso.Parse(text);
            return read.Success ? read.Value.ToInstant() : null;
        }

        var hour = Duration.FromHours(1);
        var now = Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow());
        return Instant.FromUnixTimeTicks(now.ToUnixTimeTicks() / hour.BclCompatibleTicks * hour.BclCompatibleTicks) - Duration.FromDays(30);
    }

    private static List<string> Mistakes(LoadPlan plan, ParseResult parsed)
    {
        var mistakes = new List<string>();
        Check("--connections", plan.Connections, 1, 15_000);
        Check("--window", plan.Window, 1, 10_000);
        Check("--qos", (int)plan.QualityOfService, 0, 2);
        Check("--threads", plan.Threads, 1, Math.Min(16, plan.Mode == LoadMode.Fanout ? 1 : plan.Connections));
        Check("--meters-per-connection", plan.MetersPerConnection, 1, 1_000);
        Check("--sources", plan.Sources, 1, 2_500);
        if (plan.IsSecure && plan.Mode is LoadMode.Rate or LoadMode.Fanout) { mistakes.Add("--mode: over TLS only publish, connect and idle"); }
        if (plan.IsSecure && plan.QualityOfService == QualityOfService.AtMostOnce) { mistakes.Add("--qos: 0 is not measured over TLS"); }
        if (plan.Topic is not null && plan.Mode == LoadMode.Fanout) { mistakes.Add("--topic: fanout has its own"); }
        if (plan.Mode == LoadMode.Rate && plan.Rate <= 0) { mistakes.Add("--rate: is needed in rate mode"); }
        if (StartOf(parsed) is null) { mistakes.Add("--start: is not a time such as 2026-01-01T00:00:00Z"); }
        if (plan.Step < Duration.FromMilliseconds(1)) { mistakes.Add("--step: is under a millisecond"); }
        if (plan.Form == LoadForm.Profile && plan.Step.TotalMilliseconds % 1_000 != 0) { mistakes.Add("--step: a profile's interval is whole seconds"); }
        return mistakes;

        void Check(string name, int value, int low, int high)
        {
            if (value < low || value > high) { mistakes.Add(string.Create(CultureInfo.InvariantCulture, $"{name}: is not from {low} to {high}")); }
        }
    }

    private static Option<int> Whole(string name, string description, int byDefault) => new(name) { Description = description, DefaultValueFactory = _ => byDefault };
}
