using System.Buffers;
using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Client;

/// <summary>One connection of a client: its stream, what it sends, its read loop, its keep-alive.</summary>
/// <remarks>
/// The read loop is the only reader and ends exactly once, with words. While nothing is received it holds no buffer: a
/// zero-byte read waits for data (not on WebSocket, whose frames cannot be waited for that way).
/// </remarks>
internal sealed class ClientConnection : IDisposable
{
    /// <summary>Smallest read buffer; doubled while one packet does not fit, up to the maximum packet size.</summary>
    private const int ReadLength = 4096;

    private readonly Stream _stream;
    private readonly Lock _gate;
    private readonly MqttClientOptions _options;
    private readonly bool _waitsWithoutBuffer;
    private ITimer? _keepAlive;
    private volatile bool _receivedSinceLook;
    private volatile bool _pingOutstanding;
    private string? _endReason;

    internal ClientConnection(long number, Stream stream, Lock gate, MqttClientOptions options)
    {
        Number = number;
        _stream = stream;
        _gate = gate;
        _options = options;
        _waitsWithoutBuffer = options.Transport is ClientTransport.Tcp or ClientTransport.Tls;
        Output = new ClientOutput(stream, gate, options.MaximumBuffered);
    }

    /// <summary>Grows with each connection of the client.</summary>
    internal long Number { get; }

    internal ClientOutput Output { get; }

    /// <summary>CONNACK that opened it; null before.</summary>
    internal ConnAckPacket? Accepted { get; set; }

    /// <summary>Reason of the server's DISCONNECT; null: none came.</summary>
    internal DisconnectPacket? Farewell { get; set; }

    /// <summary>Topics behind the server's aliases; per connection [MQTT-3.3.2-7].</summary>
    internal Dictionary<ushort, byte[]>? Aliases { get; set; }

    /// <summary>Handles one packet.</summary>
    /// <param name="connection">Which connection.</param>
    /// <param name="frame">The packet.</param>
    /// <param name="pending">Not completed: reading waits for it.</param>
    internal delegate ParseVerdict PacketHandler(ClientConnection connection, scoped in PacketFrame frame, out ValueTask pending);

    /// <summary>Reads until the connection ends; never throws.</summary>
    /// <returns>Why it ended, in words.</returns>
    internal async Task<string> ReadAsync(PacketHandler handler, CancellationToken cancellationToken)
    {
        byte[]? buffer = null;
        var length = 0;
        try
        {
            while (true)
            {
                if (length == 0 && _waitsWithoutBuffer)
                {
                    Release(ref buffer);
#pragma warning disable CA2022 // Nothing is read: an empty read completes when there is something to read.
                    _ = await _stream.ReadAsync(Memory<byte>.Empty, cancellationToken);
#pragma warning restore CA2022
                }

                buffer ??= ArrayPool<byte>.Shared.Rent(ReadLength);
                if (length == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
                    buffer.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }

                var count = await _stream.ReadAsync(buffer.AsMemory(length), cancellationToken);
                if (count == 0)
                {
                    return _endReason ?? (length == 0 ? "closed by the server" : "closed by the server within a packet");
                }

                length += count;
                _receivedSinceLook = true;
                var (consumed, verdict) = await HandleBufferedAsync(buffer.AsMemory(0, length), handler);
                if (!verdict.IsOk)
                {
                    await RefuseAsync(verdict);
                    return verdict.ToString();
                }

                if (Farewell is { } farewell)
                {
                    return $"disconnected by the server: {farewell.Reason} {farewell.ReasonString}".TrimEnd();
                }

                buffer.AsSpan(consumed, length - consumed).CopyTo(buffer);
                length -= consumed;
            }
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException or OperationCanceledException
            or InvalidOperationException or System.Net.Sockets.SocketException or System.Net.WebSockets.WebSocketException)
        {
            return _endReason ?? failure.Message;
        }
        catch (Exception failure)
        {
            // Only the application's handler can throw anything else. Its message stays unacknowledged.
            return $"the message handler failed: {failure.Message}";
        }
        finally
        {
            Release(ref buffer);
        }
    }

    /// <summary>Looks every half interval: idle either way sends PINGREQ; a PINGREQ unanswered for half an interval ends the connection.</summary>
    /// <remarks>MQTT 5.0 section 3.1.2.10. The longest gap between packets sent stays below one interval.</remarks>
    internal void StartKeepAlive(ushort seconds)
    {
        if (seconds > 0)
        {
            var half = TimeSpan.FromSeconds(seconds / 2.0);
            _keepAlive = _options.TimeProvider.CreateTimer(static state => ((ClientConnection)state!).Look(), this, half, half);
        }
    }

    /// <summary>Cuts the connection without good-bye.</summary>
    internal void Abort(string reason)
    {
        _endReason ??= reason;
        Dispose();
    }

    public void Dispose()
    {
        _keepAlive?.Dispose();
        Output.Close();
        _stream.Dispose();
    }

    private void Look()
    {
        if (_pingOutstanding && !_receivedSinceLook)
        {
            Abort("keep-alive: the server does not answer");
            return;
        }

        _pingOutstanding = false;
        lock (_gate)
        {
            if (!Output.SentSinceLastLook || !_receivedSinceLook)
            {
                PingPacket.WriteRequest(Output);
                _pingOutstanding = true;
            }

            Output.SentSinceLastLook = false;
            _receivedSinceLook = false;
        }

        Output.Kick();
    }

    private static void Release(ref byte[]? buffer)
    {
        if (buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = null;
        }
    }

    private async ValueTask<(int Consumed, ParseVerdict Verdict)> HandleBufferedAsync(ReadOnlyMemory<byte> received, PacketHandler handler)
    {
        var consumed = 0;
        SetBatching();
        try
        {
            while (true)
            {
                var verdict = HandleOne(received.Span[consumed..], handler, out var used, out var pending);
                if (used == 0 || !verdict.IsOk)
                {
                    return (consumed, verdict);
                }

                consumed += used;
                if (!pending.IsCompletedSuccessfully)
                {
                    Output.EndBatch();
                    await pending;
                    SetBatching();
                }
            }
        }
        finally
        {
            Output.EndBatch();
            if (Output.IsFull)
            {
                // The server sends faster than it reads our acknowledgements: reading waits, so memory stays bounded.
                await Output.DrainAsync();
            }
        }
    }

    private void SetBatching()
    {
        lock (_gate)
        {
            Output.Batching = true;
        }
    }

    private ParseVerdict HandleOne(ReadOnlySpan<byte> input, PacketHandler handler, out int used, out ValueTask pending)
    {
        used = 0;
        pending = default;
        switch (PacketFrame.TryRead(input, _options.MaximumPacketSize, out var frame))
        {
            case ParseStatus.NeedMore:
                return ParseVerdict.Ok;
            case ParseStatus.Malformed:
                return ParseVerdict.Malformed("fixed header badly formed");
            case ParseStatus.TooLarge:
                return ParseVerdict.Fail(ReasonCode.PacketTooLarge, "packet larger than our maximum");
            default:
                used = frame.TotalLength;
                return Farewell is null ? handler(this, frame, out pending) : ParseVerdict.Ok;
        }
    }

    private async Task RefuseAsync(ParseVerdict verdict)
    {
        if (_options.Version == ProtocolVersion.V5 && Accepted is not null)
        {
            lock (_gate)
            {
                DisconnectPacket.Write(Output, new DisconnectPacket { Reason = verdict.Reason, ReasonString = verdict.Explanation }, _options.Version);
            }

            Output.Kick();
            await Output.DrainAsync().WaitAsync(TimeSpan.FromSeconds(1), _options.TimeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
