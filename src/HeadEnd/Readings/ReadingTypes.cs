using Headwater.Metering;

namespace Headwater.HeadEnd.Readings;

/// <summary>One version of a register and the time it is in force, half open.</summary>
/// <param name="Version">Number, from 1.</param>
/// <param name="From">Begin; the first version has no begin.</param>
/// <param name="To">End; the last version has none.</param>
/// <param name="Unit">Unit.</param>
/// <param name="Exponent">Decimal exponent.</param>
public sealed record RegisterSpan(int Version, DateTimeOffset From, DateTimeOffset To, string Unit, short Exponent);

/// <summary>A stored reading.</summary>
/// <param name="RegisterId">Register.</param>
/// <param name="At">Time of the reading.</param>
/// <param name="Value">Decimal text in the unit.</param>
/// <param name="Unit">Unit of the version in force at that time.</param>
/// <param name="Suspicion">Why it is doubted.</param>
/// <param name="CommitNumber">Commit that stored it.</param>
/// <param name="Ordinal">Ordinal there.</param>
/// <param name="ReceivedAt">Time of that commit, or null when its log is no longer kept.</param>
public sealed record StoredReading(
    long RegisterId, DateTimeOffset At, string Value, string Unit, Suspicion Suspicion, long CommitNumber, int Ordinal, DateTimeOffset? ReceivedAt);

/// <summary>One point of a down-sampled series.</summary>
/// <param name="At">First time in it, milliseconds since 1970.</param>
/// <param name="Minimum">Smallest value.</param>
/// <param name="Maximum">Largest value.</param>
/// <param name="Last">Latest value.</param>
/// <param name="Count">Values in it.</param>
public readonly record struct SeriesPoint(long At, double Minimum, double Maximum, double Last, long Count);

/// <summary>A series cut to a chart's width.</summary>
/// <param name="Unit">Unit.</param>
/// <param name="IsInterval">True: energy per interval; false: values at instants.</param>
/// <param name="Points">Points in order of time.</param>
/// <param name="Gaps">Spans without values where some would be expected, milliseconds since 1970.</param>
public sealed record ReadingSeries(string Unit, bool IsInterval, IReadOnlyList<SeriesPoint> Points, IReadOnlyList<(long From, long To)> Gaps);

/// <summary>One interval of a load profile.</summary>
/// <param name="At">Begin, milliseconds since 1970.</param>
/// <param name="Value">Value in the register's integer, or null when missing.</param>
/// <param name="Status">Status code, see <c>ProfileStatus</c>; 0 plain.</param>
public readonly record struct ProfilePoint(long At, int? Value, byte Status);

/// <summary>Consecutive intervals of a channel; where messages overlap the latest commit counts.</summary>
/// <param name="Unit">Unit.</param>
/// <param name="Exponent">Decimal exponent.</param>
/// <param name="EverySeconds">Interval length; the most common one when it changed.</param>
/// <param name="Points">Intervals in order of time.</param>
public sealed record ProfileSeries(string Unit, short Exponent, int EverySeconds, IReadOnlyList<ProfilePoint> Points);

/// <summary>An event a device reported.</summary>
/// <param name="At">When, by the device's clock.</param>
/// <param name="Code">Code of the event book.</param>
/// <param name="Sequence">The device's own number.</param>
/// <param name="Data">Particulars, a JSON object.</param>
/// <param name="CommitNumber">Commit that stored it.</param>
/// <param name="Ordinal">Ordinal there.</param>
public sealed record StoredMeterEvent(DateTimeOffset At, string Code, long Sequence, string Data, long CommitNumber, int Ordinal);

/// <summary>Two values for one key: the first stands.</summary>
/// <param name="RegisterId">Register.</param>
/// <param name="At">Time of the reading.</param>
/// <param name="Unit">Unit.</param>
/// <param name="StandingValue">The value that stands.</param>
/// <param name="StandingCommitNumber">Its commit.</param>
/// <param name="OtherValue">The value that came later.</param>
/// <param name="CommitNumber">Its commit.</param>
/// <param name="Ordinal">Its ordinal.</param>
/// <param name="RecordedAt">When the conflict was seen.</param>
/// <param name="StandingReceivedAt">When the standing value was committed, or null.</param>
public sealed record StoredConflict(
    long RegisterId, DateTimeOffset At, string Unit, string StandingValue, long StandingCommitNumber, string OtherValue, long CommitNumber, int Ordinal,
    DateTimeOffset RecordedAt, DateTimeOffset? StandingReceivedAt);

/// <summary>Latest value of a register.</summary>
/// <param name="RegisterId">Register.</param>
/// <param name="At">Its time.</param>
/// <param name="Value">The stored integer.</param>
public sealed record LatestValue(long RegisterId, DateTimeOffset At, long Value);
