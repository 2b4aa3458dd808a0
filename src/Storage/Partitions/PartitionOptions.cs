namespace Headwater.Storage.Partitions;

/// <summary>Settings of the upkeep of partitions.</summary>
public sealed record PartitionOptions
{
    /// <summary>Time between two rounds. Default 10 min, range 1 s to 12 h: a month ahead is ready anyway; a failed round is repeated soon.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Longest wait for a lock on the table. Default 2 s, range 100 ms to 60 s: who waits for this lock makes new readers of the table wait behind it.</summary>
    public TimeSpan LockTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Tries to get that lock in one round. Default 5, range 1 to 100.</summary>
    public int LockTries { get; init; } = 5;

    /// <summary>Longest wait of a concurrent detach for running statements. Default 60 s, range 100 ms to 1 h. What it leaves pending the next round finishes.</summary>
    public TimeSpan DetachTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <exception cref="StoreRefusedException">Settings are out of their ranges.</exception>
    internal void Verify(IReadOnlyList<PartitionedTable> tables)
    {
        var ranges = new OptionRanges()
            .Within(nameof(Interval), Interval, TimeSpan.FromSeconds(1), TimeSpan.FromHours(12))
            .Within(nameof(LockTimeout), LockTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(60))
            .Within(nameof(LockTries), LockTries, 1, 100)
            .Within(nameof(DetachTimeout), DetachTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));
        foreach (var table in tables)
        {
            ranges.Within(table.FullName + " " + nameof(table.KeepDays), table.KeepDays, 1, 36_600).Within(table.FullName + " " + nameof(table.AheadDays), table.AheadDays, 1, 3_660);
        }
        ranges.ThrowIfAny();
    }
}
