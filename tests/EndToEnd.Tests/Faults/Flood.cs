using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EndToEnd.Tests.Faults;

/// <summary>Clients that write QoS 1 publishes as fast as their sockets take them and never wait for an answer, with a keep-alive of one second.</summary>
internal sealed class Flood : IAsyncDisposable
{
    private const int PayloadLength = 4_096;

    private readonly List<Sender> _senders = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _leave = new();
    private List<Task> _writing = [];

    /// <summary>Bytes the clients' sockets took.</summary>
    internal long SentBytes => _senders.Sum(static s => s.SentBytes);

    internal long SentMessages => _senders.Sum(static s => s.SentMessages);

    internal long Acknowledged => _senders.Sum(static s => s.Acknowledged);

    /// <summary>The most that one client's socket took.</summary>
    internal long MostBytes => _senders.Max(static s => s.SentBytes);

    /// <summary>Connections the server has ended.</summary>
    internal int Cut => _senders.Count(static s => s.IsCut);

    internal int Count => _senders.Count;

    /// <summary>Connects and signs in all clients; throws when one is refused.</summary>
    internal static async Task<Flood> ConnectAsync(int port, int count)
    {
        var flood = new Flood();
        for (var i = 0; i < count; i++) { flood._senders.Add(await Sender.ConnectAsync(port, i)); }
        return flood;
    }

    internal void Start() => _writing = [.. _senders.Select(s => s.WriteAsync(_stop.Token))];

    /// <summary>No further publish is begun; the one a client is in the middle of is ended once its socket takes it.</summary>
    internal async Task EndAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_writing).WaitAsync(TimeSpan.FromSeconds(60));
        _writing = [.. _senders.Select(s => s.PingAsync(_leave.Token))];
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _leave.CancelAsync();
        foreach (var sender in _senders) { await sender.DisposeAsync(); }
        await Task.WhenAll(_writing).WaitAsync(TimeSpan.FromSeconds(10));
        _stop.Dispose();
        _leave.Dispose();
    }

    internal static string DeviceOf(int index) => string.Create(CultureInfo.InvariantCulture, $"flood-{index}");

    private sealed class Sender : IAsyncDisposable
    {
        private readonly Socket _socket;
        private readonly int _index;
        private Task _reading = Task.CompletedTask;
        private long _sentBytes;
        private long _sentMessages;
        private long _acknowledged;
        private volatile bool _isCut;

        private Sender(Socket socket, int index)
        {
            _socket = socket;
            _index = index;
        }

        internal long SentBytes => Interlocked.Read(ref _sentBytes);

        internal long SentMessages => Interlocked.Read(ref _sentMessages);

        internal long Acknowledged => Interlocked.Read(ref _acknowledged);

        internal bool IsCut => _isCut;

        internal static async Task<Sender> ConnectAsync(int port, int index)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { SendBufferSize = 64 * 1024, NoDelay = true };
            await socket.ConnectAsync(IPAddress.Loopback, port);
            var id = Encoding.ASCII.GetBytes(DeviceOf(index));
            // CONNECT, MQTT 3.1.1, clean session, keep-alive 1 s.
            byte[] connect = [0x10, (byte)(12 + id.Length), 0, 4, (byte)'M', (byte)'Q', (byte)'T', (byte)'T', 4, 2, 0, 1, 0, (byte)id.Length, .. id];
            await socket.SendAsync(connect);
            var answer = new byte[4];
            var read = 0;
            while (read < 4) { read += await socket.ReceiveAsync(answer.AsMemory(read)).AsTask().WaitAsync(TimeSpan.FromSeconds(30)); }
            if (answer[0] != 0x20 || answer[3] != 0) { throw new InvalidOperationException($"CONNACK {Convert.ToHexString(answer)}"); }
            var sender = new Sender(socket, index);
            sender._reading = sender.ReadAsync();
            return sender;
        }

        internal async Task WriteAsync(CancellationToken stop)
        {
            await Task.Yield();
            for (var number = 1; !stop.IsCancellationRequested && !_isCut; number++)
            {
                var packet = Packet(number);
                try
                {
                    for (var sent = 0; sent < packet.Length;)
                    {
                        var taken = await _socket.SendAsync(packet.AsMemory(sent), CancellationToken.None);
                        sent += taken;
                        Interlocked.Add(ref _sentBytes, taken);
                    }
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                    return;
                }

                Interlocked.Increment(ref _sentMessages);
            }
        }

        /// <summary>Keeps the connection alive, as the keep-alive asks, while the last acknowledgements are awaited.</summary>
        internal async Task PingAsync(CancellationToken leave)
        {
            try
            {
                using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(400));
                do { await _socket.SendAsync(new byte[] { 0xC0, 0x00 }, leave); }
                while (await timer.WaitForNextTickAsync(leave));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // Left, or cut: IsCut tells.
            }
        }

        public async ValueTask DisposeAsync()
        {
            _socket.Dispose();
            await _reading.WaitAsync(TimeSpan.FromSeconds(10));
        }

        private byte[] Packet(int number)
        {
            const string topic = "smart_meter/meter_readings";
            var json = string.Create(
                CultureInfo.InvariantCulture,
                $$"""{"meter_id":"{{DeviceOf(_index)}}","reading":{{number}},"created_at":"{{Reporters.Begin.AddSeconds(number):yyyy-MM-ddTHH:mm:ssZ}}"}""");
            var body = 2 + topic.Length + 2 + PayloadLength;
            var packet = new byte[3 + body];
            packet[0] = 0x32;
            packet[1] = (byte)((body & 0x7F) | 0x80);
            packet[2] = (byte)(body >> 7);
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(3), (ushort)topic.Length);
            Encoding.ASCII.GetBytes(topic, packet.AsSpan(5));
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(5 + topic.Length), (ushort)(((number - 1) % 65_535) + 1));
            var payload = packet.AsSpan(7 + topic.Length);
            payload.Fill((byte)' '); // blanks after the object: valid JSON, and as long as wanted
            Encoding.ASCII.GetBytes(json, payload);
            return packet;
        }

        private async Task ReadAsync()
        {
            var buffer = new byte[8_192];
            var left = 0;
            try
            {
                while (true)
                {
                    var read = await _socket.ReceiveAsync(buffer.AsMemory(left));
                    if (read == 0) { break; }
                    left += read;
                    var at = 0;
                    while (left - at >= 2 && left - at >= 2 + buffer[at + 1]) // PUBACK or PINGRESP: a length of one byte
                    {
                        if (buffer[at] == 0x40) { Interlocked.Increment(ref _acknowledged); }
                        at += 2 + buffer[at + 1];
                    }

                    buffer.AsSpan(at, left - at).CopyTo(buffer);
                    left -= at;
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The end, as above.
            }

            _isCut = true;
        }
    }
}
