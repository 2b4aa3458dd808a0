using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Headwater.Mqtt.Packets;

/// <summary>Grows the body of a seldom packet in a rented array; hot packets are written straight into the output.</summary>
/// <remarks>Text over 65,535 bytes of UTF-8 is the caller's mistake and throws: it never comes from a peer unchecked.</remarks>
internal ref struct PacketWriter
{
    private byte[] _array;
    private int _length;

    public PacketWriter()
    {
        _array = ArrayPool<byte>.Shared.Rent(256);
        _length = 0;
    }

    internal readonly int Length => _length;

    internal readonly ReadOnlySpan<byte> Written => _array.AsSpan(0, _length);

    internal readonly void Dispose() => ArrayPool<byte>.Shared.Return(_array);

    internal void WriteByte(byte value) => Grow(1)[0] = value;

    internal void WriteUInt16(ushort value) => BinaryPrimitives.WriteUInt16BigEndian(Grow(2), value);

    internal void WriteUInt32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Grow(4), value);

    internal void WriteVariable(int value) => RemainingLength.Write(Grow(RemainingLength.Measure(value)), value);

    internal void WriteBytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Grow(bytes.Length));

    internal void WriteBinary(ReadOnlySpan<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(data.Length, Utf8Text.MaximumLength, nameof(data));
        WriteUInt16((ushort)data.Length);
        WriteBytes(data);
    }

    internal void WriteText(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Utf8Text.MaximumLength, nameof(text));
        WriteUInt16((ushort)length);
        Encoding.UTF8.GetBytes(text, Grow(length));
    }

    internal void Property(PropertyId id, bool? value)
    {
        if (value is { } known)
        {
            WriteByte((byte)id);
            WriteByte(known ? (byte)1 : (byte)0);
        }
    }

    internal void Property(PropertyId id, ushort? value)
    {
        if (value is { } known)
        {
            WriteByte((byte)id);
            WriteUInt16(known);
        }
    }

    internal void Property(PropertyId id, uint? value)
    {
        if (value is { } known)
        {
            WriteByte((byte)id);
            WriteUInt32(known);
        }
    }

    internal void Property(PropertyId id, string? value)
    {
        if (value is not null)
        {
            WriteByte((byte)id);
            WriteText(value);
        }
    }

    internal void Property(PropertyId id, ReadOnlyMemory<byte>? value)
    {
        if (value is { } known)
        {
            WriteByte((byte)id);
            WriteBinary(known.Span);
        }
    }

    internal void Properties(IReadOnlyList<UserProperty> pairs)
    {
        for (var i = 0; i < pairs.Count; i++)
        {
            WriteByte((byte)PropertyId.UserProperty);
            WriteText(pairs[i].Name);
            WriteText(pairs[i].Value);
        }
    }

    /// <summary>Appends a property section: its length, then its bytes.</summary>
    internal void WriteSection(scoped in PacketWriter properties)
    {
        WriteVariable(properties.Length);
        WriteBytes(properties.Written);
    }

    /// <summary>Puts fixed header and body into the output.</summary>
    internal readonly void Finish(IBufferWriter<byte> output, PacketType type, byte flags)
    {
        var total = 1 + RemainingLength.Measure(_length) + _length;
        var span = output.GetSpan(total);
        span[0] = (byte)(((byte)type << 4) | flags);
        var header = 1 + RemainingLength.Write(span[1..], _length);
        Written.CopyTo(span[header..]);
        output.Advance(total);
    }

    private Span<byte> Grow(int count)
    {
        if (_array.Length - _length < count)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_array.Length * 2, _length + count));
            Written.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_array);
            _array = larger;
        }

        var span = _array.AsSpan(_length, count);
        _length += count;
        return span;
    }
}
