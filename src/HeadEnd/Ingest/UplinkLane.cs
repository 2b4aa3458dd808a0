using System.Collections.Concurrent;
using Headwater.HeadEnd.Registry;
using Headwater.HeadEnd.Sessions;
using Headwater.Mqtt.Server;
using Headwater.Storage.GroupCommit;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.HeadEnd.Ingest;

/// <summary>The commit lane of the MQTT server over PostgreSQL: decodes on the connection's thread, commits in groups, completes after the commit.</summary>
/// <remarks>A run whose devices or registers have to be made first is parked together with everything its connection sends after it, so that
/// order is kept. What is parked counts against the lane's bound as what waits for its commit does.</remarks>
public sealed class UplinkLane : ICommitLane, IAsyncDisposable
{
    /// <summary>Sequence that commit numbers are drawn from.</summary>
    public const string CommitNumbers = "headend.commit_number";

    private readonly NpgsqlDataSource _primary;
    private readonly DeviceRegistry _registry;
    private readonly DevicePresence? _presence;
    private readonly IngestOptions _options;
    private readonly IStoreWindow _window;
    private readonly ILogger<UplinkLane> _logger;
    private readonly GroupCommitLane<IngestBatch> _lane;
    private readonly ConcurrentDictionary<long, Queue<PublishRun>> _parked = new();
    private readonly ThreadLocal<RunDecoder> _decoder;
    private readonly long _parkedLimit;
    private readonly Lock _unparking = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly TimeProvider _clock;
    private TaskCompletionSource _unparked = new();
    private Task _sweeping = Task.CompletedTask;
    private long _parkedBytes;

    /// <summary>Starts the lane.</summary>
    /// <param name="primary">The database that takes writes.</param>
    /// <param name="registry">Devices and registers.</param>
    /// <param name="presence">Takes note of contacts; null when nobody asks.</param>
    /// <param name="window">What the store has partitions for.</param>
    /// <param name="budget">Quarantine budgets.</param>
    /// <param name="options">Settings of the ingest.</param>
    /// <param name="commitOptions">Settings of the group commit.</param>
    /// <param name="clock">Time.</param>
    /// <param name="logger">Log.</param>
    public UplinkLane(
        NpgsqlDataSource primary, DeviceRegistry registry, DevicePresence? presence, IStoreWindow window, QuarantineBudget budget, IngestOptions options,
        GroupCommitOptions commitOptions, TimeProvider clock, ILogger<UplinkLane> logger)
    {
        _primary = primary;
        _registry = registry;
        _presence = presence;
        _options = options;
        _window = window;
        _logger = logger;
        Budget = budget;
        _clock = clock;
        ArgumentNullException.ThrowIfNull(commitOptions);
        _parkedLimit = commitOptions.QueueLimitBytes;
        _unparked.SetResult();
        _decoder = new ThreadLocal<RunDecoder>(() => new RunDecoder(_registry, Budget, _options, Statistics, _window));
        _lane = new GroupCommitLane<IngestBatch>(primary, () => new IngestBatch(Statistics, logger), CommitNumbers, commitOptions, clock, logger);
    }

    /// <summary>Counts of the ingest.</summary>
    public IngestStatistics Statistics { get; } = new();

    /// <summary>Counts of the commits.</summary>
    public GroupCommitStatistics Commits => _lane.Statistics;

    /// <summary>Quarantine budgets.</summary>
    public QuarantineBudget Budget { get; }

    /// <summary>Bytes waiting in memory.</summary>
    public long QueueBytes => _lane.QueueBytes + Interlocked.Read(ref _parkedBytes);

    /// <summary>Why commits do not go through, in words; null while they do.</summary>
    public string? Trouble => _lane.Trouble;

    /// <summary>Since when <see cref="Trouble"/> holds.</summary>
    public DateTimeOffset? TroubleSince => _lane.TroubleSince;

    private bool HasParkedEnough => Interlocked.Read(ref _parkedBytes) >= _parkedLimit;

    /// <inheritdoc/>
    public bool IsDurable => true;

    /// <inheritdoc/>
    public bool IsFull => _lane.IsFull || HasParkedEnough;

    /// <inheritdoc/>
    public void Submit(PublishRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (!_parked.IsEmpty && TryPark(run)) { return; }
        Take(run);
    }

