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
/// order is kept; what is parked is bounded by the connections' windows.</remarks>
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
        _decoder = new ThreadLocal<RunDecoder>(() => new RunDecoder(_registry, Budget, _options, Statistics, _window));
        _lane = new GroupCommitLane<IngestBatch>(primary, () => new IngestBatch(Statistics), CommitNumbers, commitOptions, clock, logger);
    }

    /// <summary>Counts of the ingest.</summary>
    public IngestStatistics Statistics { get; } = new();

    /// <summary>Counts of the commits.</summary>
    public GroupCommitStatistics Commits => _lane.Statistics;

    /// <summary>Quarantine budgets.</summary>
    public QuarantineBudget Budget { get; }

    /// <summary>Bytes waiting in memory.</summary>
    public long QueueBytes => _lane.QueueBytes;

    /// <summary>Why commits do not go through, in words; null while they do.</summary>
    public string? Trouble => _lane.Trouble;

    /// <summary>Since when <see cref="Trouble"/> holds.</summary>
    public DateTimeOffset? TroubleSince => _lane.TroubleSince;

    /// <inheritdoc/>
    public bool IsDurable => true;

    /// <inheritdoc/>
    public bool IsFull => _lane.IsFull;

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
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lane.Gate) { _lane.Growing().Add(change, done); }
        _lane.Signal();
        return done.Task.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Post(SessionChange change)
    {
        lock (_lane.Gate) { _lane.Growing().Add(change, null); }
        _lane.Signal();
    }

    /// <inheritdoc/>
    public ValueTask WaitForRoomAsync(CancellationToken cancellationToken) => _lane.WaitForRoomAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task<StoredSessions> LoadAsync(CancellationToken cancellationToken)
    {
        await using var connection = await _primary.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await QuarantineSql.LoadBudgetAsync(connection, Budget, cancellationToken).ConfigureAwait(false);
        await SessionSql.SweepAsync(connection, cancellationToken).ConfigureAwait(false);
        return await SessionSql.LoadAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _lane.DisposeAsync().ConfigureAwait(false);
        _decoder.Dispose();
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
            queue.Enqueue(run);
            return true;
        }
    }

    private void Park(PublishRun run, List<Task> missing)
    {
        var queue = new Queue<PublishRun>();
        queue.Enqueue(run);
        _parked[run.ConnectionNumber] = queue;
        _ = UnparkAsync(run.ConnectionNumber, queue, Task.WhenAll(missing.ToArray()));
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

                    Add(run, rows);
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
        }
    }
}
