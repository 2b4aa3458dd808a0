using Headwater.Storage.Partitions;
using NodaTime;

namespace Headwater.HeadEnd.Ingest;

/// <summary>The tables of this stage that are cut by time, and the span they can take.</summary>
public static class StorePartitions
{
    /// <summary>Readings are kept 400 days, so that a year can be compared with the one before; the log of their bytes as long, for the proof.
    /// Inserts only: vacuum for visibility is enough when a tenth of a partition is new.</summary>
    public static IReadOnlyList<PartitionedTable> Tables { get; } =
    [
        new("headend", "reading", "at", PartitionPeriod.Month, 400, 62) { StorageParameters = "autovacuum_vacuum_insert_scale_factor = 0.1" },
        new("headend", "profile_block", "start_at", PartitionPeriod.Month, 400, 62) { StorageParameters = "autovacuum_vacuum_insert_scale_factor = 0.1" },
        new("headend", "uplink_log", "committed_at", PartitionPeriod.Month, 400, 62),
    ];
}

/// <summary>The store's span as partition maintenance knows it.</summary>
public sealed class PartitionWindow(PartitionMaintenance maintenance) : IStoreWindow
{
    private volatile Span? _span;

    private sealed record Span(PartitionBounds Readings, PartitionBounds Profiles, long Earliest, long Latest);

    /// <inheritdoc/>
    public long EarliestMicroseconds => Current().Earliest;

    /// <inheritdoc/>
    public long LatestMicroseconds => Current().Latest;

    private Span Current()
    {
        var readings = maintenance.BoundsOf("headend.reading");
        var profiles = maintenance.BoundsOf("headend.profile_block");
        var span = _span;
        if (span is not null && ReferenceEquals(span.Readings, readings) && ReferenceEquals(span.Profiles, profiles)) { return span; }
        span = new Span(
            readings, profiles, Math.Max(Microseconds(readings.Earliest), Microseconds(profiles.Earliest)),
            Math.Min(Microseconds(readings.Latest), Microseconds(profiles.Latest)) - 1);
        _span = span;
        return span;
    }

    private static long Microseconds(Instant instant) => instant.ToUnixTimeTicks() / 10;
}
