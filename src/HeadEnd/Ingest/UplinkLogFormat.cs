using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Headwater.Mqtt;

namespace Headwater.HeadEnd.Ingest;

/// <summary>The bytes of <c>headend.uplink_log.raw</c>: every uplink of one commit as it came off the wire.</summary>
/// <remarks>
/// <code>
/// raw     := format(1 byte) body                 format 1: body is Brotli of the runs; 0: the runs as they are
/// run     := clientId connection arrivedAt count message*
/// message := ordinals flags [topic] payload      flags: bits 0-1 QoS, 2 RETAIN, 3 DUP, 4 topic as in the message before, 5 MQTT 5
/// texts and payloads: varint length, bytes; connection, count, ordinals: varint; arrivedAt: 8 bytes big-endian, microseconds since 1970
/// </code>
/// A message owns as many consecutive ordinals as it made rows, at least one; the first message of a commit begins at ordinal 0.
/// </remarks>
internal static class UplinkLogFormat
{
    internal const byte Plain = 0;
    internal const byte Brotli = 1;

    /// <summary>Smaller than every ordinal: all messages.</summary>
    internal const int Every = -1;

    private const byte RetainFlag = 4;
    private const byte DuplicateFlag = 8;
    private const byte SameTopicFlag = 16;
    private const byte Version5Flag = 32;

    // Fastest: the log is written at the speed of the ingest; it is read once in a while, by hand.
    private const int Quality = 1;
    private const int Window = 20;

    internal static void WriteRun(ByteBuffer log, string clientId, long connection, long arrivedAt, int count)
    {
        WriteText(log, clientId);
        log.AppendVarint((ulong)connection);
        log.AppendInt64(arrivedAt);
        log.AppendVarint((ulong)count);
    }

    internal static void WriteMessage(
        ByteBuffer log, string? topic, QualityOfService quality, bool retain, bool duplicate, ProtocolVersion version, int ordinals, ReadOnlySpan<byte> payload)
    {
        log.AppendVarint((ulong)ordinals);
        var flags = (byte)quality;
        if (retain) { flags |= RetainFlag; }
        if (duplicate) { flags |= DuplicateFlag; }
        if (topic is null) { flags |= SameTopicFlag; }
        if (version == ProtocolVersion.V5) { flags |= Version5Flag; }
        log.AppendByte(flags);
        if (topic is not null) { WriteText(log, topic); }
        log.AppendVarint((ulong)payload.Length);
        log.Append(payload);
    }

    internal static byte[] Pack(ReadOnlySpan<byte> runs)
    {
        var packed = new byte[BrotliEncoder.GetMaxCompressedLength(runs.Length) + 1];
        if (BrotliEncoder.TryCompress(runs, packed.AsSpan(1), out var written, Quality, Window) && written < runs.Length)
        {
            packed[0] = Brotli;
            return packed.AsSpan(0, written + 1).ToArray();
        }

        packed[0] = Plain;
        runs.CopyTo(packed.AsSpan(1));
        return packed.AsSpan(0, runs.Length + 1).ToArray();
    }

    internal static byte[] Unpack(ReadOnlySpan<byte> raw, int length)
    {
        if (raw.Length > 0 && raw[0] == Plain) { return raw[1..].ToArray(); }
        var runs = new byte[length];
        if (raw.Length == 0 || raw[0] != Brotli || !BrotliDecoder.TryDecompress(raw[1..], runs, out var written) || written != length)
        {
            throw new InvalidDataException("The uplink log row is damaged or of an unknown format.");
        }

        return runs;
    }

    /// <summary>The message that owns an ordinal, or null when there is none.</summary>
    internal static LoggedUplink? Find(ReadOnlySpan<byte> runs, int ordinal)
    {
        LoggedUplink? found = null;
        Walk(runs, ordinal, message => found = message);
        return found;
    }

    /// <summary>Shows the message that owns an ordinal, or every message.</summary>
    /// <param name="runs">Unpacked runs.</param>
    /// <param name="wanted">The ordinal, or <see cref="Every"/>.</param>
    /// <param name="show">Called with each.</param>
    internal static void Walk(ReadOnlySpan<byte> runs, int wanted, Action<LoggedUplink> show)
    {
        var position = 0;
        var next = 0;
        while (position < runs.Length)
        {
            var client = ReadBytes(runs, ref position);
            var connection = (long)ReadVarint(runs, ref position);
            var arrivedAt = BinaryPrimitives.ReadInt64BigEndian(runs.Slice(position, 8));
            position += 8;
            var count = ReadVarint(runs, ref position);
            ReadOnlySpan<byte> topic = default;
            for (ulong i = 0; i < count; i++)
            {
                var ordinals = (int)ReadVarint(runs, ref position);
                var flags = runs[position++];
                if ((flags & SameTopicFlag) == 0) { topic = ReadBytes(runs, ref position); }
                var payload = ReadBytes(runs, ref position);
                var isWanted = wanted < next + ordinals;
                if (isWanted)
                {
                    show(new LoggedUplink(
                        Encoding.UTF8.GetString(client), connection, arrivedAt, Encoding.UTF8.GetString(topic), (QualityOfService)(flags & 3),
                        (flags & RetainFlag) != 0, (flags & DuplicateFlag) != 0,
                        (flags & Version5Flag) != 0 ? ProtocolVersion.V5 : ProtocolVersion.V311, next, ordinals, payload.ToArray()));
                }

                if (isWanted && wanted != Every) { return; }
                next += ordinals;
            }
        }
    }

    private static void WriteText(ByteBuffer log, string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        log.AppendVarint((ulong)length);
        Encoding.UTF8.GetBytes(text, log.Extend(length));
    }

    private static ReadOnlySpan<byte> ReadBytes(ReadOnlySpan<byte> runs, scoped ref int position)
    {
        var length = (int)ReadVarint(runs, ref position);
        var bytes = runs.Slice(position, length);
        position += length;
        return bytes;
    }

    private static ulong ReadVarint(ReadOnlySpan<byte> runs, scoped ref int position)
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var digit = runs[position++];
            value |= (ulong)(digit & 0x7F) << shift;
            if ((digit & 0x80) == 0) { break; }
        }

        return value;
    }
}

/// <summary>A message as it stands in the uplink log: what came off the wire, and which rows it became.</summary>
/// <param name="ClientId">Client identifier of the session.</param>
/// <param name="Connection">Number of the connection, unique within one start of the server.</param>
/// <param name="ArrivedAtMicroseconds">Arrival, microseconds since 1970, UTC.</param>
/// <param name="Topic">Topic name.</param>
/// <param name="QualityOfService">Level it was published at.</param>
/// <param name="Retain">RETAIN flag.</param>
/// <param name="Duplicate">DUP flag.</param>
/// <param name="Version">Protocol version.</param>
/// <param name="FirstOrdinal">Ordinal of its first row in the commit.</param>
/// <param name="Ordinals">How many ordinals it owns.</param>
/// <param name="Payload">The bytes.</param>
public sealed record LoggedUplink(
    string ClientId, long Connection, long ArrivedAtMicroseconds, string Topic, QualityOfService QualityOfService, bool Retain, bool Duplicate,
    ProtocolVersion Version, int FirstOrdinal, int Ordinals, byte[] Payload);
