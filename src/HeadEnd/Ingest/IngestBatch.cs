using Headwater.HeadEnd.Registry;
using Headwater.HeadEnd.Sessions;
using Headwater.Mqtt.Server;
using Headwater.Storage.GroupCommit;
using Npgsql;

namespace Headwater.HeadEnd.Ingest;

/// <summary>What one commit of the ingest holds: runs of many connections, their rows, the log of their bytes, and changes of broker state.</summary>
/// <remarks>
/// Two ways into <c>headend.reading</c>: rows newer than anything queued for their register go straight into the table by COPY; rows at or
/// below it go through a staging table with ON CONFLICT in the same transaction. The unique key is the guard: when it strikes, the whole
/// batch takes the staging way (<see cref="BecomeCareful"/>). Should the database refuse even that, every message of the batch is
/// quarantined, so that one poisonous row can neither be lost nor hold up the others.
/// </remarks>
internal sealed class IngestBatch(IngestStatistics statistics) : CommitBatch
{
    // What the arrays keep between uses; a batch that grew in a burst gives the rest back.
    private const int Keep = 1 << 20;

    private readonly ByteBuffer _direct = new(Keep);
    private readonly ByteBuffer _staged = new(Keep);
    private readonly List<RegisteredRegister> _stagedRegisters = []; // one for each staged row
    private readonly List<ProfileRow> _directProfiles = [];
    private readonly List<ProfileRow> _stagedProfiles = [];
    private readonly List<MeterEventRow> _meterEvents = [];
    private readonly List<QuarantineRow> _quarantine = [];
    private readonly ByteBuffer _log = new(Keep);
    private readonly List<PublishRun> _runs = [];
    private readonly List<SessionChange> _changes = [];
    private readonly List<TaskCompletionSource> _waiters = [];
    private readonly Dictionary<long, long> _latestStored = [];
    private readonly StagedSplit _split = new();
    private byte[]? _packedLog;
    private int _ordinals;
    private int _messages;
    private long _weight;
    private int _care; // 0 as planned, 1 everything staged, 2 everything quarantined
    private IngestSql.StagedOutcome _outcome;

    public override bool IsEmpty => _runs.Count == 0 && _changes.Count == 0 && _waiters.Count == 0;

    public override long Weight => _weight;

    public override int RowCount => _ordinals;

    /// <summary>Takes a run and its rows. Under the lane's lock: only copies.</summary>
    internal void Add(PublishRun run, RunRows rows)
    {
        if (rows.Messages > 0)
        {
            AddReadings(rows);
            AddProfiles(rows);
            foreach (var row in rows.MeterEvents)
            {
                row.Ordinal += _ordinals;
                _meterEvents.Add(row);
                _weight += 128;
            }

            foreach (var row in rows.Quarantine)
            {
                row.Ordinal += _ordinals;
                _quarantine.Add(row);
                _weight += 256 + row.Payload.Length;
            }

            _log.Append(rows.Log.Written);
            _ordinals += rows.Ordinals;
            _messages += rows.Messages;
            _weight += rows.Log.Length;
        }

        if (run.Changes is { } changes)
        {
            _changes.AddRange(changes);
            _weight += changes.Count * 256L;
        }

        _runs.Add(run);
        _weight += run.Weight + 64;
    }

    /// <summary>Takes a change of broker state; the waiter, if any, completes after the commit.</summary>
    internal void Add(SessionChange change, TaskCompletionSource? waiter)
    {
        _changes.Add(change);
        if (waiter is not null) { _waiters.Add(waiter); }
        _weight += 512;
    }

    private void AddReadings(RunRows rows)
    {
        var bytes = rows.Readings.Written;
        for (var i = 0; i < rows.Registers.Count; i++)
        {
            var row = bytes.Slice(i * ReadingRow.Size, ReadingRow.Size);
            ReadingRow.MoveOrdinal(row, _ordinals);
            var register = rows.Registers[i];
            var at = ReadingRow.At(row);
            if (register.TryAdvance(at)) { _direct.Append(row); }
            else
            {
                _staged.Append(row);
                _stagedRegisters.Add(register);
            }
        }

        _weight += bytes.Length;
    }

    private void AddProfiles(RunRows rows)
    {
        foreach (var row in rows.Profiles)
        {
            row.Ordinal += _ordinals;
            if (row.Register.TryAdvance(row.StartAt)) { _directProfiles.Add(row); }
            else { _stagedProfiles.Add(row); }

            _weight += 192 + row.Values.Length + (row.Statuses?.Length ?? 0);
        }
    }

