namespace Headwater.Web.Flow;

/// <summary>A count and how fast it grows.</summary>
/// <param name="PerSecond">Per second, over the last seconds.</param>
/// <param name="Total">Since the server's start.</param>
public sealed record Rate(double PerSecond, long Total);

/// <summary>How the server is, in words.</summary>
/// <param name="State">ok, attention or fault.</param>
/// <param name="Sentences">Why.</param>
public sealed record HealthState(string State, IReadOnlyList<string> Sentences);

/// <summary>Devices in numbers.</summary>
/// <param name="Registered">Registered.</param>
/// <param name="Connected">Connected now.</param>
/// <param name="SeenLastHour">Heard of within the hour.</param>
public sealed record DeviceNumbers(int Registered, int Connected, int SeenLastHour);

/// <summary>The flow from devices to the database.</summary>
/// <param name="Received">Uplinks received.</param>
/// <param name="Committed">Uplinks committed.</param>
/// <param name="Readings">Readings and intervals stored.</param>
/// <param name="Quarantined">Uplinks put into quarantine.</param>
/// <param name="Acknowledged">Acknowledgements sent.</param>
/// <param name="BytesPerSecond">Payload bytes received per second.</param>
public sealed record FlowNumbers(Rate Received, Rate Committed, Rate Readings, Rate Quarantined, Rate Acknowledged, double BytesPerSecond);

/// <summary>Time from arrival to acknowledgement; null when nothing was acknowledged.</summary>
/// <param name="P50Milliseconds">Median.</param>
/// <param name="P99Milliseconds">99th percentile.</param>
public sealed record AcknowledgementNumbers(double? P50Milliseconds, double? P99Milliseconds);

/// <summary>Group commits.</summary>
/// <param name="BatchesPerSecond">Commits per second.</param>
/// <param name="AverageRows">Rows per commit.</param>
/// <param name="LastCommitNumber">Latest commit number, or null.</param>
/// <param name="LastCommittedAt">Its time, or null.</param>
/// <param name="QueueBytes">Bytes waiting for a commit.</param>
/// <param name="QueueLimitBytes">How many may wait.</param>
public sealed record CommitNumbers(double BatchesPerSecond, double AverageRows, string? LastCommitNumber, DateTimeOffset? LastCommittedAt, long QueueBytes, long QueueLimitBytes);

/// <summary>Held messages of one reason.</summary>
/// <param name="Reason">Reason.</param>
/// <param name="Count">Messages.</param>
public sealed record ReasonNumber(string Reason, int Count);

/// <summary>Quarantine in numbers.</summary>
/// <param name="Held">Messages held.</param>
/// <param name="Newest">The most frequent reasons.</param>
public sealed record QuarantineNumbers(int Held, IReadOnlyList<ReasonNumber> Newest);

/// <summary>The database in numbers; null where it could not be asked.</summary>
/// <param name="DatabaseBytes">Size.</param>
/// <param name="DiskFreeBytes">Free on the disk of the data folder.</param>
/// <param name="ReadingsEstimate">Readings, as the planner estimates them.</param>
/// <param name="OldestReadingAt">Begin of the oldest partition that holds any.</param>
/// <param name="Partitions">Partitions of the readings.</param>
public sealed record StorageNumbers(long? DatabaseBytes, long? DiskFreeBytes, long? ReadingsEstimate, DateTimeOffset? OldestReadingAt, int Partitions);

/// <summary>What needs a person.</summary>
/// <param name="Severity">attention or fault.</param>
/// <param name="Text">What.</param>
/// <param name="Since">Since when.</param>
/// <param name="Link">Where to look, or null.</param>
public sealed record Alarm(string Severity, string Text, DateTimeOffset Since, string? Link);

/// <summary>Five seconds of the past.</summary>
/// <param name="At">End.</param>
/// <param name="Received">Uplinks per second.</param>
/// <param name="Committed">Commits of uplinks per second.</param>
/// <param name="Quarantined">Quarantined per second.</param>
/// <param name="AcknowledgementP99">99th percentile in milliseconds, or null.</param>
public sealed record HistoryPoint(DateTimeOffset At, double Received, double Committed, double Quarantined, double? AcknowledgementP99);

/// <summary>The whole flow at one moment.</summary>
/// <param name="At">When.</param>
/// <param name="Health">How it is.</param>
/// <param name="Devices">Devices.</param>
/// <param name="Flow">Rates per stage.</param>
/// <param name="Acknowledgement">Latency.</param>
/// <param name="Commit">Group commits.</param>
/// <param name="Quarantine">Quarantine.</param>
/// <param name="Storage">Database.</param>
/// <param name="Alarms">What needs a person.</param>
/// <param name="History">The last 15 minutes by 5 seconds.</param>
public sealed record Overview(
    DateTimeOffset At, HealthState Health, DeviceNumbers Devices, FlowNumbers Flow, AcknowledgementNumbers Acknowledgement, CommitNumbers Commit, QuarantineNumbers Quarantine,
    StorageNumbers Storage, IReadOnlyList<Alarm> Alarms, IReadOnlyList<HistoryPoint> History);
