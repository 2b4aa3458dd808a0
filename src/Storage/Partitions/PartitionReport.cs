namespace Headwater.Storage.Partitions;

/// <summary>What one round of upkeep found and did.</summary>
/// <param name="At">When the round ended.</param>
/// <param name="Tables">One entry a table.</param>
/// <param name="WasElsewhere">True when another server had the upkeep; then only the bounds were read.</param>
public sealed record PartitionReport(DateTimeOffset At, IReadOnlyList<PartitionedTableReport> Tables, bool WasElsewhere)
{
    /// <summary>Whether every table is as wished.</summary>
    public bool IsWell => Tables.All(static t => t.Trouble is null);
}

/// <summary>One table's part of a round.</summary>
/// <param name="Table">Schema and table.</param>
/// <param name="Bounds">What can be stored now.</param>
/// <param name="Partitions">Partitions attached after the round; chunks where TimescaleDB is used.</param>
/// <param name="Created">Names made and attached.</param>
/// <param name="Dropped">Names dropped because they were older than the days kept.</param>
/// <param name="Trouble">What could not be done, in words, to be tried again next round; else null.</param>
public sealed record PartitionedTableReport(string Table, PartitionBounds Bounds, int Partitions, IReadOnlyList<string> Created, IReadOnlyList<string> Dropped, string? Trouble);
