using System.Collections.Concurrent;
using Headwater.Storage.Migrations;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;

namespace Headwater.Storage.Partitions;

/// <summary>Keeps tables cut by time: partitions made ahead, old ones dropped, and the bounds that can be stored told without I/O.</summary>
/// <remarks>
/// Await <see cref="RunOnceAsync"/> before the first row is written, then let <see cref="RunAsync"/> run. With several servers one
/// keeps the partitions at a time, all read the bounds. A round never makes writers wait longer than <see cref="PartitionOptions.LockTimeout"/>.
/// With <see cref="TimeLayout.Hypertables"/> the tables are made hypertables and old chunks dropped by us: TimescaleDB's own retention
/// jobs are not in its Apache edition.
/// </remarks>
public sealed class PartitionMaintenance
{
    /// <summary>Time between leaving the bounds and being detached: longer than any server keeps old bounds.</summary>
    private static readonly Duration Grace = Duration.FromDays(1);

    private readonly NpgsqlDataSource _primary;
    private readonly TimeLayout _layout;
    private readonly IReadOnlyList<PartitionedTable> _tables;
    private readonly PartitionOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, PartitionBounds> _bounds = new(StringComparer.Ordinal);
    private volatile PartitionReport? _last;

    /// <summary>Upkeep of these tables.</summary>
    /// <exception cref="StoreRefusedException">Settings are out of their ranges.</exception>
    public PartitionMaintenance(NpgsqlDataSource primary, TimeLayout layout, IReadOnlyList<PartitionedTable> tables, PartitionOptions options, TimeProvider time, ILogger logger)
    {
        options.Verify(tables);
        _primary = primary;
        _layout = layout;
        _tables = tables;
        _options = options;
        _time = time;
        _logger = logger;
        foreach (var table in tables) { _bounds[table.FullName] = PartitionBounds.Empty; }
    }

    /// <summary>The newest round; null before the first.</summary>
    public PartitionReport? LastReport => _last;

    /// <summary>What a table can store now. No I/O; take it once a batch.</summary>
    /// <param name="table">Schema and table, for example <c>headend.reading</c>.</param>
    /// <exception cref="KeyNotFoundException">The table is not kept here.</exception>
    public PartitionBounds BoundsOf(string table) => _bounds[table];

