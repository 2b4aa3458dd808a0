using System.Buffers.Binary;

namespace Headwater.Mqtt.Packets;

/// <summary>Cursor over a packet's body with the standard's data types. A read that fails consumes nothing useful: stop.</summary>
/// <remarks>MQTT 5.0 section 1.5.</remarks>
internal ref struct ByteReader(ReadOnlySpan<byte> input)
{
    private ReadOnlySpan<byte> _rest = input;

    internal readonly ReadOnlySpan<byte> Rest => _rest;

    internal readonly bool IsAtEnd => _rest.IsEmpty;

    internal bool TryReadByte(out byte value)
    {
        if (_rest.IsEmpty)
        {
            value = 0;
            return false;
        }

        value = _rest[0];
        _rest = _rest[1..];
        return true;
    }

    internal bool TryReadUInt16(out ushort value)
    {
        if (!BinaryPrimitives.TryReadUInt16BigEndian(_rest, out value))
        {
            return false;
        }

        _rest = _rest[2..];
        return true;
    }

    internal bool TryReadUInt32(out uint value)
    {
        if (!BinaryPrimitives.TryReadUInt32BigEndian(_rest, out value))
        {
            return false;
        }

        _rest = _rest[4..];
        return true;
    }

    internal bool TryReadVariable(out int value)
    {
        if (RemainingLength.TryRead(_rest, out value, out var digits) != ParseStatus.Complete)
        {
            return false;
        }

        _rest = _rest[digits..];
        return true;
    }

    internal bool TryReadSlice(int length, out ReadOnlySpan<byte> slice)
    {
        if (length > _rest.Length)
        {
            slice = default;
            return false;
        }

        slice = _rest[..length];
        _rest = _rest[length..];
        return true;
    }

    internal bool TryReadBinary(out ReadOnlySpan<byte> data)
    {
        data = default;
        return TryReadUInt16(out var length) && TryReadSlice(length, out data);
    }
}
