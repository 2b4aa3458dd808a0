using System.Diagnostics;
using System.Globalization;
using System.Text;
using Headwater.TestKit;

namespace EndToEnd.Tests.Running;

/// <summary>The real program as an operator starts it: its own process, data folder and ports. Survives being killed and started again.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartBound = TimeSpan.FromSeconds(60);

    private readonly StringBuilder _output = new();
    private readonly string[] _extra;
    private Process? _process;

    public ServerProcess(string dataFolder, params string[] extra)
    {
        DataFolder = dataFolder;
        _extra = extra;
    }

    public string DataFolder { get; }

    public int PagePort { get; } = FreePort.Next();

    public int MqttPort { get; } = FreePort.Next();

    /// <summary>Whether there is a listener on which anybody may do everything; every page warns of it.</summary>
    public bool HasOpenListener { get; init; } = true;

    /// <summary>Its port.</summary>
    public int OpenPort { get; } = FreePort.Next();

    public string Page => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{PagePort}");

    public string PostgresFolder => Path.Combine(DataFolder, "postgres");

    /// <summary>Everything the program printed since the first start.</summary>
    public string Output
    {
        get { lock (_output) { return _output.ToString(); } }
    }

    /// <summary>The last lines it printed, without stack traces, for a failing test.</summary>
    public string LastLines(int count) => string.Join('\n', Output.Split('\n').TakeLast(count).Select(static l => l.Length > 240 ? l[..240] : l));

    public async Task StartAsync()
    {
        var program = Program("Server", "headwater.dll");
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        string[] arguments =
        [
            "exec", program, "serve", "--data", DataFolder, "--port", Text(PagePort), "--mqtt-port", Text(MqttPort), "--mqtts-port", "off",
            "--web", Repository.PathTo("web", "dist"), .. HasOpenListener ? ["--open-listener-port", Text(OpenPort)] : Array.Empty<string>(), .. _extra,
        ];
        foreach (var argument in arguments) { start.ArgumentList.Add(argument); }
        start.WorkingDirectory = Repository.Root;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Note(line.Data);
        _process.ErrorDataReceived += (_, line) => Note(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        await Eventually.TrueAsync(
            async () =>
            {
                if (_process.HasExited) { throw new InvalidOperationException("The server ended:\n" + Output); }
                try
                {
                    using var answer = await http.GetAsync(new Uri(Page + "/api/v1/health"));
                    return answer.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false; // not listening yet
                }
            },
            StartBound);
    }

    /// <summary>As if the machine's memory killer had taken it: no word of farewell.</summary>
    public async Task KillAsync()
    {
        _process!.Kill(entireProcessTree: false);
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
    }

    /// <summary>Process id of the private cluster's postmaster.</summary>
    public int Postmaster => int.Parse(File.ReadLines(Path.Combine(PostgresFolder, "cluster", "postmaster.pid")).First(), CultureInfo.InvariantCulture);

    /// <summary>Resident memory of the server, bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            _process!.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>kill -9 of the postmaster; its backends are left to find out.</summary>
    public void KillPostgres()
    {
        using var postmaster = Process.GetProcessById(Postmaster);
        postmaster.Kill(entireProcessTree: false);
    }

    /// <summary>What <c>/api/v1/health</c> answers: its status and its words.</summary>
    public async Task<(int Status, string Words)> HealthAsync()
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(15) };
        using var answer = await http.GetAsync(new Uri(Page + "/api/v1/health"));
        using var body = System.Text.Json.JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return ((int)answer.StatusCode, body.RootElement.GetProperty("words").GetString() ?? string.Empty);
    }

    /// <summary>Ctrl-C, and the clean end that must follow.</summary>
    public async Task<int> StopAsync()
    {
        using var signal = Process.Start("kill", ["-INT", Text(_process!.Id)]);
        await signal.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(5));
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        var code = _process.ExitCode;
        _process.Dispose();
        _process = null;
        return code;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null && !_process.HasExited) { await StopAsync(); }
        _process?.Dispose();
    }

    /// <summary>A program of ours, built in the same configuration as these tests.</summary>
    public static string Program(string project, string file)
    {
        var configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";
        return Repository.PathTo("src", project, "bin", configuration, "net10.0", file);
    }

    private void Note(string? line)
    {
        if (line is null) { return; }
        lock (_output) { _output.AppendLine(line); }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
