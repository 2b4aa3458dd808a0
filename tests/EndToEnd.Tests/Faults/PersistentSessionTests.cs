using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using EndToEnd.Tests.Running;
using Headwater.Mqtt;
using Headwater.Mqtt.Client;
using Headwater.TestKit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Faults;

/// <summary>Sessions, queues, retained messages and wills of the real server over kill -9.</summary>
public sealed class PersistentSessionTests(ITestOutputHelper output)
{
    private sealed record Arrival(int Number, QualityOfService Level, bool Duplicate);

    [Fact]
    public async Task Everything_queued_is_delivered_once_in_order_when_the_server_dies_while_the_subscriber_is_away()
    {
        using var folder = new TemporaryFolder();
        await using var server = new ServerProcess(folder["data"]);
        await server.StartAsync();
        await using (var first = Subscriber(server, "watcher", [], cleanStart: true))
        {
            await first.ConnectAsync();
            (await first.SubscribeAsync("plant/numbers", QualityOfService.ExactlyOnce)).ShouldBe(ReasonCode.GrantedQoS2);
        }

        await using var publisher = new MqttClient(new MqttClientOptions { Port = server.OpenPort, ClientId = "publisher", ReconnectDelay = TimeSpan.FromMilliseconds(100), MaximumReconnectDelay = TimeSpan.FromMilliseconds(400) });
        await publisher.ConnectAsync();
        await PublishAsync(publisher, 1, 200);
        (await publisher.PublishAsync("plant/state", "running"u8.ToArray(), QualityOfService.AtLeastOnce, retain: true)).IsSuccess.ShouldBeTrue();
        await server.KillAsync();
        await server.StartAsync();
        await publisher.WaitConnectedAsync().WaitAsync(TimeSpan.FromSeconds(70));
        await PublishAsync(publisher, 201, 300);
        await server.KillAsync();
        await server.StartAsync();

        var arrivals = new ConcurrentQueue<Arrival>();
        await using (var back = Subscriber(server, "watcher", arrivals, cleanStart: false))
        {
            (await back.ConnectAsync()).SessionPresent.ShouldBeTrue();
            await Eventually.TrueAsync(() => arrivals.Count >= 300, TimeSpan.FromSeconds(30));
        }

        arrivals.Select(static a => a.Number).ShouldBe(Enumerable.Range(1, 300));
        arrivals.ShouldAllBe(static a => a.Level == (a.Number % 2 == 0 ? QualityOfService.ExactlyOnce : QualityOfService.AtLeastOnce));
        arrivals.ShouldAllBe(static a => !a.Duplicate); // none was ever sent before

        // What was delivered does not come again, and what was retained is still there.
        await server.KillAsync();
        await server.StartAsync();
        var late = new ConcurrentQueue<Arrival>();
        var state = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var last = Subscriber(server, "watcher", late, cleanStart: false);
        (await last.ConnectAsync()).SessionPresent.ShouldBeTrue();
        await using var reader = new MqttClient(new MqttClientOptions { Port = server.OpenPort, ClientId = "reader" })
        {
            MessageReceived = message =>
            {
                state.TrySetResult(Encoding.UTF8.GetString(message.Payload.Span));
                return ValueTask.CompletedTask;
            },
        };
        await reader.ConnectAsync();
        await reader.SubscribeAsync("plant/state");
        (await state.Task.WaitAsync(TimeSpan.FromSeconds(20))).ShouldBe("running");
        await publisher.WaitConnectedAsync().WaitAsync(TimeSpan.FromSeconds(70));
        await PublishAsync(publisher, 301, 301);
        await Eventually.TrueAsync(() => late.Any(static a => a.Number == 301));
        // A last acknowledgement may have been cut off by the kill: then it is a repeat, and says so.
        late.Where(static a => a.Number != 301).ShouldAllBe(static a => a.Duplicate && a.Level == QualityOfService.AtLeastOnce);
    }

    [Fact]
    public async Task Nothing_is_lost_and_QoS_2_comes_once_when_the_server_dies_again_and_again_under_a_live_subscriber()
    {
        const int last = 600;
        using var folder = new TemporaryFolder();
        await using var server = new ServerProcess(folder["data"]);
        await server.StartAsync();
        var arrivals = new ConcurrentQueue<Arrival>();
        await using var subscriber = Subscriber(server, "live-watcher", arrivals, cleanStart: false);
        await subscriber.ConnectAsync();
        await subscriber.SubscribeAsync("plant/numbers", QualityOfService.ExactlyOnce);
        await using var publisher = new MqttClient(new MqttClientOptions
        {
            Port = server.OpenPort,
            ClientId = "live-publisher",
            CleanStart = false,
            SessionExpiryInterval = 3_600,
            ReconnectDelay = TimeSpan.FromMilliseconds(100),
            MaximumReconnectDelay = TimeSpan.FromMilliseconds(400),
        });
        await publisher.ConnectAsync();
        var publishing = PublishAsync(publisher, 1, last);
        foreach (var mark in (int[])[100, 250, 400])
        {
            await Eventually.TrueAsync(() => arrivals.Count >= mark, TimeSpan.FromSeconds(60));
            await server.KillAsync();
            await server.StartAsync();
        }

        await publishing.WaitAsync(TimeSpan.FromSeconds(60));
        await Eventually.TrueAsync(() => arrivals.Select(static a => a.Number).Distinct().Count() == last, TimeSpan.FromSeconds(60));
        var all = arrivals.ToList();
        output.WriteLine($"{all.Count} deliveries of {last} messages, {all.Count(static a => a.Duplicate)} with DUP");
        all.Where(static a => a.Level == QualityOfService.ExactlyOnce).GroupBy(static a => a.Number).ShouldAllBe(static g => g.Count() == 1);
        // A second arrival of a QoS 1 message is either the publisher's own repeat or ours, and ours says so.
        foreach (var repeated in all.GroupBy(static a => a.Number).Where(static g => g.Count() > 1))
        {
            repeated.Count().ShouldBeLessThanOrEqualTo(5, $"{repeated.Key} came too often");
        }
    }

