using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Headwater.Web.Jobs;

/// <summary>Jobs of this server, in memory: a restart ends them, and what they did until then stays done.</summary>
/// <param name="time">Clock.</param>
/// <param name="logger">Log.</param>
internal sealed class JobList(TimeProvider time, ILogger<JobList> logger) : IAsyncDisposable
{
    private const int Kept = 200;
    private const int MostRunning = 8;
    private readonly ConcurrentDictionary<string, Entry> _jobs = new(StringComparer.Ordinal);

    /// <summary>Starts a job; null when too many run already.</summary>
    internal Job? Start(long organizationId, string kind, string startedBy, int total, Func<IProgress<int>, CancellationToken, Task<IReadOnlyDictionary<string, int>>> work)
    {
        if (_jobs.Values.Count(static j => j.Job.State == JobState.Running) >= MostRunning) { return null; }
        foreach (var old in _jobs.Values.Where(static j => j.Job.State != JobState.Running).OrderByDescending(static j => j.Job.StartedAt).Skip(Kept).ToList()) { _jobs.TryRemove(old.Job.Id, out _); }
        var entry = new Entry(organizationId, new Job(Guid.NewGuid().ToString("N")[..12], kind, JobState.Running, 0, total, Outcome: null, time.GetUtcNow(), EndedAt: null, startedBy));
        _jobs[entry.Job.Id] = entry;
        entry.Running = Task.Run(() => RunAsync(entry, work));
        return entry.Job;
    }

    internal IReadOnlyList<Job> List(long organizationId) => [.. _jobs.Values.Where(j => j.OrganizationId == organizationId).Select(static j => j.Job).OrderByDescending(static j => j.StartedAt)];

    internal Job? Find(long organizationId, string id) => _jobs.TryGetValue(id, out var entry) && entry.OrganizationId == organizationId ? entry.Job : null;

    /// <summary>Asks a job to stop; it does after the step under way.</summary>
    internal async Task<bool> CancelAsync(long organizationId, string id)
    {
        if (!_jobs.TryGetValue(id, out var entry) || entry.OrganizationId != organizationId) { return false; }
        await entry.Stop.CancelAsync();
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var entry in _jobs.Values)
        {
            await entry.Stop.CancelAsync();
            await entry.Running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            entry.Stop.Dispose();
        }
    }

    private async Task RunAsync(Entry entry, Func<IProgress<int>, CancellationToken, Task<IReadOnlyDictionary<string, int>>> work)
    {
        try
        {
            var outcome = await work(entry, entry.Stop.Token);
            entry.Change(j => j with { State = JobState.Done, Done = j.Total, Outcome = outcome, EndedAt = time.GetUtcNow() });
        }
        catch (OperationCanceledException)
        {
            entry.Change(j => j with { State = JobState.Cancelled, EndedAt = time.GetUtcNow() });
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            WebLog.JobFailed(logger, e, entry.Job.Id, entry.Job.Kind);
            entry.Change(j => j with { State = JobState.Failed, EndedAt = time.GetUtcNow(), Reference = j.Id });
        }
    }

    private sealed class Entry(long organizationId, Job job) : IProgress<int>
    {
        private readonly Lock _gate = new();
        private Job _job = job;

        internal long OrganizationId { get; } = organizationId;

        internal CancellationTokenSource Stop { get; } = new();

        internal Task Running { get; set; } = Task.CompletedTask;

        internal Job Job
        {
            get
            {
                lock (_gate) { return _job; }
            }
        }

        public void Report(int value) => Change(j => j with { Done = Math.Min(value, j.Total) });

        internal void Change(Func<Job, Job> change)
        {
            lock (_gate) { _job = change(_job); }
        }
    }
}
