using System.Buffers;

namespace Headwater.Simulator.Load;

/// <summary>Bytes on their way to one connection; one of these serves all connections of a thread in turn.</summary>
internal sealed class LoadOutput(int capacity = LoadOutput.Full + (64 * 1024)) : IBufferWriter<byte>
{
    /// <summary>Most bytes gathered before they are sent: as much as a socket's send buffer takes at once.</summary>
    internal const int Full = 128 * 1024;

    private byte[] _bytes = new byte[capacity];

    /// <summary>Bytes gathered.</summary>
    internal int Length { get; private set; }

    /// <summary>The bytes.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    /// <summary>The bytes, for asynchronous senders.</summary>
    internal ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    /// <summary>Starts anew.</summary>
    internal void Clear() => Length = 0;

    /// <summary>Room that counts as written.</summary>
    internal Span<byte> Reserve(int length)
    {
        var room = GetSpan(length)[..length];
        Length += length;
        return room;
    }

    /// <inheritdoc/>
    public void Advance(int count) => Length += count;

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_bytes.Length - Length < Math.Max(sizeHint, 16)) { Array.Resize(ref _bytes, (_bytes.Length * 2) + sizeHint); }
        return _bytes.AsMemory(Length);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}