    public override async Task WriteAsync(CommitScope scope, CancellationToken cancellationToken)
    {
        _outcome = default;
        // The bytes are packed while PostgreSQL takes the rows.
        var packing = _messages > 0 && _packedLog is null ? Task.Run(() => UplinkLogFormat.Pack(_log.Written), CancellationToken.None) : null;
        try
        {
            await WriteRowsAsync(scope, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (packing is not null) { _packedLog = await packing.ConfigureAwait(false); }
        }

        if (_packedLog is not null) { await IngestSql.InsertLogAsync(scope, _messages, _ordinals, _log.Length, _packedLog, cancellationToken).ConfigureAwait(false); }
        if (_quarantine.Count > 0) { await IngestSql.InsertQuarantineAsync(scope, _quarantine, cancellationToken).ConfigureAwait(false); }
        if (_changes.Count > 0) { await SessionSql.ApplyAsync(scope.Connection, _changes, cancellationToken).ConfigureAwait(false); }
    }

    private async Task WriteRowsAsync(CommitScope scope, CancellationToken cancellationToken)
    {
        if (_care == 2) { return; }
        ReadingRow.Stamp(_direct.Written, scope.CommitNumber);
        ReadingRow.Stamp(_staged.Written, scope.CommitNumber);
        await WriteReadingsAsync(scope, cancellationToken).ConfigureAwait(false);
        await WriteProfilesAsync(scope, cancellationToken).ConfigureAwait(false);
        if (_meterEvents.Count > 0) { await IngestSql.InsertMeterEventsAsync(scope, _meterEvents, cancellationToken).ConfigureAwait(false); }
    }

    private async Task WriteReadingsAsync(CommitScope scope, CancellationToken cancellationToken)
    {
        if (_care == 0)
        {
            if (_staged.Length > 0) { await _split.RunAsync(scope.Connection, _staged, _stagedRegisters, _latestStored, cancellationToken).ConfigureAwait(false); }
            if (_direct.Length + _split.Direct.Length > 0)
            {
                await IngestSql.CopyReadingsAsync(scope.Connection, "headend.reading", _direct.Memory, _split.Direct.Memory, cancellationToken).ConfigureAwait(false);
            }

            if (_split.Staged.Length > 0)
            {
                _outcome = await IngestSql.StageReadingsAsync(scope, _split.Staged.Memory, default, _latestStored, cancellationToken).ConfigureAwait(false);
            }
        }
        else if (_direct.Length + _staged.Length > 0)
        {
            _outcome = await IngestSql.StageReadingsAsync(scope, _direct.Memory, _staged.Memory, _latestStored, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task WriteProfilesAsync(CommitScope scope, CancellationToken cancellationToken)
    {
        if (_directProfiles.Count + _stagedProfiles.Count == 0) { return; }
        if (_care == 0 && _directProfiles.Count > 0)
        {
            await ProfileSql.CopyAsync(scope, "headend.profile_block", _directProfiles, cancellationToken).ConfigureAwait(false);
        }

        var staged = _care == 0 ? _stagedProfiles : [.. _directProfiles, .. _stagedProfiles];
        if (staged.Count > 0)
        {
            var stored = await ProfileSql.StageAsync(scope, staged, cancellationToken).ConfigureAwait(false);
            _outcome = _outcome with { ProfileRepeats = staged.Count - stored };
        }
    }

    public override Task<bool> IsCommittedAsync(CommitScope scope, CancellationToken cancellationToken) =>
        // Without a log row everything in the batch may be written twice: changes of broker state replace what was there.
        _messages == 0 ? Task.FromResult(false) : IngestSql.IsLoggedAsync(scope.Connection, scope.CommitNumber, cancellationToken);

    public override bool BecomeCareful(PostgresException error, int attempt)
    {
        if (_care == 0 && attempt == 1)
        {
            _care = 1;
            return true;
        }

        if (_care == 2 || _messages == 0) { return false; }
        _care = 2;
        QuarantineEverything(error);
        return true;
    }

    private void QuarantineEverything(PostgresException error)
    {
        var held = _quarantine.Select(static q => q.Ordinal).ToHashSet();
        var owners = new Dictionary<long, string>();
        foreach (var run in _runs) { owners[run.ConnectionNumber] = run.Identity.Owner; }
        UplinkLogFormat.Walk(_log.Written, UplinkLogFormat.Every, message =>
        {
            if (Enumerable.Range(message.FirstOrdinal, message.Ordinals).Any(held.Contains)) { return; }
            _quarantine.Add(new QuarantineRow
            {
                ArrivedAt = message.ArrivedAtMicroseconds,
                ClientId = message.ClientId,
                Owner = owners[message.Connection],
                DeviceId = null,
                Topic = message.Topic,
                Payload = message.Payload,
                Reason = Devices.Uplink.QuarantineReason.StoreRefused,
                Detail = $"the database refused the group: {error.SqlState} {error.MessageText}",
                Ordinal = message.FirstOrdinal,
            });
        });
    }

    public override void Complete(CommitScope scope)
    {
        Learn();
        var readings = _outcome.Inserted + (_care == 0 ? (_direct.Length + _split.Direct.Length) / ReadingRow.Size : 0);
        var blocks = _care == 2 ? 0 : _directProfiles.Sum(static p => (long)p.Count) + _stagedProfiles.Sum(static p => (long)p.Count);
        statistics.AddCommitted(_messages, readings, blocks, _outcome.Repeats + _outcome.ProfileRepeats, _outcome.Conflicts);
        foreach (var run in _runs)
        {
            run.CommitNumber = scope.CommitNumber;
            run.Complete();
        }

        foreach (var waiter in _waiters) { waiter.TrySetResult(); }
    }

    /// <summary>Takes over what the store told of registers that were new to this process.</summary>
    private void Learn()
    {
        for (var i = 0; i < _stagedRegisters.Count; i++)
        {
            var register = _stagedRegisters[i];
            var at = ReadingRow.At(_staged.Written.Slice(i * ReadingRow.Size, ReadingRow.Size));
            if (_latestStored.TryGetValue(register.RegisterId, out var stored)) { at = Math.Max(at, stored); }
            register.Learn(at);
        }

        foreach (var row in _stagedProfiles)
        {
            // A later block of the same channel may be stored already: the key strikes then, and the batch takes the careful way.
            row.Register.Learn(row.StartAt);
        }
    }

    public override void Reset()
    {
        _direct.Clear();
        _staged.Clear();
        _stagedRegisters.Clear();
        _directProfiles.Clear();
        _stagedProfiles.Clear();
        _meterEvents.Clear();
        _quarantine.Clear();
        _log.Clear();
        _runs.Clear();
        _changes.Clear();
        _waiters.Clear();
        _latestStored.Clear();
        _split.Clear();
        _packedLog = null;
        _ordinals = 0;
        _messages = 0;
        _weight = 0;
        _care = 0;
    }
}
