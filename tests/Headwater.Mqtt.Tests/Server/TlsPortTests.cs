using System.Net;
using System.Net.Sockets;
using Headwater.TestKit;

namespace Headwater.Mqtt.Tests.Server;

/// <summary>The TLS port against peers that do not come to an end, speak no TLS, or only an old one.</summary>
public sealed class TlsPortTests
{
    /// <summary>ClientHello of TLS 1.1 with one cipher suite, no extensions: record header, handshake header, version 03 02, random, no session.</summary>
    private static readonly byte[] OldHello =
        [0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2, .. Enumerable.Repeat((byte)7, 32), 0, 0, 2, 0xC0, 0x13, 1, 0];

    [Fact]
    public async Task Handshake_that_stays_half_open_is_cut_off_within_thirty_seconds()
    {
        await using var broker = await SocketBroker.StartAsync();
        using var silent = await DialAsync(broker);
        using var half = await DialAsync(broker);
        await half.SendAsync(OldHello.AsMemory(0, 20)).AsTask().Within();
        var began = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(ReadToEndAsync(silent), ReadToEndAsync(half)).Within(TimeSpan.FromSeconds(30));
        TimeProvider.System.GetElapsedTime(began).ShouldBeGreaterThan(TimeSpan.FromSeconds(5), "a slow but honest link gets its time");
        await Eventually.TrueAsync(() => broker.Server.LatestEvents(10).Count(e => e.Words.StartsWith("TLS handshake failed", StringComparison.Ordinal)) == 2);
        broker.Server.Figures().Connections.ShouldBe(0);
    }

    [Fact]
    public async Task Plain_text_on_the_TLS_port_is_refused_in_words()
    {
        await using var broker = await SocketBroker.StartAsync();
        using var plain = await DialAsync(broker);
        await plain.SendAsync(new byte[] { 0x10, 13, 0, 4, 0x4D, 0x51, 0x54, 0x54, 4, 2, 0, 60, 0, 1, 0x63 }).Within();
        var answer = await ReadToEndAsync(plain).Within();
        answer.FirstOrDefault().ShouldNotBe((byte)0x20, "no CONNACK may come in plain text");
        await Eventually.TrueAsync(() => broker.Server.LatestEvents(1).Any(e => e.Words.StartsWith("TLS handshake failed", StringComparison.Ordinal)));
        broker.Server.Figures().Connects.ShouldBe(0);
    }

    [Fact]
    public async Task Version_before_TLS_1_2_is_refused()
    {
        await using var broker = await SocketBroker.StartAsync();
        using var old = await DialAsync(broker);
        await old.SendAsync(OldHello).Within();
        var answer = await ReadToEndAsync(old).Within();
        answer.FirstOrDefault().ShouldNotBe((byte)0x16, "no ServerHello"); // 0x15, an alert, or nothing
        await Eventually.TrueAsync(() => broker.Server.LatestEvents(1).Any(e => e.Words.StartsWith("TLS handshake failed", StringComparison.Ordinal)));
    }

    private static async Task<Socket> DialAsync(SocketBroker broker)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, broker.TlsPort).Within();
        return socket;
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        var all = new List<byte>();
        var buffer = new byte[512];
        try
        {
            while (await socket.ReceiveAsync(buffer) is > 0 and var count) { all.AddRange(buffer.AsSpan(0, count)); }
        }
        catch (SocketException)
        {
            // Reset: an end as well.
        }

        return [.. all];
    }
}
