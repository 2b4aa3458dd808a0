using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Headwater.Mqtt.Client;
using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Tests.Packets;

namespace Headwater.Mqtt.Tests.Client;

/// <summary>A server that does what a test says, packet by packet: what no well-behaved server would show.</summary>
internal sealed class ScriptedServer : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private TcpClient? _client;
    private byte[] _received = [];

    internal ScriptedServer() => _listener.Start();

    internal MqttClientOptions Options => new()
    {
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port,
        ClientId = "scripted",
        SessionExpiryInterval = 300,
        ReconnectDelay = TimeSpan.FromMilliseconds(5),
        MaximumReconnectDelay = TimeSpan.FromMilliseconds(50),
    };

    /// <summary>Accepts a connection, takes its CONNECT and answers.</summary>
    internal async Task<ConnectPacket> AcceptAsync(string connack = "20 * 00 00 p( )")
    {
        _client?.Dispose();
        _received = [];
        _client = await _listener.AcceptTcpClientAsync().WaitAsync(Bound);
        _client.NoDelay = true;
        var packet = await ReadAsync();
        ConnectPacket.TryParse(RawPacket.BodyOf(packet), out var connect).ShouldBe(ParseVerdict.Ok);
        await SendAsync(connack);
        return connect!;
    }

    internal async Task SendAsync(string notation) => await _client!.GetStream().WriteAsync(RawPacket.Assemble(notation));

    /// <summary>The next whole packet; empty when the client has closed.</summary>
    internal async Task<byte[]> ReadAsync()
    {
        var buffer = new byte[4096];
        using var bound = new CancellationTokenSource(Bound);
        while (true)
        {
            if (TryTake(out var packet))
            {
                return packet;
            }

            var count = await ReadSomeAsync(buffer, bound.Token);
            if (count == 0)
            {
                return [];
            }

            _received = [.. _received, .. buffer.AsSpan(0, count)];
        }
    }

    private bool TryTake(out byte[] packet)
    {
        packet = [];
        if (PacketFrame.TryRead(_received, 1 << 20, out var frame) != ParseStatus.Complete)
        {
            return false;
        }

        packet = _received[..frame.TotalLength];
        _received = _received[frame.TotalLength..];
        return true;
    }

    private async Task<int> ReadSomeAsync(byte[] buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await _client!.GetStream().ReadAsync(buffer, cancellationToken);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    internal void Cut() => _client!.Dispose();

    public void Dispose()
    {
        _client?.Dispose();
        _listener.Dispose();
    }
}