    /// <summary>Repeats rounds until cancelled. A database that is away is told once a round and awaited.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(_options.Interval, _time, cancellationToken);
            try
            {
                await RunOnceAsync(cancellationToken);
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException)
            {
                _logger.Away(e.Message);
            }
        }
    }

    /// <summary>One round. The first one waits for another server that keeps the partitions at this moment; later ones leave it to that server.</summary>
    /// <exception cref="NpgsqlException">The database is away.</exception>
    public async Task<PartitionReport> RunOnceAsync(CancellationToken cancellationToken)
    {
        await using var connection = await _primary.OpenConnectionAsync(cancellationToken);
        await PartitionSql.ExecuteAsync(connection, "SET statement_timeout = 0", cancellationToken);
        var isOurs = await TakeLockAsync(connection, wait: _last is null, cancellationToken);
        try
        {
            var reports = new List<PartitionedTableReport>();
            foreach (var table in _tables)
            {
                var report = _layout == TimeLayout.Hypertables ? await HypertableRound.RunAsync(connection, table, Now(), isOurs, _options, cancellationToken) : await KeepAsync(connection, table, isOurs, cancellationToken);
                _bounds[table.FullName] = report.Bounds;
                if (report.Created.Count > 0) { _logger.Created(report.Table, string.Join(", ", report.Created)); }
                if (report.Dropped.Count > 0) { _logger.Dropped(report.Table, table.KeepDays, string.Join(", ", report.Dropped)); }
                if (report.Trouble is not null) { _logger.Trouble(report.Table, report.Trouble, _options.Interval.TotalSeconds); }
                reports.Add(report);
            }
            return _last = new PartitionReport(_time.GetUtcNow(), reports, !isOurs);
        }
        finally
        {
            if (connection.State == System.Data.ConnectionState.Open) { await PartitionSql.ExecuteAsync(connection, $"RESET statement_timeout; RESET lock_timeout; SELECT pg_advisory_unlock_all()", CancellationToken.None); }
        }
    }

    private Instant Now() => Instant.FromDateTimeOffset(_time.GetUtcNow());

    private static async Task<bool> TakeLockAsync(NpgsqlConnection connection, bool wait, CancellationToken cancellationToken)
    {
        if (!wait)
        {
            await using var attempt = new NpgsqlCommand($"SELECT pg_try_advisory_lock({PartitionSql.LockKey})", connection);
            return await attempt.ExecuteScalarAsync(cancellationToken) is true;
        }
        try
        {
            // The other server's first round takes seconds; without its partitions there would be no bounds to read.
            await PartitionSql.ExecuteAsync(connection, $"SET lock_timeout = '60s'; SELECT pg_advisory_lock({PartitionSql.LockKey}); RESET lock_timeout", cancellationToken);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return false;
        }
    }

    private async Task<PartitionedTableReport> KeepAsync(NpgsqlConnection connection, PartitionedTable table, bool isOurs, CancellationToken cancellationToken)
    {
        var created = new List<string>();
        var dropped = new List<string>();
        var trouble = new List<string>();
        var now = Now();
        var keepFrom = now - Duration.FromDays(table.KeepDays);
        if (isOurs)
        {
            await MakeAheadAsync(connection, table, keepFrom, now, created, trouble, cancellationToken);
            // Narrow what is offered first, then take away what left the offer a day ago.
            _bounds[table.FullName] = Offer(await PartitionSql.AttachedAsync(connection, table, cancellationToken), now, keepFrom);
            await DropOldAsync(connection, table, keepFrom - Grace, dropped, trouble, cancellationToken);
        }
        var attached = await PartitionSql.AttachedAsync(connection, table, cancellationToken);
        var bounds = Offer(attached, now, keepFrom);
        if (!bounds.Contains(now)) { trouble.Add("No partition holds the present: new rows cannot be stored."); }
        return new PartitionedTableReport(table.FullName, bounds, attached.Count, created, dropped, trouble.Count == 0 ? null : string.Join(' ', trouble));
    }

    private async Task MakeAheadAsync(NpgsqlConnection connection, PartitionedTable table, Instant keepFrom, Instant now, List<string> created, List<string> trouble, CancellationToken cancellationToken)
    {
        var attached = await PartitionSql.AttachedAsync(connection, table, cancellationToken);
        var last = table.Floor(now + Duration.FromDays(table.AheadDays));
        for (var from = table.Floor(keepFrom); from <= last; from = table.Next(from))
        {
            var to = table.Next(from);
            // A partition of another length, left from other settings, is respected.
            if (attached.Exists(p => p.From < to && p.To > from)) { continue; }
            var name = table.NameOf(from);
            try
            {
                await PartitionSql.ExecuteAsync(connection, PartitionSql.Create(table, name), cancellationToken);
                if (await WithLockAsync(connection, PartitionSql.Attach(table, name, from, to), cancellationToken)) { created.Add(name); }
                else { trouble.Add($"Partition {name} could not be attached: the table stayed locked."); }
            }
            catch (PostgresException e)
            {
                trouble.Add($"Partition {name} could not be made: {e.MessageText}.");
            }
        }
    }

    private async Task DropOldAsync(NpgsqlConnection connection, PartitionedTable table, Instant before, List<string> dropped, List<string> trouble, CancellationToken cancellationToken)
    {
        foreach (var partition in await PartitionSql.AttachedAsync(connection, table, cancellationToken))
        {
            if (partition.To > before && !partition.DetachPending) { continue; }
            try
            {
                var wait = (long)_options.DetachTimeout.TotalMilliseconds;
                await PartitionSql.ExecuteAsync(connection, $"SET statement_timeout = {wait}; SET lock_timeout = {wait}", cancellationToken);
                await PartitionSql.ExecuteAsync(connection, PartitionSql.Detach(table, partition), cancellationToken);
            }
            catch (PostgresException e)
            {
                trouble.Add($"Partition {partition.Name} could not be detached: {e.MessageText}.");
            }
            finally
            {
                await PartitionSql.ExecuteAsync(connection, "SET statement_timeout = 0; RESET lock_timeout", CancellationToken.None);
            }
        }
        foreach (var name in await PartitionSql.LooseAsync(connection, table, cancellationToken))
        {
            // Names sort by time: what is not older than the oldest kept one is waiting to be attached, not to be dropped.
            if (string.CompareOrdinal(name, table.NameOf(table.Floor(before))) >= 0) { continue; }
            try
            {
                if (await WithLockAsync(connection, PartitionSql.Drop(table, name), cancellationToken)) { dropped.Add(name); }
            }
            catch (PostgresException e)
            {
                trouble.Add($"Partition {name} could not be dropped: {e.MessageText}.");
            }
        }
    }

    /// <summary>Runs statements in one transaction with a short wait for locks, a few times; false when the lock was never free.</summary>
    private async Task<bool> WithLockAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            await using (var transaction = await connection.BeginTransactionAsync(cancellationToken))
            {
                try
                {
                    await PartitionSql.ExecuteAsync(connection, $"SET LOCAL lock_timeout = {(long)_options.LockTimeout.TotalMilliseconds}", cancellationToken);
                    await PartitionSql.ExecuteAsync(connection, sql, cancellationToken);
                    await transaction.CommitAsync(cancellationToken);
                    return true;
                }
                catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
                {
                    if (tries >= _options.LockTries) { return false; }
                }
            }
            await Task.Delay(_options.LockTimeout / 2, TimeProvider.System, cancellationToken); // on the real clock, where those live who queued behind us
        }
    }

    /// <summary>The unbroken run of partitions around now, without those that are to go.</summary>
    private static PartitionBounds Offer(List<Partition> attached, Instant now, Instant keepFrom)
    {
        var offered = attached.Where(p => p.To > keepFrom && !p.DetachPending).ToList();
        var at = offered.FindIndex(p => p.From <= now && now < p.To);
        if (at < 0) { return PartitionBounds.Empty; }
        var (first, last) = (at, at);
        while (first > 0 && offered[first - 1].To == offered[first].From) { first--; }
        while (last < offered.Count - 1 && offered[last + 1].From == offered[last].To) { last++; }
        return new PartitionBounds(offered[first].From, offered[last].To);
    }
}
