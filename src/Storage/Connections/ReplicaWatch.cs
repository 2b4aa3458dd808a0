using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Headwater.Storage.Connections;

/// <summary>Measures a replica once a second and says whether reads may go there.</summary>
internal sealed class ReplicaWatch : IAsyncDisposable
{
    /// <summary>Once a second, however many pages are read.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly NpgsqlDataSource _primary;
    private readonly NpgsqlDataSource _replica;
    private readonly TimeSpan _bound;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ReplicaLag _lag = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _loop;
    private volatile Verdict _verdict = new(null, IsUsed: false, "has not been measured yet");

    internal ReplicaWatch(NpgsqlDataSource primary, NpgsqlDataSource replica, TimeSpan bound, TimeProvider time, ILogger logger)
    {
        _primary = primary;
        _replica = replica;
        _bound = bound;
        _time = time;
        _logger = logger;
        _loop = Task.Run(() => RunAsync(_stopping.Token));
    }

    internal bool IsUsed => _verdict.IsUsed;

    internal TimeSpan? Lag => _verdict.Lag;

    internal string Words => _verdict.Words;

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _loop;
        _stopping.Dispose();
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var before = _verdict;
                _verdict = await MeasureAsync(cancellationToken);
                if (before.IsUsed && !_verdict.IsUsed) { _logger.ReplicaLeft(_verdict.Words); }
                else if (!before.IsUsed && _verdict.IsUsed) { _logger.ReplicaUsed((long)_verdict.Lag!.Value.TotalMilliseconds); }
                await Task.Delay(Interval, _time, cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The store closes.
        }
    }

    private async Task<Verdict> MeasureAsync(CancellationToken cancellationToken)
    {
        var at = _time.GetUtcNow();
        ulong? primary;
        try
        {
            primary = await PositionAsync(_primary, "SELECT pg_current_wal_lsn()", cancellationToken);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            primary = null; // old pages are better than none: the lag goes on growing from the last sample reached
        }
        try
        {
            if (await PositionAsync(_replica, "SELECT pg_last_wal_replay_lsn()", cancellationToken) is not { } replayed) { return new Verdict(null, IsUsed: false, "is no replica: it is not in recovery"); }
            _lag.Add(at, primary, replayed);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return new Verdict(null, IsUsed: false, "does not answer: " + e.Message);
        }
        return _lag.At(_time.GetUtcNow()) is not { } lag
            ? new Verdict(null, IsUsed: false, "has not caught up yet")
            : new Verdict(lag, lag <= _bound, string.Create(CultureInfo.InvariantCulture, $"shows the state of {lag.TotalSeconds:0.0} s ago"));
    }

    private static async Task<ulong?> PositionAsync(NpgsqlDataSource source, string sql, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(sql);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(Store.AskBound);
        try
        {
            return await command.ExecuteScalarAsync(bound.Token) is NpgsqlLogSequenceNumber position ? (ulong)position : null;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException("no reply within 2 s", e);
        }
    }

    private sealed record Verdict(TimeSpan? Lag, bool IsUsed, string Words);
}