    /// <inheritdoc/>
    public Task SaveAsync(SessionChange change, CancellationToken cancellationToken)
    {
        Task committed;
        lock (_lane.Gate)
        {
            var batch = _lane.Growing();
            batch.Add(change);
            committed = batch.Committed;
        }

        _lane.Signal();
        return committed.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Post(SessionChange change)
    {
        lock (_lane.Gate) { _lane.Growing().Add(change); }
        _lane.Signal();
    }

    /// <inheritdoc/>
    public async ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
    {
        while (IsFull)
        {
            await _lane.WaitForRoomAsync(cancellationToken).ConfigureAwait(false);
            Task unparked;
            lock (_unparking)
            {
                if (!HasParkedEnough) { continue; }
                if (_unparked.Task.IsCompleted) { _unparked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously); }
                unparked = _unparked.Task;
            }

            await unparked.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task<StoredSessions> LoadAsync(CancellationToken cancellationToken)
    {
        await using var connection = await _primary.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await QuarantineSql.LoadBudgetAsync(connection, Budget, cancellationToken).ConfigureAwait(false);
        await SessionSql.SweepAsync(connection, cancellationToken).ConfigureAwait(false);
        var stored = await SessionSql.LoadAsync(connection, cancellationToken).ConfigureAwait(false);
        if (_sweeping.IsCompleted) { _sweeping = SweepAsync(_stopping.Token); }
        return stored;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _sweeping.ConfigureAwait(false);
        await _lane.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
        _decoder.Dispose();
    }

    private async Task SweepAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(_options.SweepInterval, _clock);
        while (true)
        {
            try
            {
                if (!await timer.WaitForNextTickAsync(stopping).ConfigureAwait(false)) { return; }
                await using var connection = await _primary.OpenConnectionAsync(stopping).ConfigureAwait(false);
                await SessionSql.SweepAsync(connection, stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException or OperationCanceledException)
            {
                // While the database is away the lane's own trouble says so; the next round comes.
                if (Trouble is null) { IngestLog.SweepFailed(_logger, e); }
            }
        }
    }

    private void Take(PublishRun run)
    {
        var rows = _decoder.Value!.Decode(run);
        if (rows.Missing is { } missing)
        {
            Park(run, missing);
            return;
        }

        Add(run, rows);
    }

    private void Add(PublishRun run, RunRows rows)
    {
        if (_presence is not null && rows.Registers.Count > 0) { Touch(rows, run.ArrivedAtMicroseconds); }
        lock (_lane.Gate) { _lane.Growing().Add(run, rows); }
        _lane.Signal();
    }

    private void Touch(RunRows rows, long at)
    {
        RegisteredDevice? touched = null;
        foreach (var register in rows.Registers)
        {
            if (ReferenceEquals(register.Device, touched)) { continue; }
            touched = register.Device;
            _presence!.Reading(touched, at);
        }
    }

    private bool TryPark(PublishRun run)
    {
        if (!_parked.TryGetValue(run.ConnectionNumber, out var queue)) { return false; }
        lock (queue)
        {
            // An empty queue has just been given up by the thread that worked it off.
            if (queue.Count == 0) { return false; }
            Interlocked.Add(ref _parkedBytes, run.Weight);
            queue.Enqueue(run);
            return true;
        }
    }

    private void Park(PublishRun run, List<Task> missing)
    {
        var queue = new Queue<PublishRun>();
        queue.Enqueue(run);
        Interlocked.Add(ref _parkedBytes, run.Weight);
        _parked[run.ConnectionNumber] = queue;
        _ = UnparkAsync(run.ConnectionNumber, queue, Task.WhenAll(missing.ToArray()));
    }

    private void Unparked(int weight)
    {
        if (Interlocked.Add(ref _parkedBytes, -weight) >= _parkedLimit) { return; }
        lock (_unparking) { _unparked.TrySetResult(); }
    }

    /// <summary>What cannot be decoded is answered as not taken, never as stored: the sender keeps it and its connection goes on or ends.</summary>
    private void GiveBack(long connection, Queue<PublishRun> queue)
    {
        while (true)
        {
            PublishRun run;
            lock (queue)
            {
                if (queue.Count == 0)
                {
                    _parked.TryRemove(KeyValuePair.Create(connection, queue));
                    return;
                }

                run = queue.Dequeue();
            }

            foreach (ref var item in run.Items)
            {
                item.Outcome = PublishOutcome.OverQuota;
                item.OutcomeText = "The device could not be registered";
            }

            var weight = run.Weight;
            run.Complete();
            Unparked(weight);
        }
    }

    private async Task UnparkAsync(long connection, Queue<PublishRun> queue, Task registration)
    {
        try
        {
            while (true)
            {
                await registration.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                while (true)
                {
                    PublishRun run;
                    lock (queue) { run = queue.Peek(); }
                    var rows = _decoder.Value!.Decode(run);
                    if (rows.Missing is { } missing)
                    {
                        registration = Task.WhenAll(missing.ToArray());
                        break;
                    }

                    var weight = run.Weight; // once added the run may complete at any moment and be used again
                    Add(run, rows);
                    Unparked(weight);
                    lock (queue)
                    {
                        queue.Dequeue();
                        if (queue.Count > 0) { continue; }
                        _parked.TryRemove(KeyValuePair.Create(connection, queue));
                        return;
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops: what is parked was not acknowledged and comes again.
            IngestLog.ParkedAtStop(_logger, connection);
        }
        catch (Exception e)
        {
            IngestLog.RegistrationFailed(_logger, connection, e);
            GiveBack(connection, queue);
        }
    }
}
