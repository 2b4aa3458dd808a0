using System.CommandLine;
using Headwater.Simulator.Fleet;

namespace Headwater.Simulator.Commands;

/// <summary>The options every command that connects has: where, how, and as whom.</summary>
internal sealed class ServerOptions
{
    private readonly Option<string> _host = new("--host") { Description = "The server", DefaultValueFactory = _ => "127.0.0.1" };
    private readonly Option<int?> _port = new("--port") { Description = "Its MQTT port (1883, or 8883 with --tls)" };
    private readonly Option<bool> _tls = new("--tls") { Description = "Connect over TLS" };
    private readonly Option<string?> _ca = new("--ca") { Description = "Certificate (PEM) of the authority that signed the server's, in place of the system's; implies --tls" };
    private readonly Option<string?> _credentials = new("--credentials") { Description = "JSON file: {\"userName\",\"password\"} for all, or {\"devices\":{id:secret}}; anonymous without it" };
    private readonly Option<bool> _parentStdin = new("--parent-stdin") { Description = "End when standard input closes: what a server or script started never outlives it" };

    /// <summary>Adds them to a command.</summary>
    internal void AddTo(Command command)
    {
        Option[] all = [_host, _port, _tls, _ca, _credentials, _parentStdin];
        foreach (var option in all) { command.Options.Add(option); }
    }

    /// <summary>Where to connect to.</summary>
    internal ServerAddress Address(ParseResult parsed)
    {
        var secure = parsed.GetValue(_tls) || parsed.GetValue(_ca) is not null;
        return new ServerAddress(parsed.GetValue(_host)!, parsed.GetValue(_port) ?? (secure ? 8883 : 1883), secure, parsed.GetValue(_ca));
    }

    /// <summary>As whom; null after the mistakes of the file were printed.</summary>
    internal async Task<FleetCredentials?> CredentialsAsync(ParseResult parsed)
    {
        if (parsed.GetValue(_credentials) is not { } file) { return FleetCredentials.Anonymous; }
        var (known, wrong) = FleetCredentials.ReadFile(file);
        if (known is null) { await CheckCommand.WrongAsync(file, wrong); }
        return known;
    }

    /// <summary>A source that is cancelled with the command, and with standard input if that was asked for.</summary>
    internal CancellationTokenSource Lifetime(ParseResult parsed, CancellationToken cancellationToken)
    {
        var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (parsed.GetValue(_parentStdin)) { _ = EndWithParentAsync(ends); }
        return ends;
    }

    private static async Task EndWithParentAsync(CancellationTokenSource ends)
    {
        var input = Console.OpenStandardInput();
        await using (input)
        {
            var buffer = new byte[64];
            try
            {
                while (await input.ReadAsync(buffer) > 0)
                {
                    // What the parent writes has no meaning; only its end has.
                }
            }
            catch (IOException)
            {
                // The pipe broke: the parent is gone.
            }
        }

        try { await ends.CancelAsync(); }
        catch (ObjectDisposedException)
        {
            // The run ended first.
        }
    }
}
