using NodaTime;

namespace Headwater.Storage.Partitions;

/// <summary>The times a table can store now, half open. Read before COPY: one row outside would fail the whole group.</summary>
/// <param name="Earliest">First instant that can be stored.</param>
/// <param name="Latest">First instant that can no longer be stored.</param>
/// <remarks>A partition leaves these bounds at least a day before it is detached, so a row judged by older bounds still finds its partition.</remarks>
public sealed record PartitionBounds(Instant Earliest, Instant Latest)
{
    private readonly DateTime _earliest = Earliest.ToDateTimeUtc();
    private readonly DateTime _latest = Latest.ToDateTimeUtc();

    /// <summary>Bounds that hold nothing.</summary>
    public static PartitionBounds Empty { get; } = new(Instant.FromUnixTimeTicks(0), Instant.FromUnixTimeTicks(0));

    /// <summary>Whether a row of this time can be stored.</summary>
    public bool Contains(Instant at) => at >= Earliest && at < Latest;

    /// <summary>Whether a row of this time (UTC) can be stored.</summary>
    public bool Contains(DateTime at) => at >= _earliest && at < _latest;
}
