namespace Headwater.HeadEnd.Ingest;

/// <summary>Settings of the ingest.</summary>
public sealed class IngestOptions
{
    /// <summary>Oldest reading taken, before its arrival.
    /// Default 400 days; range 1 day to 10 years. Reason: a year and a month of backlog covers any meter that comes back from storage.</summary>
    public TimeSpan OldestReading { get; set; } = TimeSpan.FromDays(400);

    /// <summary>How far a reading may lie after its arrival.
    /// Default 1 h; range 0 to 1 day. Reason: a clock that is wrong by a zone is a fault, one that drifts is not.</summary>
    public TimeSpan NewestReading { get; set; } = TimeSpan.FromHours(1);

    /// <summary>A reading this far after its arrival is stored with the suspicion that the clock is ahead.
    /// Default 60 s; range 0 to 1 h. Reason: meters keep time to some seconds a day.</summary>
    public TimeSpan ClockAheadAfter { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Registers a device at its first uplink instead of putting it into quarantine.
    /// Default false; range false or true. Reason: who may report is the operator's decision; the demo says yes.</summary>
    public bool RegisterUnknownDevices { get; set; }

    /// <summary>Most messages of one sender held in quarantine.
    /// Default 10,000; range 10 to 1,000,000. Reason: enough to see and replay a fault of some days, too few to fill a disk.</summary>
    public int QuarantineMessagesPerSender { get; set; } = 10_000;

    /// <summary>Most bytes of one sender held in quarantine.
    /// Default 16 MiB; range 64 KiB to 1 GiB. Reason: as above.</summary>
    public long QuarantineBytesPerSender { get; set; } = 16L * 1024 * 1024;

    /// <summary>Most bytes held in quarantine for all senders together.
    /// Default 4 GiB; range 1 MiB to 1 TiB. Reason: many small senders must not do what one may not.</summary>
    public long QuarantineBytesInAll { get; set; } = 4L * 1024 * 1024 * 1024;

    /// <summary>How often messages that no session's queue needs any more are deleted.
    /// Default 1 min; range 1 s to 1 day. Reason: keeps the table small without being seen in the load.</summary>
    public TimeSpan SweepInterval { get; set; } = TimeSpan.FromMinutes(1);
}
