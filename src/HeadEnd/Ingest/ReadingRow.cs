using System.Buffers.Binary;

namespace Headwater.HeadEnd.Ingest;

/// <summary>A row of <c>headend.reading</c> in the binary COPY format, made once on the connection's thread and only copied from there on.</summary>
/// <remarks>
/// <code>
/// 0  fields=7 | 2  8 device_id | 14 8 register_id | 26 8 at | 38 8 value | 50 8 commit_number | 62 4 ordinal | 70 2 suspicion | 76
/// </code>
/// Each field is a 4-byte length and its bytes, big-endian. at: microseconds since 2000-01-01 (PostgreSQL's own epoch).
/// Source: PostgreSQL documentation, COPY, "Binary Format".
/// </remarks>
internal static class ReadingRow
{
    internal const int Size = 76;
    internal const string Columns = "device_id, register_id, at, value, commit_number, ordinal, suspicion";

    /// <summary>Microseconds from 1970-01-01 to 2000-01-01.</summary>
    internal const long PostgresEpoch = 946_684_800L * 1_000_000;

    private const int RegisterAt = 18;
    private const int TimeAt = 30;
    private const int CommitAt = 54;
    private const int OrdinalAt = 66;

    internal static void Write(Span<byte> row, long deviceId, long registerId, long at, long value, int ordinal, short suspicion)
    {
        BinaryPrimitives.WriteInt16BigEndian(row, 7);
        WriteInt64(row[2..], deviceId);
        WriteInt64(row[14..], registerId);
        WriteInt64(row[26..], at - PostgresEpoch);
        WriteInt64(row[38..], value);
        WriteInt64(row[50..], 0);
        BinaryPrimitives.WriteInt32BigEndian(row[62..], 4);
        BinaryPrimitives.WriteInt32BigEndian(row[OrdinalAt..], ordinal);
        BinaryPrimitives.WriteInt32BigEndian(row[70..], 2);
        BinaryPrimitives.WriteInt16BigEndian(row[74..], suspicion);
    }

    internal static void MoveOrdinal(Span<byte> row, int by) =>
        BinaryPrimitives.WriteInt32BigEndian(row[OrdinalAt..], BinaryPrimitives.ReadInt32BigEndian(row[OrdinalAt..]) + by);

    internal static int Ordinal(ReadOnlySpan<byte> row) => BinaryPrimitives.ReadInt32BigEndian(row[OrdinalAt..]);

    internal static long RegisterId(ReadOnlySpan<byte> row) => BinaryPrimitives.ReadInt64BigEndian(row[RegisterAt..]);

    internal static long At(ReadOnlySpan<byte> row) => BinaryPrimitives.ReadInt64BigEndian(row[TimeAt..]) + PostgresEpoch;

    /// <summary>Writes the commit number into every row.</summary>
    internal static void Stamp(Span<byte> rows, long commitNumber)
    {
        for (var position = 0; position < rows.Length; position += Size)
        {
            BinaryPrimitives.WriteInt64BigEndian(rows[(position + CommitAt)..], commitNumber);
        }
    }

    private static void WriteInt64(Span<byte> field, long value)
    {
        BinaryPrimitives.WriteInt32BigEndian(field, 8);
        BinaryPrimitives.WriteInt64BigEndian(field[4..], value);
    }
}
