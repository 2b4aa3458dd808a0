using System.Diagnostics;
using System.Globalization;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Server;

/// <summary>Clients others wrote, on real sockets.</summary>
public sealed class ForeignClientTests
{
    private const string Paho = """
        import sys, threading
        import paho.mqtt.client as mqtt
        port, transport, version, tls, ca, cert, key = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == '1', *sys.argv[5:8]
        done, got, subscribed = threading.Event(), [], threading.Event()
        c = mqtt.Client(client_id='paho-%s-%d-%d' % (transport, version, tls), transport=transport, protocol=version)
        if tls: c.tls_set(ca_certs=ca, certfile=cert, keyfile=key)
        if transport == 'websockets': c.ws_set_options(path='/mqtt')
        def on_connect(c, u, f, rc, p=None): c.subscribe([('paho/0', 0), ('paho/1', 1), ('paho/2', 2)] if version < 5 else [('paho/0', mqtt.SubscribeOptions(0)), ('paho/1', mqtt.SubscribeOptions(1)), ('paho/2', mqtt.SubscribeOptions(2))])
        def on_subscribe(*a): subscribed.set()
        def on_message(c, u, m):
            got.append((m.topic, m.qos, m.payload.decode()))
            if len(got) == 60: done.set()
        c.on_connect, c.on_subscribe, c.on_message = on_connect, on_subscribe, on_message
        c.connect('127.0.0.1', port, 30)
        c.loop_start()
        assert subscribed.wait(15), 'no suback'
        for i in range(20):
            for q in (0, 1, 2): c.publish('paho/%d' % q, '%d' % i, qos=q)
        assert done.wait(15), 'only %d messages' % len(got)
        for q in (0, 1, 2):
            assert [p for t, s, p in got if t == 'paho/%d' % q and s == q] == ['%d' % i for i in range(20)], got
        c.disconnect(); c.loop_stop()
        print('all there')
        """;

    [SkippableFact]
    public async Task Mosquitto_clients_exchange_messages_at_every_level_and_version()
    {
        var publish = ExternalService.RequireOrSkip("mosquitto_pub", "apt-get install mosquitto-clients");
        var subscribe = ExternalService.RequireOrSkip("mosquitto_sub", "apt-get install mosquitto-clients");
        await using var broker = await SocketBroker.StartAsync();
        foreach (var version in new[] { "311", "5" })
        {
            foreach (var level in new[] { "0", "1", "2" })
            {
                var topic = $"m/{version}/{level}";
                var listening = RunAsync(subscribe, "-p", $"{broker.TcpPort}", "-V", version, "-q", level, "-t", topic, "-C", "1", "-W", "15");
                await Eventually.TrueAsync(() => broker.Server.ListSubscriptions(topic, 0, 1).Total == 1);
                (await RunAsync(publish, "-p", $"{broker.TcpPort}", "-V", version, "-q", level, "-t", topic, "-m", "hello")).ExitCode.ShouldBe(0);
                (await listening).Output.Trim().ShouldBe("hello");
            }
        }
    }

    [SkippableFact]
    public async Task Mosquitto_client_publishes_over_TLS_with_its_certificate_and_is_refused_without_TLS()
    {
        var publish = ExternalService.RequireOrSkip("mosquitto_pub", "apt-get install mosquitto-clients");
        await using var broker = await SocketBroker.StartAsync();
        var ours = await RunAsync(
            publish, "-h", "localhost", "-p", $"{broker.TlsPort}", "--cafile", broker.AuthorityFile, "--cert", broker.ClientCertificateFile, "--key",
            broker.ClientKeyFile, "-q", "1", "-t", "tls", "-m", "x");
        ours.ExitCode.ShouldBe(0, ours.Error);
        var plain = await RunAsync(publish, "-h", "127.0.0.1", "-p", $"{broker.TlsPort}", "-q", "1", "-t", "tls", "-m", "x");
        plain.ExitCode.ShouldNotBe(0);
        broker.Server.Figures().Connects.ShouldBe(1);
        broker.Server.LatestEvents(1).Single().Words.ShouldStartWith("TLS handshake failed");
        var bare = await RunAsync(publish, "-h", "localhost", "-p", $"{broker.TlsPort}", "--cafile", broker.AuthorityFile, "-q", "1", "-t", "tls", "-m", "x");
        bare.ExitCode.ShouldNotBe(0);
        await Eventually.TrueAsync(() => broker.Server.LatestEvents(1).Single().Words == "no client certificate");
    }

    [SkippableFact]
    public Task Paho_exchanges_messages_over_TCP() => PahoAsync("tcp", tls: false);

    [SkippableFact]
    public Task Paho_exchanges_messages_over_TLS() => PahoAsync("tcp", tls: true);

    [SkippableFact]
    public Task Paho_exchanges_messages_over_WebSocket() => PahoAsync("websockets", tls: false);

    private static async Task PahoAsync(string transport, bool tls)
    {
        var python = ExternalService.RequireOrSkip("/usr/bin/python3", "apt-get install python3");
        var installed = await RunAsync(python, "-c", "import paho.mqtt.client");
        ExternalService.RequireOrSkip(installed.ExitCode == 0, "python3-paho-mqtt is not there (apt-get install python3-paho-mqtt).");
        await using var broker = await SocketBroker.StartAsync();
        var port = tls ? broker.TlsPort : transport == "tcp" ? broker.TcpPort : broker.WebPort;
        foreach (var version in new[] { 4, 5 })
        {
            var result = await RunAsync(
                python, "-c", Paho, port.ToString(CultureInfo.InvariantCulture), transport, version.ToString(CultureInfo.InvariantCulture), tls ? "1" : "0",
                broker.AuthorityFile, broker.ClientCertificateFile, broker.ClientKeyFile);
            result.Output.Trim().ShouldEndWith("all there", customMessage: result.Error);
        }
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().Within(TimeSpan.FromSeconds(60));
        }
        finally
        {
            if (!process.HasExited) { process.Kill(); }
        }

        return (process.ExitCode, await output, await error);
    }
}
