using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Headwater.TestKit;

namespace Headwater.Web.Tests;

/// <summary>MQTT 3.1.1 by hand, as little as these tests need: bytes that owe nothing to the product's own codec.</summary>
public sealed class PlainMqttClient : IAsyncDisposable
{
    private readonly TcpClient _tcp = new();
    private ushort _packetId;

    /// <summary>Return code of the CONNACK, MQTT 3.1.1 table 3.1.</summary>
    public byte ReturnCode { get; private set; }

    public static async Task<PlainMqttClient> ConnectAsync(int port, string clientId, string userName, string password)
    {
        var client = new PlainMqttClient();
        await client._tcp.ConnectAsync("127.0.0.1", port);
        byte[] body = [.. Text("MQTT"), 4, 0b1100_0010, 0, 60, .. Text(clientId), .. Text(userName), .. Text(password)];
        await client.SendAsync(0x10, body);
        var answer = await client.ReceiveAsync(4);
        answer[0].ShouldBe((byte)0x20);
        client.ReturnCode = answer[3];
        return client;
    }

    public async Task PublishAcknowledgedAsync(string topic, string payload)
    {
        var id = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(id, ++_packetId);
        await SendAsync(0x32, [.. Text(topic), .. id, .. Encoding.UTF8.GetBytes(payload)]);
        (await ReceiveAsync(4)).ShouldBe([0x40, 2, .. id]);
    }

    public async Task ClosedAsync()
    {
        var read = await _tcp.GetStream().ReadAsync(new byte[16]).AsTask().Within();
        read.ShouldBe(0);
    }

    public ValueTask DisposeAsync()
    {
        _tcp.Dispose();
        return ValueTask.CompletedTask;
    }

    private static byte[] Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
    }

    private async Task SendAsync(byte first, byte[] body)
    {
        body.Length.ShouldBeLessThan(16_384); // two length bytes are enough here
        byte[] length = body.Length < 128 ? [(byte)body.Length] : [(byte)((body.Length & 0x7F) | 0x80), (byte)(body.Length >> 7)];
        await _tcp.GetStream().WriteAsync((byte[])[first, .. length, .. body]);
    }

    private async Task<byte[]> ReceiveAsync(int count)
    {
        var bytes = new byte[count];
        await _tcp.GetStream().ReadExactlyAsync(bytes).AsTask().Within();
        return bytes;
    }
}
