using System.Globalization;
using NodaTime;

namespace Headwater.Storage.Partitions;

/// <summary>How much time one partition holds. Few and larger ones: every statement that cannot leave a partition out pays for it.</summary>
public enum PartitionPeriod
{
    /// <summary>A day in UTC.</summary>
    Day = 1,

    /// <summary>A calendar month in UTC.</summary>
    Month = 2,
}

/// <summary>A table cut by time, and how long it is kept.</summary>
/// <param name="Schema">Its schema; a lower-case SQL name.</param>
/// <param name="Table">Its name; a lower-case SQL name.</param>
/// <param name="Column">The <c>timestamptz NOT NULL</c> column it is cut by.</param>
/// <param name="Period">Time in one partition.</param>
/// <param name="KeepDays">Days kept before now. Readings: 400, so that a year can be compared with the one before. Range 1 to 36,600.</param>
/// <param name="AheadDays">Days ahead of now for which partitions are ready. Readings: 62, so that a meter whose clock is wrong by weeks is still stored. Range 1 to 3,660.</param>
public sealed record PartitionedTable(string Schema, string Table, string Column, PartitionPeriod Period, int KeepDays, int AheadDays)
{
    /// <summary>Storage parameters of each partition, for example <c>autovacuum_vacuum_insert_scale_factor = 0.1</c>. Default none.</summary>
    public string? StorageParameters { get; init; }

    /// <summary>Schema and table.</summary>
    public string FullName => $"{Schema}.{Table}";

    /// <summary>Begin of the period an instant lies in.</summary>
    internal Instant Floor(Instant instant)
    {
        var date = instant.InUtc().Date;
        return (Period == PartitionPeriod.Day ? date : new LocalDate(date.Year, date.Month, 1)).AtMidnight().InUtc().ToInstant();
    }

    /// <summary>Begin of the period after the one that begins at <paramref name="begin"/>.</summary>
    internal Instant Next(Instant begin)
    {
        var date = begin.InUtc().Date;
        return (Period == PartitionPeriod.Day ? date.PlusDays(1) : date.PlusMonths(1)).AtMidnight().InUtc().ToInstant();
    }

    /// <summary>Name of the partition that begins at an instant, for example <c>reading_202611</c>.</summary>
    internal string NameOf(Instant begin) => Table + "_" + begin.InUtc().ToDateTimeUtc().ToString(Period == PartitionPeriod.Day ? "yyyyMMdd" : "yyyyMM", CultureInfo.InvariantCulture);
}
