using Headwater.HeadEnd.Registry;
using Npgsql;
using NpgsqlTypes;

namespace Headwater.HeadEnd.Ingest;

/// <summary>Divides the rows a batch meant to stage into those that need staging after all and those that are sure to be new.</summary>
/// <remarks>After a start nothing is known of any register, and a whole fleet's first boundary would go through staging, three passes over
/// each row. One look into the key per register instead: where nothing is stored at or after its earliest row, COPY is safe.</remarks>
internal sealed class StagedSplit
{
    private const string Probe = """
        select n.r, l.at
        from unnest($1, $2) as n (r, a)
        cross join lateral (
            select r.at from headend.reading r where r.register_id = n.r and r.at >= n.a order by r.at desc limit 1) l
        """;

    private readonly Dictionary<RegisteredRegister, Span> _fresh = [];

    private struct Span
    {
        internal long First;
        internal long Last;
        internal bool IsAscending;
        internal bool IsStored;
    }

    /// <summary>Rows that are sure to be new.</summary>
    internal ByteBuffer Direct { get; } = new(keep: 1 << 20);

    /// <summary>Rows that may be there already.</summary>
    internal ByteBuffer Staged { get; } = new(keep: 1 << 20);

    /// <summary>Divides rows. Inside the transaction, under the commit lock: nobody else adds rows between the look and the COPY.</summary>
    /// <param name="connection">Connection of the transaction.</param>
    /// <param name="rows">The rows, stamped.</param>
    /// <param name="registers">One register for each row.</param>
    /// <param name="latest">Gets the latest stored time of registers that have later rows.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    internal async Task RunAsync(
        NpgsqlConnection connection, ByteBuffer rows, List<RegisteredRegister> registers, Dictionary<long, long> latest, CancellationToken cancellationToken)
    {
        Clear();
        latest.Clear();
        Gather(rows, registers);
        if (_fresh.Count > 0) { await ProbeAsync(connection, latest, cancellationToken).ConfigureAwait(false); }
        Divide(rows, registers);
    }

    internal void Clear()
    {
        Direct.Clear();
        Staged.Clear();
        _fresh.Clear();
    }

    private void Gather(ByteBuffer rows, List<RegisteredRegister> registers)
    {
        for (var i = 0; i < registers.Count; i++)
        {
            if (registers[i].HighestQueuedAt != RegisteredRegister.Unknown) { continue; }
            var at = At(rows, i);
            ref var span = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_fresh, registers[i], out var isThere);
            if (!isThere)
            {
                span = new Span { First = at, Last = at, IsAscending = true };
                continue;
            }

            span.IsAscending &= at > span.Last;
            span.First = Math.Min(span.First, at);
            span.Last = Math.Max(span.Last, at);
        }
    }

    private async Task ProbeAsync(NpgsqlConnection connection, Dictionary<long, long> latest, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Probe, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<long[]> { TypedValue = [.. _fresh.Keys.Select(static r => r.RegisterId)] },
                new NpgsqlParameter
                {
                    Value = _fresh.Values.Select(static s => IngestSql.Time(s.First)).ToArray(),
                    NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz,
                },
            },
        };
        await using var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        while (await row.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            latest[row.GetInt64(0)] = (row.GetDateTime(1).Ticks - DateTime.UnixEpoch.Ticks) / 10;
        }

        foreach (var register in _fresh.Keys)
        {
            ref var span = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrNullRef(_fresh, register);
            span.IsStored = latest.ContainsKey(register.RegisterId);
        }
    }

    private void Divide(ByteBuffer rows, List<RegisteredRegister> registers)
    {
        for (var i = 0; i < registers.Count; i++)
        {
            var row = rows.Written.Slice(i * ReadingRow.Size, ReadingRow.Size);
            var isNew = _fresh.TryGetValue(registers[i], out var span)
                ? span is { IsAscending: true, IsStored: false }
                : registers[i].TryAdvance(ReadingRow.At(row)); // became known while the batch waited
            (isNew ? Direct : Staged).Append(row);
        }
    }

    private static long At(ByteBuffer rows, int index) => ReadingRow.At(rows.Written.Slice(index * ReadingRow.Size, ReadingRow.Size));
}
