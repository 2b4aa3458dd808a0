using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Headwater.HeadEnd.Ingest;

/// <summary>A growing array of bytes that is emptied and used again. Kept small between uses: one large group must not hold its memory for ever.</summary>
internal sealed class ByteBuffer(int keep)
{
    private byte[] _bytes = [];

    internal int Length { get; private set; }

    internal Span<byte> Written => _bytes.AsSpan(0, Length);

    internal ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    internal void Clear()
    {
        Length = 0;
        if (_bytes.Length > keep) { _bytes = []; }
    }

    internal void Truncate(int length) => Length = length;

    /// <summary>Room for <paramref name="count"/> more bytes, counted as written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Span<byte> Extend(int count)
    {
        if (_bytes.Length - Length < count) { Grow(count); }
        var span = _bytes.AsSpan(Length, count);
        Length += count;
        return span;
    }

    internal void Append(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Extend(bytes.Length));

    internal void AppendByte(byte value) => Extend(1)[0] = value;

    internal void AppendInt64(long value) => BinaryPrimitives.WriteInt64BigEndian(Extend(8), value);

    internal void AppendInt32(int value) => BinaryPrimitives.WriteInt32BigEndian(Extend(4), value);

    internal void AppendInt16(short value) => BinaryPrimitives.WriteInt16BigEndian(Extend(2), value);

    /// <summary>Seven bits a byte, least significant first.</summary>
    internal void AppendVarint(ulong value)
    {
        while (value >= 0x80)
        {
            AppendByte((byte)(value | 0x80));
            value >>= 7;
        }

        AppendByte((byte)value);
    }

    private void Grow(int count) => Array.Resize(ref _bytes, Math.Max(Length + count, Math.Max(1_024, _bytes.Length * 2)));
}
