using System.Buffers;

namespace Headwater.Mqtt.Client;

/// <summary>Collects packets and sends them in batches: what is written while a send runs goes with the next one.</summary>
/// <remarks>
/// Writing happens under the client's lock. Arrays are rented only while something waits, so an idle client holds none.
/// Invariant: bytes waiting and no send running only between a write and the kick that follows it, or within a read batch.
/// </remarks>
internal sealed class ClientOutput(Stream stream, Lock gate, int maximumBuffered) : IBufferWriter<byte>, IThreadPoolWorkItem
{
    private byte[]? _buffer;
    private int _length;
    private bool _sending;
    private bool _closed;
    private TaskCompletionSource? _drained;

    /// <summary>More waits than may: publishers hold back. Read under the lock.</summary>
    internal bool IsFull => _length >= maximumBuffered;

    /// <summary>Something was written since the last look: no PINGREQ is needed.</summary>
    internal bool SentSinceLastLook { get; set; }

    /// <summary>While true, writing does not start a send: the read loop does at the end of its batch.</summary>
    internal bool Batching { get; set; }

    public void Advance(int count)
    {
        _length += count;
        SentSinceLastLook = true;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsSpan(_length);
    }

    /// <summary>Starts a send on the pool unless one runs; the hop lets a burst of small publishes share one system call.</summary>
    internal void Kick()
    {
        lock (gate)
        {
            if (_sending || _closed || Batching || _length == 0)
            {
                return;
            }

            _sending = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Ends a read batch and sends at once, on this thread.</summary>
    internal void EndBatch()
    {
        lock (gate)
        {
            Batching = false;
            if (_sending || _closed || _length == 0)
            {
                return;
            }

            _sending = true;
        }

        _ = SendAsync();
    }

    void IThreadPoolWorkItem.Execute() => _ = SendAsync();

    /// <summary>Completes when all that was written has been handed to the network, or the connection is closed.</summary>
    internal Task DrainAsync()
    {
        lock (gate)
        {
            if (_closed || (!_sending && _length == 0))
            {
                return Task.CompletedTask;
            }

            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _drained.Task;
        }
    }

    /// <summary>Drops what waits; later writes go nowhere.</summary>
    internal void Close()
    {
        TaskCompletionSource? drained;
        lock (gate)
        {
            _closed = true;
            Release();
            drained = _drained;
            _drained = null;
        }

        drained?.TrySetResult();
    }

    private async Task SendAsync()
    {
        try
        {
            while (true)
            {
                byte[] batch;
                int length;
                TaskCompletionSource? drained;
                lock (gate)
                {
                    if (_closed || _length == 0)
                    {
                        _sending = false;
                        drained = _drained;
                        _drained = null;
                        batch = [];
                        length = 0;
                    }
                    else
                    {
                        drained = null;
                        batch = _buffer!;
                        length = _length;
                        _buffer = null;
                        _length = 0;
                    }
                }

                if (length == 0)
                {
                    drained?.TrySetResult();
                    return;
                }

                try
                {
                    await stream.WriteAsync(batch.AsMemory(0, length), CancellationToken.None);
                    await stream.FlushAsync(CancellationToken.None);
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(batch);
                }
            }
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException or InvalidOperationException
            or System.Net.Sockets.SocketException or System.Net.WebSockets.WebSocketException or OperationCanceledException)
        {
            // The read loop sees the same failure and tells why; here only nothing must wait for ever.
            Close();
            await stream.DisposeAsync();
        }
    }

    private void Reserve(int count)
    {
        if (_buffer is null)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(count, 512));
            return;
        }

        if (_buffer.Length - _length < count)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, _length + count));
            _buffer.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
    }

    private void Release()
    {
        if (_buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = null;
        _length = 0;
    }
}
