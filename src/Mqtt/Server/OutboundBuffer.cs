using System.Buffers;
using System.IO.Pipelines;

namespace Headwater.Mqtt.Server;

/// <summary>Everything written to one connection, in order, from any thread, without ever blocking one.</summary>
/// <remarks>
/// <code>
/// writers --Gate--> pipe's own memory        while no flush is pending
///              \--> waiting (rented, bounded) while one is; handed to the pipe piece by piece as the peer takes it
/// </code>
/// A flush is pending only while the peer does not take what it is sent: "behind". The pipe writer is touched under <see cref="Gate"/>
/// only, and never while a flush is pending.
/// </remarks>
internal sealed class OutboundBuffer(PipeWriter writer, OutboundTotals totals, TimeProvider time) : IBufferWriter<byte>
{
    /// <summary>What is handed to the pipe at a time, so that a backlog does not fill the pipe's memory.</summary>
    private const int Piece = 32 * 1024;

    private byte[]? _waiting;
    private int _waitingStart;
    private int _waitingEnd;
    private bool _unflushed;
    private bool _flushing;
    private bool _closed;
    private long _behindSince;
    private long _written;
    private TaskCompletionSource? _room;

    /// <summary>Guards every member that says so.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>Told after the peer has caught up, on a pool thread, without <see cref="Gate"/>.</summary>
    internal ClientConnection? Owner { get; set; }

    /// <summary>True while the peer has not taken what was sent.</summary>
    internal bool IsBehind => Volatile.Read(ref _flushing);

    internal bool IsClosed => Volatile.Read(ref _closed);

    /// <summary>Bytes that wait because the peer is behind.</summary>
    internal int Waiting => Volatile.Read(ref _waitingEnd) - Volatile.Read(ref _waitingStart);

    /// <summary>Room for one packet; to be called under <see cref="Gate"/> and followed by <see cref="Advance"/> before it is left.</summary>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        if (!_flushing && !_closed) { return writer.GetSpan(sizeHint); }
        MakeRoom(sizeHint);
        return _waiting.AsSpan(_waitingEnd);
    }

    /// <inheritdoc cref="GetSpan"/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (!_flushing && !_closed) { return writer.GetMemory(sizeHint); }
        MakeRoom(sizeHint);
        return _waiting.AsMemory(_waitingEnd);
    }

    /// <summary>Counts what was written into the span of <see cref="GetSpan"/>. Under <see cref="Gate"/>.</summary>
    public void Advance(int count)
    {
        if (_closed) { return; }
        _written += count;
        if (_flushing)
        {
            _waitingEnd += count;
            totals.Add(count);
            return;
        }

        writer.Advance(count);
        _unflushed = true;
    }

    /// <summary>Copies bytes in. Takes <see cref="Gate"/> itself.</summary>
    internal void Write(ReadOnlySpan<byte> bytes)
    {
        lock (Gate)
        {
            if (_closed || bytes.IsEmpty) { return; }
            bytes.CopyTo(GetSpan(bytes.Length));
            Advance(bytes.Length);
        }
    }

    /// <summary>Sends what was written; returns at once.</summary>
    internal void Flush()
    {
        ValueTask<FlushResult> flush;
        lock (Gate)
        {
            if (_flushing || _closed || !_unflushed) { return; }
            flush = StartFlush();
            if (flush.IsCompleted && !Finish(flush)) { return; }
            if (!_flushing) { return; }
        }

        _ = AwaitFlushAsync(flush);
    }

    /// <summary>Completes once the peer is no longer behind, or the connection is closed.</summary>
    internal ValueTask WaitForRoomAsync()
    {
        lock (Gate)
        {
            if (!_flushing || _closed) { return ValueTask.CompletedTask; }
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_room.Task);
        }
    }

    /// <summary>How long the peer has been behind; zero when it is not.</summary>
    internal TimeSpan BehindFor()
    {
        lock (Gate) { return _flushing ? time.GetElapsedTime(_behindSince) : TimeSpan.Zero; }
    }

    /// <summary>Takes the count of bytes written since the last call.</summary>
    internal long TakeWritten() => Interlocked.Exchange(ref _written, 0);

    /// <summary>Nothing is written from now on; what waits is thrown away.</summary>
    internal void Close()
    {
        TaskCompletionSource? room;
        lock (Gate)
        {
            if (_closed) { return; }
            _closed = true;
            ReleaseWaiting();
            room = _room;
            _room = null;
        }

        room?.TrySetResult();
    }

    private ValueTask<FlushResult> StartFlush()
    {
        _unflushed = false;
        _flushing = true;
        _behindSince = time.GetTimestamp();
#pragma warning disable CA2016 // a flush is ended by the connection's abort, not by a token
        return writer.FlushAsync();
#pragma warning restore CA2016
    }

    /// <summary>Judges a finished flush. Under <see cref="Gate"/>. False when the connection is gone.</summary>
    private bool Finish(ValueTask<FlushResult> flush)
    {
        _flushing = false;
        try
        {
            // Completed already: reading the result does not wait.
            var result = flush.GetAwaiter().GetResult();
            if (!result.IsCompleted && !result.IsCanceled) { return true; }
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // The peer or the transport is gone: the read loop sees the same and ends the connection.
        }

        _closed = true;
        ReleaseWaiting();
        return false;
    }

    private async Task AwaitFlushAsync(ValueTask<FlushResult> flush)
    {
        while (true)
        {
            var task = flush.AsTask();
            await ((Task)task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            TaskCompletionSource? room;
            lock (Gate)
            {
                if (Finish(new ValueTask<FlushResult>(task)) && !_closed && HandOver())
                {
                    flush = StartFlush();
                    continue;
                }

                room = _room;
                _room = null;
            }

            room?.TrySetResult();
            if (!IsClosed) { Owner?.CaughtUp(); }
            return;
        }
    }

    /// <summary>Gives the pipe its next piece. Under <see cref="Gate"/>. False when nothing waits.</summary>
    private bool HandOver()
    {
        var count = Math.Min(Piece, _waitingEnd - _waitingStart);
        if (count == 0)
        {
            ReleaseWaiting();
            return false;
        }

        writer.Write(_waiting.AsSpan(_waitingStart, count));
        _waitingStart += count;
        totals.Add(-count);
        if (_waitingStart == _waitingEnd) { ReleaseWaiting(); }
        return true;
    }

    private void MakeRoom(int size)
    {
        if (_waiting is not null && _waiting.Length - _waitingEnd >= Math.Max(size, 1)) { return; }
        var used = _waitingEnd - _waitingStart;
        var grown = ArrayPool<byte>.Shared.Rent(Math.Max(4096, Math.Max((used + size) * 3 / 2, used + size)));
        if (_waiting is not null)
        {
            _waiting.AsSpan(_waitingStart, used).CopyTo(grown);
            ArrayPool<byte>.Shared.Return(_waiting);
        }

        _waiting = grown;
        _waitingStart = 0;
        _waitingEnd = used;
    }

    private void ReleaseWaiting()
    {
        if (_waiting is not null)
        {
            totals.Add(-(_waitingEnd - _waitingStart));
            ArrayPool<byte>.Shared.Return(_waiting);
            _waiting = null;
        }

        _waitingStart = 0;
        _waitingEnd = 0;
    }
}

/// <summary>Bytes that wait in all outbound buffers together.</summary>
internal sealed class OutboundTotals
{
    private long _waiting;

    internal long Waiting => Volatile.Read(ref _waiting);

    internal void Add(long count) => Interlocked.Add(ref _waiting, count);
}
