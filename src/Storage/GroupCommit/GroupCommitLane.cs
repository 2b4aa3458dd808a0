using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.Storage.GroupCommit;

/// <summary>Many senders, one transaction at a time: while a batch commits, the next one grows; the fuller the system, the larger the groups.</summary>
/// <remarks>
/// <code>
/// senders --lock--> growing batch        committer: take it, BEGIN, number, COPY ..., COMMIT, Complete, next
/// </code>
/// Invariants: batches commit in the order they grew; <see cref="CommitBatch.Complete"/> is called only after COMMIT answered (or the commit
/// was found to have happened); commit numbers become visible in their order, because the number is drawn under an advisory lock that its
/// transaction holds until it is visible, also with several servers on one database. A batch is never dropped: while the database is away it
/// is tried again for ever.
/// </remarks>
/// <typeparam name="TBatch">The kind of batch.</typeparam>
public sealed class GroupCommitLane<TBatch> : IAsyncDisposable
    where TBatch : CommitBatch
{
    // One number for all lanes on a database: it orders the commits. ("HWCM" in ASCII.)
    private const long CommitLock = 0x4857434D;

    private readonly Lock _gate = new();
    private readonly NpgsqlDataSource _source;
    private readonly GroupCommitOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _loop;
    private readonly string _openStatement;
    private readonly Func<TBatch> _create;
    private readonly Queue<TBatch> _sealed = new();
    private TBatch _growing;
    private TBatch? _resting;
    private int _signalled;
    private long _waitingWeight; // of the sealed batches and the one being committed
    private TaskCompletionSource _room = Done();
    private NpgsqlConnection? _connection;
    private Task _completing = Task.CompletedTask;
    private string? _trouble;
    private DateTimeOffset? _troubleSince;
    private long _attemptBegan; // timestamp of the attempt under way; 0 between attempts

    /// <summary>Starts the committer.</summary>
    /// <param name="source">The primary.</param>
    /// <param name="create">Makes a batch; called whenever no used one is at hand.</param>
    /// <param name="numberSequence">Qualified name of the sequence that commit numbers are drawn from.</param>
    /// <param name="options">Settings.</param>
    /// <param name="clock">Time.</param>
    /// <param name="logger">Log.</param>
    public GroupCommitLane(
        NpgsqlDataSource source, Func<TBatch> create, string numberSequence, GroupCommitOptions options, TimeProvider clock, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(create);
        _source = source;
        _options = options;
        _clock = clock;
        _logger = logger;
        _create = create;
        _growing = create();
        _openStatement = string.Create(
            System.Globalization.CultureInfo.InvariantCulture, $"select pg_advisory_xact_lock({CommitLock}), nextval('{numberSequence}')");
        _loop = Task.Run(() => RunAsync(_stopping.Token));
    }

    /// <summary>Counts and times of what was committed.</summary>
    public GroupCommitStatistics Statistics { get; } = new();

    /// <summary>Lock under which a batch from <see cref="Growing"/> may be changed. Hold it for copying only.</summary>
    public Lock Gate => _gate;

    /// <summary>The batch that takes what comes now. Only under <see cref="Gate"/>, and followed by <see cref="Signal"/> after it is released.</summary>
    /// <remarks>A batch that has become heavy is sealed and queued, so that after an outage acknowledgements begin with the first batch and
    /// not after all that piled up.</remarks>
    public TBatch Growing()
    {
        if (_growing.Weight >= _options.BatchLimitBytes)
        {
            _sealed.Enqueue(_growing);
            _waitingWeight += _growing.Weight;
            _growing = TakeResting();
        }

        return _growing;
    }

    /// <summary>True while as many bytes wait as may.</summary>
    public bool IsFull => QueueBytes >= _options.QueueLimitBytes;

    /// <summary>Bytes waiting in memory.</summary>
    public long QueueBytes => Volatile.Read(ref _waitingWeight) + _growing.Weight;

    /// <summary>Why commits do not go through at the moment, in words; null while they do.</summary>
    /// <remarks>A commit that takes longer than <see cref="GroupCommitOptions.SlowAttempt"/> is trouble before its attempt is given up.</remarks>
    public string? Trouble
    {
        get
        {
            if (_trouble is { } words) { return words; }
            var began = Volatile.Read(ref _attemptBegan);
            return began != 0 && _clock.GetElapsedTime(began) is var taken && taken >= _options.SlowAttempt
                ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"The database has not answered a commit for {taken.TotalSeconds:F0} s")
                : null;
        }
    }

    /// <summary>Since when <see cref="Trouble"/> holds.</summary>
    public DateTimeOffset? TroubleSince
    {
        get
        {
            if (_troubleSince is { } since) { return since; }
            var began = Volatile.Read(ref _attemptBegan);
            return began != 0 && Trouble is not null ? _clock.GetUtcNow() - _clock.GetElapsedTime(began) : null;
        }
    }

    /// <summary>Tells the committer that the growing batch is no longer empty. Cheap when it already knows.</summary>
    public void Signal()
    {
        // Reset by the committer before it looks: whoever finds it set has added early enough to be seen.
        if (Volatile.Read(ref _signalled) == 0 && Interlocked.Exchange(ref _signalled, 1) == 0) { _signal.Release(); }
    }

    /// <summary>Completes when the lane takes more.</summary>
    public async ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
    {
        while (IsFull)
        {
            Task room;
            lock (_gate)
            {
                if (!IsFull) { return; }
                if (_room.Task.IsCompleted) { _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously); }
                room = _room.Task;
            }

            await room.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Stops after the running commit; what still waits is not acknowledged and comes again.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stopping.Dispose();
        _signal.Dispose();
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            while (true)
            {
                await _signal.WaitAsync(stopping).ConfigureAwait(false);
                Interlocked.Exchange(ref _signalled, 0);
                while (TryTake(out var batch))
                {
                    var scope = await CommitAsync(batch, stopping).ConfigureAwait(false);
                    // Acknowledging one group runs beside the commit of the next, but never beside another acknowledging: order is kept.
                    await _completing.ConfigureAwait(false);
                    _completing = Task.Run(() => Complete(batch, scope), CancellationToken.None);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Stopping: nothing that was not committed has been acknowledged.
        }
        finally
        {
            await _completing.ConfigureAwait(false);
            if (_connection is not null) { await _connection.DisposeAsync().ConfigureAwait(false); }
        }
    }

    private void Complete(TBatch batch, CommitScope scope)
    {
        try
        {
            batch.Complete(scope);
        }
        catch (Exception e)
        {
            GroupCommitLog.CompletionFailed(_logger, scope.CommitNumber, e);
        }

        PutBack(batch);
    }

    private bool TryTake(out TBatch batch)
    {
        lock (_gate)
        {
            if (_sealed.TryDequeue(out batch!)) { return true; }
            batch = _growing;
            if (batch.IsEmpty) { return false; }
            _growing = TakeResting();
            _waitingWeight += batch.Weight;
            return true;
        }
    }

    private void PutBack(TBatch batch)
    {
        var weight = batch.Weight;
        batch.Reset();
        TaskCompletionSource room;
        lock (_gate)
        {
            _resting ??= batch; // further ones, left over from an outage, go to the collector
            _waitingWeight -= weight;
            room = _room;
        }

        room.TrySetResult();
    }

    private TBatch TakeResting()
    {
        var batch = _resting ?? _create();
        _resting = null;
        return batch;
    }

    private async Task<CommitScope> CommitAsync(TBatch batch, CancellationToken stopping)
    {
        var refusals = 0;
        var attempts = 0;
        var unknown = 0L; // commit number of an attempt whose COMMIT got no answer
        var began = _clock.GetTimestamp();
        while (true)
        {
            attempts++;
            Volatile.Write(ref _attemptBegan, Math.Max(1, _clock.GetTimestamp()));
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            limit.CancelAfter(_options.AttemptTimeout);
            var committing = 0L;
            try
            {
                var scope = await OpenAsync(limit.Token).ConfigureAwait(false);
                if (unknown != 0)
                {
                    var lost = scope with { CommitNumber = unknown };
                    if (await batch.IsCommittedAsync(lost, limit.Token).ConfigureAwait(false))
                    {
                        await ExecuteAsync(scope.Connection, "rollback", limit.Token).ConfigureAwait(false);
                        GroupCommitLog.FoundCommitted(_logger, unknown);
                        Settle(batch, lost, began, attempts);
                        return lost;
                    }

                    unknown = 0;
                }

                await batch.WriteAsync(scope, limit.Token).ConfigureAwait(false);
                committing = scope.CommitNumber;
                await ExecuteAsync(scope.Connection, "commit", limit.Token).ConfigureAwait(false);
                Settle(batch, scope, began, attempts);
                return scope;
            }
            catch (Exception e) when (CommitRefusal.Of(e) is { } refusal && batch.BecomeCareful(refusal, refusals + 1))
            {
                refusals++;
                GroupCommitLog.Refused(_logger, batch.RowCount, refusal.SqlState, refusal.MessageText, refusals);
                await DropConnectionAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (!(e is OperationCanceledException && stopping.IsCancellationRequested))
            {
                if (committing != 0) { unknown = committing; }
                await DropConnectionAsync().ConfigureAwait(false);
                await WaitForStoreAsync(e, attempts, stopping).ConfigureAwait(false);
            }
        }
    }

    private async Task<CommitScope> OpenAsync(CancellationToken cancellationToken)
    {
        _connection ??= await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        // BEGIN and the first statement travel together; the lock is held until the transaction is visible.
        await using var batch = new NpgsqlBatch(_connection)
        {
            BatchCommands = { new NpgsqlBatchCommand("begin"), new NpgsqlBatchCommand(_openStatement) },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return new CommitScope(_connection, reader.GetInt64(1), _clock.GetUtcNow(), _options.Node);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private void Settle(TBatch batch, CommitScope scope, long began, int attempts)
    {
        Volatile.Write(ref _attemptBegan, 0);
        if (_trouble is not null)
        {
            GroupCommitLog.StoreBack(_logger, _clock.GetElapsedTime(began).TotalSeconds, attempts);
            _trouble = null;
            _troubleSince = null;
        }

        Statistics.Add(batch.RowCount, _clock.GetElapsedTime(began), scope);
    }

    private async Task WaitForStoreAsync(Exception error, int attempts, CancellationToken stopping)
    {
        var words = error switch
        {
            PostgresException { SqlState: PostgresErrorCodes.DiskFull } => "The database's disk is full",
            PostgresException p => $"The database answered: {p.MessageText} ({p.SqlState})",
            OperationCanceledException => $"No answer within {_options.AttemptTimeout.TotalSeconds:F0} s",
            _ => error.Message,
        };
        if (_trouble is null)
        {
            _troubleSince = _clock.GetUtcNow();
            GroupCommitLog.StoreAway(_logger, words);
        }

        _trouble = words;
        Volatile.Write(ref _attemptBegan, 0);
        var factor = Math.Min(attempts - 1, 16);
        var delay = TimeSpan.FromTicks(Math.Min(_options.FirstRetryDelay.Ticks << factor, _options.LongestRetryDelay.Ticks));
        await Task.Delay(delay, _clock, stopping).ConfigureAwait(false);
    }

    private async Task DropConnectionAsync()
    {
        if (_connection is not { } connection) { return; }
        _connection = null;
        try
        {
            // A connection that is given up inside a transaction must not go back to the pool with it.
            NpgsqlConnection.ClearPool(connection);
            await connection.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e) // whatever it is: thrown from here it would end the committer for good
        {
            Debug.WriteLine(e.Message); // it is being thrown away
        }
    }

    private static TaskCompletionSource Done()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }
}
