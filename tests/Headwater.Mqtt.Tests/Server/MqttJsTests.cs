using System.Diagnostics;
using System.Globalization;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Server;

/// <summary>MQTT.js, the client of browsers and of most flow engines, on real sockets.</summary>
public sealed class MqttJsTests
{
    /// <summary>Every level and the properties a version has: retained, will, shared subscription, request and response, a session that waits.</summary>
    private const string Script = """
        const [folder, url, version] = [process.argv[2], process.argv[3], Number(process.argv[4])];
        const mqtt = require(folder);
        const assert = require('node:assert');
        const { once } = require('node:events');
        const bound = setTimeout(() => { console.error('not done in time: ' + step); process.exit(3); }, 40000);
        let step = 'start';
        const suffix = version + url.slice(0, 2);
        async function open(id, more) {
          const c = mqtt.connect(url, { protocolVersion: version, clientId: id + suffix, reconnectPeriod: 0, ...more });
          c.on('error', e => { console.error(step, e); process.exit(2); });
          const [connack] = await once(c, 'connect');
          return Object.assign(c, { connack });
        }
        (async () => {
          step = 'all levels';
          const sub = await open('sub'), pub = await open('pub');
          const granted = await sub.subscribeAsync({ 'js/0': { qos: 0 }, 'js/1': { qos: 1 }, 'js/2': { qos: 2 } });
          assert.deepStrictEqual(granted.map(g => g.qos), [0, 1, 2]);
          const got = [];
          const all = new Promise(done => sub.on('message', (t, p, packet) => { got.push([t, packet.qos, p.toString()]); if (got.length === 90) done(); }));
          const sent = [];
          for (let i = 0; i < 30; i++) for (const q of [0, 1, 2]) sent.push(pub.publishAsync('js/' + q, String(i), { qos: q }));
          await Promise.all(sent);
          await all;
          for (const q of [0, 1, 2]) assert.deepStrictEqual(got.filter(g => g[0] === 'js/' + q), [...Array(30).keys()].map(i => ['js/' + q, q, String(i)]));

          step = 'a large payload';
          const large = Buffer.alloc(200000, 'x');
          await sub.unsubscribeAsync('js/0');
          const whole = once(sub, 'message');
          await pub.publishAsync('js/1', large, { qos: 1 });
          assert.ok((await whole)[1].equals(large));

          step = 'retained';
          await pub.publishAsync('kept' + suffix, 'last', { qos: 1, retain: true });
          const late = await open('late');
          const kept = once(late, 'message');
          await late.subscribeAsync('kept' + suffix, { qos: 1 });
          assert.strictEqual((await kept)[2].retain, true);
          await pub.publishAsync('kept' + suffix, '', { qos: 1, retain: true });

          step = 'will';
          const dying = await open('dying', { will: { topic: 'will' + suffix, payload: Buffer.from('gone'), qos: 1 } });
          await late.subscribeAsync('will' + suffix, { qos: 1 });
          const will = once(late, 'message');
          dying.stream.destroy();
          const words = await will;
          assert.strictEqual(words[1].toString(), words[0] === 'will' + suffix ? 'gone' : '');

          step = 'a session that waits';
          const stays = { clean: false, properties: version === 5 ? { sessionExpiryInterval: 60 } : undefined };
          const away = await open('away', stays);
          await away.subscribeAsync('queue' + suffix, { qos: 2 });
          await away.endAsync();
          for (let i = 0; i < 5; i++) await pub.publishAsync('queue' + suffix, String(i), { qos: 2 });
          const waiting = [];
          const back = mqtt.connect(url, { protocolVersion: version, clientId: 'away' + suffix, reconnectPeriod: 0, ...stays });
          await new Promise(done => back.on('message', (t, p) => { waiting.push(p.toString()); if (waiting.length === 5) done(); }));
          assert.deepStrictEqual(waiting, ['0', '1', '2', '3', '4']);

          if (version === 5) {
            step = 'request and response';
            await sub.subscribeAsync('ask', { qos: 1 });
            sub.once('message', (t, p, packet) => sub.publish(packet.properties.responseTopic, 'answer', { qos: 1, properties: { correlationData: packet.properties.correlationData } }));
            await back.subscribeAsync('answers', { qos: 1 });
            const answered = once(back, 'message');
            await pub.publishAsync('ask', 'question', { qos: 1, properties: { responseTopic: 'answers', correlationData: Buffer.from([1, 0, 2]), userProperties: { a: 'b' } } });
            assert.deepStrictEqual([...(await answered)[2].properties.correlationData], [1, 0, 2]);

            step = 'shared subscription';
            const members = [await open('m1'), await open('m2')];
            let shared = 0;
            const both = new Promise(done => members.forEach(m => m.on('message', () => { if (++shared === 20) done(); })));
            for (const m of members) await m.subscribeAsync('$share/g/shared', { qos: 1 });
            for (let i = 0; i < 20; i++) await pub.publishAsync('shared', String(i), { qos: 1 });
            await both;
            for (const m of members) await m.endAsync();
          }

          step = 'end';
          for (const c of [sub, pub, late, back]) await c.endAsync();
          clearTimeout(bound);
          console.log('all there');
          process.exit(0);
        })().catch(e => { console.error(step, e); process.exit(1); });
        """;

    [SkippableFact]
    public Task Mqtt_js_works_at_every_level_over_TCP_with_MQTT_3_1_1() => RunAsync("mqtt", 4);

    [SkippableFact]
    public Task Mqtt_js_works_at_every_level_over_TCP_with_MQTT_5() => RunAsync("mqtt", 5);

    [SkippableFact]
    public Task Mqtt_js_works_at_every_level_over_WebSocket_with_MQTT_3_1_1() => RunAsync("ws", 4);

    [SkippableFact]
    public Task Mqtt_js_works_at_every_level_over_WebSocket_with_MQTT_5() => RunAsync("ws", 5);

    private static async Task RunAsync(string transport, int version)
    {
        var node = ExternalService.RequireOrSkip("node", "apt-get install nodejs");
        var package = Repository.PathTo("web", "node_modules", "mqtt");
        ExternalService.RequireOrSkip(Directory.Exists(package), "MQTT.js is not there (npm ci --ignore-scripts in web/).");
        await using var broker = await SocketBroker.StartAsync();
        var url = transport == "ws" ? $"ws://127.0.0.1:{broker.WebPort}/mqtt" : $"mqtt://127.0.0.1:{broker.TcpPort}";
        using var process = Process.Start(new ProcessStartInfo(node, ["-", package, url, version.ToString(CultureInfo.InvariantCulture)])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.StandardInput.WriteAsync(Script);
            process.StandardInput.Close();
            await process.WaitForExitAsync().Within(TimeSpan.FromSeconds(60));
        }
        finally
        {
            if (!process.HasExited) { process.Kill(); }
        }

        (await output).Trim().ShouldEndWith("all there", customMessage: await error);
    }
}
