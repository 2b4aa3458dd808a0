namespace Headwater.Web.Jobs;

/// <summary>Where a job is.</summary>
public enum JobState
{
    /// <summary>Under way.</summary>
    Running,

    /// <summary>Done.</summary>
    Done,

    /// <summary>Ended by a failure; what was done until then stays.</summary>
    Failed,

    /// <summary>Stopped by a person; what was done until then stays.</summary>
    Cancelled,
}

/// <summary>Long work with its progress.</summary>
/// <param name="Id">Identifier.</param>
/// <param name="Kind">What is done: replay, discard, restore.</param>
/// <param name="State">Where it is.</param>
/// <param name="Done">Items done.</param>
/// <param name="Total">Items in all.</param>
/// <param name="Outcome">Counts by name at the end, or null.</param>
/// <param name="StartedAt">Begin.</param>
/// <param name="EndedAt">End, or null.</param>
/// <param name="StartedBy">Who.</param>
/// <param name="Reference">Finds a failure in the logs, or null.</param>
public sealed record Job(
    string Id, string Kind, JobState State, int Done, int Total, IReadOnlyDictionary<string, int>? Outcome, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string StartedBy, string? Reference = null);
