using System.Buffers;

namespace Headwater.Mqtt.Packets;

/// <summary>One control packet cut out of the stream: fixed header judged, body not yet parsed.</summary>
/// <remarks>
/// MQTT 5.0 section 2.1, MQTT 3.1.1 section 2.2. Total: any peer input gives a status, never an exception.
/// No memory is reserved for a declared length: a body is copied only once all of it has arrived, and only
/// when it lies across segments. A frame is valid until its buffer is advanced or its scratch reused.
/// </remarks>
public readonly ref struct PacketFrame
{
    /// <summary>Largest fixed header: one byte of type and flags, four of length.</summary>
    private const int MaximumHeaderLength = 5;

    private PacketFrame(byte first, ReadOnlySpan<byte> body, int totalLength)
    {
        Type = (PacketType)(first >> 4);
        Flags = (byte)(first & 0x0F);
        Body = body;
        TotalLength = totalLength;
    }

    /// <summary>Which control packet.</summary>
    public PacketType Type { get; }

    /// <summary>Low nibble of the first byte.</summary>
    public byte Flags { get; }

    /// <summary>Variable header and payload.</summary>
    public ReadOnlySpan<byte> Body { get; }

    /// <summary>Bytes of the whole packet, fixed header included.</summary>
    public int TotalLength { get; }

    /// <summary>Reads the packet at the start of contiguous bytes.</summary>
    /// <param name="input">Bytes received and not yet consumed.</param>
    /// <param name="maximumPacketSize">Largest whole packet taken, fixed header included.</param>
    /// <param name="frame">The packet; the caller consumes <see cref="TotalLength"/> bytes.</param>
    /// <returns>Only <see cref="ParseStatus.Complete"/> fills <paramref name="frame"/>.</returns>
    public static ParseStatus TryRead(ReadOnlySpan<byte> input, int maximumPacketSize, out PacketFrame frame)
    {
        frame = default;
        var status = TryReadHeader(input, maximumPacketSize, out var headerLength, out var bodyLength);
        if (status != ParseStatus.Complete)
        {
            return status;
        }

        if (input.Length - headerLength < bodyLength)
        {
            return ParseStatus.NeedMore;
        }

        frame = new PacketFrame(input[0], input.Slice(headerLength, bodyLength), headerLength + bodyLength);
        return ParseStatus.Complete;
    }

    /// <summary>Reads the packet at the start of a pipe's buffer and, when complete, slices it off.</summary>
    /// <param name="buffer">Received bytes; advanced past the packet when complete, else untouched.</param>
    /// <param name="maximumPacketSize">Largest whole packet taken, fixed header included.</param>
    /// <param name="scratch">
    /// Array of <see cref="ArrayPool{T}.Shared"/> that takes a packet lying across segments; rented and grown
    /// here when needed, given back by the caller (<see cref="ReturnScratch"/>).
    /// </param>
    /// <param name="frame">The packet; valid until the pipe is advanced or the next call.</param>
    /// <returns>Only <see cref="ParseStatus.Complete"/> fills <paramref name="frame"/>.</returns>
    public static ParseStatus TryRead(ref ReadOnlySequence<byte> buffer, int maximumPacketSize, ref byte[]? scratch, out PacketFrame frame)
    {
        var first = buffer.FirstSpan;
        var status = TryRead(first, maximumPacketSize, out frame);
        if (status == ParseStatus.Complete)
        {
            buffer = buffer.Slice(frame.TotalLength);
            return status;
        }

        return status == ParseStatus.NeedMore && !buffer.IsSingleSegment
            ? TryReadAcrossSegments(ref buffer, maximumPacketSize, ref scratch, out frame)
            : status;
    }

    /// <summary>Gives back the array that <see cref="TryRead(ref ReadOnlySequence{byte}, int, ref byte[], out PacketFrame)"/> rented.</summary>
    /// <param name="scratch">The array, or null; null afterwards.</param>
    public static void ReturnScratch(ref byte[]? scratch)
    {
        if (scratch is not null)
        {
            ArrayPool<byte>.Shared.Return(scratch);
            scratch = null;
        }
    }

    private static ParseStatus TryReadAcrossSegments(ref ReadOnlySequence<byte> buffer, int maximumPacketSize, ref byte[]? scratch, out PacketFrame frame)
    {
        frame = default;
        Span<byte> header = stackalloc byte[MaximumHeaderLength];
        var known = (int)Math.Min(MaximumHeaderLength, buffer.Length);
        buffer.Slice(0, known).CopyTo(header);
        var status = TryReadHeader(header[..known], maximumPacketSize, out var headerLength, out var bodyLength);
        if (status != ParseStatus.Complete)
        {
            return status;
        }

        var total = headerLength + bodyLength;
        if (buffer.Length < total)
        {
            return ParseStatus.NeedMore;
        }

        if (scratch is null || scratch.Length < bodyLength)
        {
            ReturnScratch(ref scratch);
            scratch = ArrayPool<byte>.Shared.Rent(Math.Max(bodyLength, 1));
        }

        buffer.Slice(headerLength, bodyLength).CopyTo(scratch);
        frame = new PacketFrame(header[0], scratch.AsSpan(0, bodyLength), total);
        buffer = buffer.Slice(total);
        return ParseStatus.Complete;
    }

    private static ParseStatus TryReadHeader(ReadOnlySpan<byte> input, int maximumPacketSize, out int headerLength, out int bodyLength)
    {
        headerLength = 0;
        bodyLength = 0;
        if (input.IsEmpty)
        {
            return ParseStatus.NeedMore;
        }

        // Judged on the first byte already: a peer that will never be right is not waited for.
        if (!FlagsAreRight(input[0]))
        {
            return ParseStatus.Malformed;
        }

        var status = RemainingLength.TryRead(input[1..], out bodyLength, out var digits);
        if (status != ParseStatus.Complete)
        {
            return status;
        }

        headerLength = 1 + digits;
        return headerLength + (long)bodyLength > maximumPacketSize ? ParseStatus.TooLarge : ParseStatus.Complete;
    }

    /// <summary>Type and flags of the first byte, MQTT 5.0 section 2.1.3, table 2-2.</summary>
    private static bool FlagsAreRight(byte first)
    {
        var flags = first & 0x0F;
        return (PacketType)(first >> 4) switch
        {
            PacketType.Publish => (flags & 0b0110) != 0b0110, // QoS 3 does not exist [MQTT-3.3.1-4]
            PacketType.PubRel or PacketType.Subscribe or PacketType.Unsubscribe => flags == 0b0010,
            (PacketType)0 => false, // reserved
            _ => flags == 0,
        };
    }
}
