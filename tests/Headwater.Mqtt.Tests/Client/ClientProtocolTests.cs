using Headwater.Mqtt.Client;
using Headwater.Mqtt.Tests.Packets;

namespace Headwater.Mqtt.Tests.Client;

/// <summary>What the client puts on the wire, byte by byte, and what it makes of a server that errs.</summary>
public sealed class ClientProtocolTests
{
    private const string SessionPresent = "20 * 01 00 p( )";
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Unacknowledged_publishes_come_again_with_dup_and_their_ids_when_the_session_is_resumed()
    {
        using var server = new ScriptedServer();
        await using var client = new MqttClient(server.Options);
        await ConnectAsync(client, server);
        var first = client.PublishAsync("t", "1"u8.ToArray()).AsTask();
        var one = await server.ReadAsync();
        var second = client.PublishAsync("t", "2"u8.ToArray(), QualityOfService.ExactlyOnce).AsTask();
        var two = await server.ReadAsync();
        var third = client.PublishAsync("t", "3"u8.ToArray()).AsTask();
        var three = await server.ReadAsync();
        (one[0], two[0], three[0]).ShouldBe(((byte)0x32, (byte)0x34, (byte)0x32));
        server.Cut();

        (await server.AcceptAsync(SessionPresent)).CleanStart.ShouldBeFalse();
        one[0] |= 8;
        two[0] |= 8;
        three[0] |= 8;
        (await server.ReadAsync()).ShouldBe(one, "[MQTT-4.4.0-1] same id, DUP [MQTT-3.3.1-1]");
        (await server.ReadAsync()).ShouldBe(two, "[MQTT-4.6.0-1] same order");
        (await server.ReadAsync()).ShouldBe(three);
        await server.SendAsync($"40 03 {Id(one)} 10");
        await server.SendAsync($"40 * {Id(three)} 87 p( 1F s:no )");
        await server.SendAsync($"50 02 {Id(two)}");
        (await server.ReadAsync()).ShouldBe(RawPacket.Assemble($"62 02 {Id(two)}"));
        (await first.WaitAsync(Bound)).ShouldBe(new PublishResult(ReasonCode.NoMatchingSubscribers));
        (await third.WaitAsync(Bound)).ShouldBe(new PublishResult(ReasonCode.NotAuthorized, "no"));

        // [MQTT-4.3.3-4]: after PUBREC only PUBREL comes again, never the message.
        server.Cut();
        await server.AcceptAsync(SessionPresent);
        (await server.ReadAsync()).ShouldBe(RawPacket.Assemble($"62 02 {Id(two)}"));
        await server.SendAsync($"70 02 {Id(two)}");
        (await second.WaitAsync(Bound)).IsSuccess.ShouldBeTrue();
        client.InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task Unacknowledged_publishes_come_as_new_ones_when_the_session_is_lost()
    {
        using var server = new ScriptedServer();
        await using var client = new MqttClient(server.Options);
        await ConnectAsync(client, server);
        var publish = client.PublishAsync("t", "1"u8.ToArray()).AsTask();
        var released = client.PublishAsync("t", "2"u8.ToArray(), QualityOfService.ExactlyOnce).AsTask();
        var one = await server.ReadAsync();
        var two = await server.ReadAsync();
        await server.SendAsync($"50 02 {Id(two)}");
        await server.ReadAsync();
        server.Cut();
        await server.AcceptAsync();
        (await server.ReadAsync()).ShouldBe(one);
        await server.SendAsync($"40 02 {Id(one)}");
        (await publish.WaitAsync(Bound)).IsSuccess.ShouldBeTrue();
        (await released.WaitAsync(Bound)).IsSuccess.ShouldBeTrue();
    }

    [Fact]
    public async Task Publishes_wait_when_the_servers_receive_maximum_is_reached()
    {
        using var server = new ScriptedServer();
        await using var client = new MqttClient(server.Options);
        await ConnectAsync(client, server, "20 * 00 00 p( 21 0002 )");
        var results = Enumerable.Range(0, 5).Select(i => client.PublishAsync("t", new[] { (byte)i }, (QualityOfService)(1 + (i % 2))).AsTask()).ToList();
        var one = await server.ReadAsync();
        var two = await server.ReadAsync();
        client.InFlight.ShouldBe(2, "[MQTT-4.9.0-2]");

        // QoS 2 holds its place until PUBCOMP; the ping shows that nothing else was sent before.
        await server.SendAsync($"50 02 {Id(two)}");
        (await server.ReadAsync()).ShouldBe(RawPacket.Assemble($"62 02 {Id(two)}"));
        await server.SendAsync($"40 02 {Id(one)}");
        (await server.ReadAsync())[^1].ShouldBe((byte)2);
        await server.SendAsync($"70 02 {Id(two)}");
        (await server.ReadAsync())[^1].ShouldBe((byte)3);
        (await results[0].WaitAsync(Bound)).IsSuccess.ShouldBeTrue();
        (await results[1].WaitAsync(Bound)).IsSuccess.ShouldBeTrue();
        await client.DisposeAsync();
        foreach (var left in results.Skip(2))
        {
            await Should.ThrowAsync<MqttClientException>(() => left.WaitAsync(Bound));
        }
    }

    [Fact]
    public async Task Limits_of_the_server_are_kept_when_publishing()
    {
        using var server = new ScriptedServer();
        await using var client = new MqttClient(server.Options);
        await ConnectAsync(client, server, "20 * 00 00 p( 24 01 25 00 27 00000020 )");
        (await client.PublishAsync("t", default, QualityOfService.ExactlyOnce)).Reason.ShouldBe(ReasonCode.QoSNotSupported);
        (await client.PublishAsync("t", default, retain: true)).Reason.ShouldBe(ReasonCode.RetainNotSupported);
        (await client.PublishAsync("t", new byte[40])).Reason.ShouldBe(ReasonCode.PacketTooLarge);
        (await client.PublishAsync("t", new byte[8], QualityOfService.AtMostOnce)).IsSuccess.ShouldBeTrue();
        (await server.ReadAsync()).Length.ShouldBe(14);
    }

    [Fact]
    public async Task Message_is_delivered_once_when_a_qos_2_publish_is_repeated()
    {
        using var server = new ScriptedServer();
        var delivered = 0;
        await using var client = new MqttClient(server.Options) { MessageReceived = _ => { delivered++; return default; } };
        await ConnectAsync(client, server);
        await server.SendAsync("34 * s:t 0005 p( ) 'x'");
        (await server.ReadAsync()).ShouldBe([0x50, 2, 0, 5]);
        await server.SendAsync("3C * s:t 0005 p( ) 'x'");
        (await server.ReadAsync()).ShouldBe([0x50, 2, 0, 5], "[MQTT-4.3.3-10]");
        server.Cut();
        await server.AcceptAsync(SessionPresent);
        await server.SendAsync("3C * s:t 0005 p( ) 'x'");
        (await server.ReadAsync()).ShouldBe([0x50, 2, 0, 5]);
        delivered.ShouldBe(1);
        await server.SendAsync("62 02 0005");
        (await server.ReadAsync()).ShouldBe([0x70, 2, 0, 5]);
        await server.SendAsync("62 02 0005");
        (await server.ReadAsync()).ShouldBe([0x70, 3, 0, 5, 0x92]);
        await server.SendAsync("34 * s:t 0005 p( ) 'y'");
        (await server.ReadAsync()).ShouldBe([0x50, 2, 0, 5]);
        delivered.ShouldBe(2);
    }

    [Theory]
    [InlineData("reserved type", "00 00", 0x81)]
    [InlineData("QoS 3", "36 * s:t 0001 p( )", 0x81)]
    [InlineData("packet that only a client sends", "C0 00", 0x82)]
    [InlineData("second CONNACK", "20 * 00 00 p( )", 0x82)]
    [InlineData("alias above our maximum", "30 * s:t p( 23 0001 )", 0x94)]
    [InlineData("larger than our maximum", "30 FFFF7F", 0x95)]
    [InlineData("AUTH without being asked", "F0 * 18 p( 15 s:m )", 0x82)]
    public async Task Connection_ends_with_the_reason_when_the_server_errs(string what, string packet, byte reason)
    {
        using var server = new ScriptedServer();
        await using var client = new MqttClient(server.Options with { Reconnect = false });
        await ConnectAsync(client, server);
        await server.SendAsync(packet);
        var farewell = await server.ReadAsync();
        (farewell[0], farewell[2]).ShouldBe(((byte)0xE0, reason), what);
        (await server.ReadAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Client_stays_away_when_its_session_was_taken_over()
    {
        using var server = new ScriptedServer();
        var stopped = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var client = new MqttClient(server.Options)
        {
            StateChanged = (_, state, reason) =>
            {
                if (state == ClientState.Stopped)
                {
                    stopped.TrySetResult(reason);
                }
            },
        };
        await ConnectAsync(client, server);
        await server.SendAsync("E0 01 8E");
        (await stopped.Task.WaitAsync(Bound)).ShouldContain("SessionTakenOver");
        await Should.ThrowAsync<MqttClientException>(async () => await client.PublishAsync("t", default));
    }

    [Fact]
    public async Task Refusal_is_told_when_the_server_does_not_take_the_client()
    {
        using var server = new ScriptedServer();
        await using var client = new MqttClient(server.Options);
        var connecting = client.ConnectAsync();
        await server.AcceptAsync("20 * 00 86 p( 1F s:unknown-meter )");
        var connack = await connecting.WaitAsync(Bound);
        (connack.Reason, connack.ReasonString).ShouldBe((ReasonCode.BadUserNameOrPassword, "unknown-meter"));
        client.State.ShouldBe(ClientState.Stopped);
    }

    [Fact]
    public async Task Ping_is_sent_and_the_connection_given_up_when_the_server_falls_silent()
    {
        using var server = new ScriptedServer();
        await using var client = new MqttClient(server.Options with { KeepAlive = 3600 });
        await ConnectAsync(client, server, "20 * 00 00 p( 13 0001 )"); // the server's keep-alive counts: 1 s
        (await server.ReadAsync()).ShouldBe([0xC0, 0]);
        await server.SendAsync("D0 00");
        (await server.ReadAsync()).ShouldBe([0xC0, 0]);
        (await server.ReadAsync()).ShouldBeEmpty("no PINGRESP for half an interval");
        await server.AcceptAsync();
        await client.WaitConnectedAsync().WaitAsync(Bound);
    }

    [Fact]
    public async Task Connecting_fails_when_nothing_answers()
    {
        using var server = new ScriptedServer();
        await using var silent = new MqttClient(server.Options with { ConnectTimeout = TimeSpan.FromMilliseconds(200) });
        (await Should.ThrowAsync<MqttClientException>(() => silent.ConnectAsync().WaitAsync(Bound))).Message.ShouldContain("no CONNACK");
        await using var nobody = new MqttClient(server.Options with { Port = MosquittoServer.FreePort() });
        await Should.ThrowAsync<MqttClientException>(() => nobody.ConnectAsync().WaitAsync(Bound));
    }

    [Fact]
    public async Task Client_goes_on_dialling_when_started_and_refused()
    {
        using var server = new ScriptedServer();
        await using var client = new MqttClient(server.Options);
        client.Start();
        await server.AcceptAsync("20 * 00 88 p( )");
        await server.AcceptAsync("20 * 00 00 p( 12 s:given )");
        await client.WaitConnectedAsync().WaitAsync(Bound);
        client.ClientId.ShouldBe("given");
        server.Cut();
        (await server.AcceptAsync()).ClientId.ShouldBe("given");
        await client.DisposeAsync();
        await client.DisposeAsync();
        await client.DisconnectAsync().WaitAsync(Bound);
    }

    [Fact]
    public async Task Message_is_not_acknowledged_when_its_handler_fails()
    {
        using var server = new ScriptedServer();
        var times = 0;
        await using var client = new MqttClient(server.Options)
        {
            MessageReceived = _ => ++times == 1 ? throw new InvalidOperationException("full disk") : default,
        };
        await ConnectAsync(client, server);
        await server.SendAsync("32 * s:t 0005 p( ) 'x'");
        (await server.ReadAsync()).ShouldBeEmpty();
        await server.AcceptAsync(SessionPresent);
        await server.SendAsync("3A * s:t 0005 p( ) 'x'");
        (await server.ReadAsync()).ShouldBe([0x40, 2, 0, 5]);
    }

    [Fact]
    public async Task Queue_refuses_when_it_is_full()
    {
        using var server = new ScriptedServer();
        await using var client = new MqttClient(server.Options with { MaximumInFlight = 1, MaximumQueued = 2 });
        await ConnectAsync(client, server);
        var taken = Enumerable.Range(0, 3).Select(_ => client.PublishAsync("t", default).AsTask()).ToList();
        (await client.PublishAsync("t", default)).Reason.ShouldBe(ReasonCode.QuotaExceeded);
        taken.ShouldAllBe(publish => !publish.IsCompleted);
    }

    [Fact]
    public void Options_tell_all_mistakes_at_once_when_wrong()
    {
        var failure = Should.Throw<ArgumentException>(() => new MqttClient(new MqttClientOptions
        {
            Port = 0,
            MaximumInFlight = 0,
            Version = ProtocolVersion.V311,
            Password = new byte[1],
        }));
        failure.Message.ShouldContain("Port");
        failure.Message.ShouldContain("MaximumInFlight");
        failure.Message.ShouldContain("Password without UserName");
    }

    [Fact]
    public void Pauses_double_with_jitter_and_begin_anew_when_a_connection_lived()
    {
        var pacing = new ReconnectPacing(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60), new Random(3));
        for (var step = 1; step <= 64; step *= 2)
        {
            pacing.Next().TotalSeconds.ShouldBeInRange(Math.Min(60, step) / 2.0, Math.Min(60, step));
        }

        pacing.Lived(TimeSpan.FromSeconds(9));
        pacing.Next().TotalSeconds.ShouldBeGreaterThanOrEqualTo(30);
        pacing.Lived(TimeSpan.FromSeconds(10));
        pacing.Next().TotalSeconds.ShouldBeLessThanOrEqualTo(1);
    }

    private static async Task ConnectAsync(MqttClient client, ScriptedServer server, string connack = "20 * 00 00 p( )")
    {
        var connecting = client.ConnectAsync();
        await server.AcceptAsync(connack);
        (await connecting.WaitAsync(Bound)).Reason.ShouldBe(ReasonCode.Success);
    }

    /// <summary>Packet id of a PUBLISH to topic "t".</summary>
    private static string Id(byte[] publish) => Convert.ToHexString(publish, 5, 2);
}