    [Fact]
    public async Task Retained_state_stops_lying_when_its_device_does_not_return_after_the_server_died()
    {
        using var folder = new TemporaryFolder();
        await using var server = new ServerProcess(folder["data"]);
        await server.StartAsync();
        using var gone = await ConnectWithWillAsync(server.OpenPort, "device-gone");
        using var back = await ConnectWithWillAsync(server.OpenPort, "device-back");
        await using (var publisher = new MqttClient(new MqttClientOptions { Port = server.OpenPort, ClientId = "states" }))
        {
            await publisher.ConnectAsync();
            foreach (var device in (string[])["device-gone", "device-back"])
            {
                (await publisher.PublishAsync("plant/" + device, "online"u8.ToArray(), QualityOfService.AtLeastOnce, retain: true)).IsSuccess.ShouldBeTrue();
            }
        }

        await server.KillAsync();
        await server.StartAsync();
        using var returned = await ConnectWithWillAsync(server.OpenPort, "device-back");
        var states = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        await using var reader = new MqttClient(new MqttClientOptions { Port = server.OpenPort, ClientId = "state-reader" })
        {
            MessageReceived = message =>
            {
                states[message.Topic] = Encoding.UTF8.GetString(message.Payload.Span);
                return ValueTask.CompletedTask;
            },
        };
        await reader.ConnectAsync();
        await reader.SubscribeAsync("plant/+");
        await Eventually.TrueAsync(() => states.Count == 2);
        states["plant/device-gone"].ShouldBe("online"); // it still has its 30 s
        await Eventually.TrueAsync(() => states["plant/device-gone"] == "offline", TimeSpan.FromSeconds(45));
        states["plant/device-back"].ShouldBe("online");
    }

    private static MqttClient Subscriber(ServerProcess server, string clientId, ConcurrentQueue<Arrival> arrivals, bool cleanStart) => new(new MqttClientOptions
    {
        Port = server.OpenPort,
        ClientId = clientId,
        CleanStart = cleanStart,
        SessionExpiryInterval = 3_600,
        ReconnectDelay = TimeSpan.FromMilliseconds(100),
        MaximumReconnectDelay = TimeSpan.FromMilliseconds(400),
        Resubscribe = false,
    })
    {
        MessageReceived = message =>
        {
            arrivals.Enqueue(new Arrival(
                int.Parse(Encoding.ASCII.GetString(message.Payload.Span), CultureInfo.InvariantCulture), message.QualityOfService, message.Duplicate));
            return ValueTask.CompletedTask;
        },
    };

    /// <summary>Odd numbers at QoS 1, even ones at QoS 2, one after the other, so that their order is known.</summary>
    private static async Task PublishAsync(MqttClient publisher, int first, int last)
    {
        for (var number = first; number <= last; number++)
        {
            var level = number % 2 == 0 ? QualityOfService.ExactlyOnce : QualityOfService.AtLeastOnce;
            var result = await publisher.PublishAsync("plant/numbers", Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)), level)
                .AsTask().WaitAsync(TimeSpan.FromSeconds(60));
            result.IsSuccess.ShouldBeTrue();
        }
    }

    /// <summary>A device that only holds its connection, with a retained will.</summary>
    private static async Task<Socket> ConnectWithWillAsync(int port, string clientId)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        List<byte> body = [0, 4, (byte)'M', (byte)'Q', (byte)'T', (byte)'T', 4, 0b0010_1110, 0x0E, 0x10]; // clean session, will QoS 1, retain; keep-alive 3,600 s
        foreach (var text in (string[])[clientId, "plant/" + clientId, "offline"])
        {
            var length = new byte[2];
            BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)text.Length);
            body.AddRange(length);
            body.AddRange(Encoding.ASCII.GetBytes(text));
        }

        await socket.SendAsync(new byte[] { 0x10, (byte)body.Count }.Concat(body).ToArray());
        var answer = new byte[4];
        for (var read = 0; read < 4;) { read += await socket.ReceiveAsync(answer.AsMemory(read)).AsTask().WaitAsync(TimeSpan.FromSeconds(30)); }
        answer[3].ShouldBe((byte)0);
        return socket;
    }
}
