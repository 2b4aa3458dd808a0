using Headwater.HeadEnd.Registry;
using Headwater.HeadEnd.Sessions;
using Headwater.Mqtt.Server;
using Headwater.Storage.GroupCommit;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.HeadEnd.Ingest;

/// <summary>What one commit of the ingest holds: runs of many connections, their rows, the log of their bytes, and changes of broker state.</summary>
/// <remarks>
/// Two ways into <c>headend.reading</c>: rows newer than anything queued for their register go straight into the table by COPY; rows at or
/// below it go through a staging table with ON CONFLICT in the same transaction. The unique key is the guard: when it strikes, the whole
/// batch takes the staging way (<see cref="BecomeCareful"/>). Should the database refuse even that, the messages it refuses are searched for
/// and quarantined, and the others stored; should that fail too, every message is quarantined. So a poisonous row can neither be lost nor hold
/// up the others.
/// </remarks>
internal sealed class IngestBatch(IngestStatistics statistics, ILogger logger) : CommitBatch
{
    private enum Care
    {
        AsPlanned = 0,
        AllStaged = 1,
        RefusedLeftOut = 2,
        AllQuarantined = 3,
    }

    // Single refusals searched for in one group: each costs some ten attempts of a few milliseconds.
    private const int MostRefusals = 100;

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
    private readonly List<(int FirstOrdinal, string Owner)> _owners = []; // one for each run with uplinks
    private readonly PendingChanges _changes = new();
    private readonly List<QuarantineRow> _refused = []; // of the latest attempt
    private TaskCompletionSource? _waiters;
    private readonly Dictionary<long, long> _latestStored = [];
    private readonly StagedSplit _split = new();
    private byte[]? _packedLog;
    private int _ordinals;
    private int _messages;
    private long _weight;
    private Care _care;
    private PostgresException? _refusal;
    private IngestSql.StagedOutcome _outcome;

    public override bool IsEmpty => _runs.Count == 0 && _changes.Count == 0 && _waiters is null;

    public override long Weight => _weight + _changes.Weight;

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

            _owners.Add((_ordinals, run.Identity.Owner));
            _log.Append(rows.Log.Written);
            _ordinals += rows.Ordinals;
            _messages += rows.Messages;
            _weight += rows.Log.Length;
        }

        if (run.Changes is { } changes)
        {
            foreach (var change in changes) { _changes.Add(change); }
        }

        _runs.Add(run);
        _weight += run.Weight + 64;
    }

    /// <summary>Takes a change of broker state.</summary>
    internal void Add(SessionChange change) => _changes.Add(change);

    /// <summary>Completes after the commit.</summary>
    internal Task Committed => (_waiters ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

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
        _refused.Clear();
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
        if (_quarantine.Count + _refused.Count > 0)
        {
            await IngestSql.InsertQuarantineAsync(scope, [.. _quarantine, .. _refused], cancellationToken).ConfigureAwait(false);
        }

        await WriteChangesAsync(scope, cancellationToken).ConfigureAwait(false);
    }

    private async Task WriteRowsAsync(CommitScope scope, CancellationToken cancellationToken)
    {
        ReadingRow.Stamp(_direct.Written, scope.CommitNumber);
        ReadingRow.Stamp(_staged.Written, scope.CommitNumber);
        switch (_care)
        {
            case Care.AllQuarantined:
                foreach (var message in Messages()) { Refuse(message, _refusal!); }
                return;
            case Care.RefusedLeftOut:
                await LeaveOutRefusedAsync(scope, cancellationToken).ConfigureAwait(false);
                return;
            default:
                await WriteReadingsAsync(scope, cancellationToken).ConfigureAwait(false);
                await WriteProfilesAsync(scope, cancellationToken).ConfigureAwait(false);
                if (_meterEvents.Count > 0) { await IngestSql.InsertMeterEventsAsync(scope, _meterEvents, cancellationToken).ConfigureAwait(false); }
                return;
        }
    }

    private async Task WriteChangesAsync(CommitScope scope, CancellationToken cancellationToken)
    {
        if (_changes.Count == 0) { return; }
        var changes = _changes.InOrder();
        if (_care < Care.RefusedLeftOut)
        {
            await SessionSql.ApplyAsync(scope.Connection, changes, cancellationToken).ConfigureAwait(false);
            return;
        }

        var search = new RefusalSearch(scope.Connection, MostRefusals);
        await search.WriteAsync(
            0, changes.Count, (low, high, token) => SessionSql.ApplyAsync(scope.Connection, changes[low..high], token), cancellationToken).ConfigureAwait(false);
        foreach (var (item, error) in search.Refused) { IngestLog.ChangeRefused(logger, changes[item].GetType().Name, error.MessageText); }
    }

    /// <summary>Writes all rows by way of staging, but for those of the messages that the database refuses.</summary>
    private async Task LeaveOutRefusedAsync(CommitScope scope, CancellationToken cancellationToken)
    {
        var messages = Messages();
        var search = new RefusalSearch(scope.Connection, MostRefusals);
        var part = new ByteBuffer(keep: 0);
        await search.WriteAsync(0, messages.Count, WritePartAsync, cancellationToken).ConfigureAwait(false);
        foreach (var (item, error) in search.Refused) { Refuse(messages[item], error); }

        async Task WritePartAsync(int low, int high, CancellationToken token)
        {
            var (from, to) = (messages[low].FirstOrdinal, messages[high - 1].FirstOrdinal + messages[high - 1].Ordinals);
            part.Clear();
            Pick(_direct.Written, part, from, to);
            Pick(_staged.Written, part, from, to);
            var outcome = default(IngestSql.StagedOutcome);
            await IngestSql.EmptyStagesAsync(scope.Connection, token).ConfigureAwait(false);
            if (part.Length > 0) { outcome = await IngestSql.StageReadingsAsync(scope, part.Memory, default, _latestStored, token).ConfigureAwait(false); }
            List<ProfileRow> profiles = [.. _directProfiles.Concat(_stagedProfiles).Where(p => p.Ordinal >= from && p.Ordinal < to)];
            if (profiles.Count > 0)
            {
                outcome = outcome with { ProfileRepeats = profiles.Count - await ProfileSql.StageAsync(scope, profiles, token).ConfigureAwait(false) };
            }

            List<MeterEventRow> meterEvents = [.. _meterEvents.Where(e => e.Ordinal >= from && e.Ordinal < to)];
            if (meterEvents.Count > 0) { await IngestSql.InsertMeterEventsAsync(scope, meterEvents, token).ConfigureAwait(false); }
            _outcome = new IngestSql.StagedOutcome(
                _outcome.Inserted + outcome.Inserted, _outcome.Repeats + outcome.Repeats, _outcome.Conflicts + outcome.Conflicts,
                _outcome.ProfileRepeats + outcome.ProfileRepeats);
        }
    }

    private static void Pick(ReadOnlySpan<byte> rows, ByteBuffer into, int from, int to)
    {
        for (var position = 0; position < rows.Length; position += ReadingRow.Size)
        {
            var row = rows.Slice(position, ReadingRow.Size);
            var ordinal = ReadingRow.Ordinal(row);
            if (ordinal >= from && ordinal < to) { into.Append(row); }
        }
    }

    private List<LoggedUplink> Messages()
    {
        var messages = new List<LoggedUplink>(_messages);
        UplinkLogFormat.Walk(_log.Written, UplinkLogFormat.Every, messages.Add);
        return messages;
    }

    private void Refuse(LoggedUplink message, PostgresException error)
    {
        // A message that is held for another reason already has its bytes in quarantine.
        if (_quarantine.Exists(q => q.Ordinal >= message.FirstOrdinal && q.Ordinal < message.FirstOrdinal + message.Ordinals)) { return; }
        _refused.Add(new QuarantineRow
        {
            ArrivedAt = message.ArrivedAtMicroseconds,
            ClientId = message.ClientId,
            Owner = _owners.FindLast(o => o.FirstOrdinal <= message.FirstOrdinal).Owner,
            DeviceId = null,
            Topic = message.Topic,
            Payload = message.Payload,
            Reason = Devices.Uplink.QuarantineReason.StoreRefused,
            Detail = $"the database refused it: {error.SqlState} {error.MessageText}",
            Ordinal = message.FirstOrdinal,
        });
    }

    private async Task WriteReadingsAsync(CommitScope scope, CancellationToken cancellationToken)
    {
        if (_care == Care.AsPlanned)
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
        if (_care == Care.AsPlanned && _directProfiles.Count > 0)
        {
            await ProfileSql.CopyAsync(scope, "headend.profile_block", _directProfiles, cancellationToken).ConfigureAwait(false);
        }

        var staged = _care == Care.AsPlanned ? _stagedProfiles : [.. _directProfiles, .. _stagedProfiles];
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
        if (_care == Care.AllQuarantined) { return false; }
        _care++;
        _refusal = error;
        return true;
    }

    public override void Complete(CommitScope scope)
    {
        Learn();
        var readings = _outcome.Inserted + (_care == Care.AsPlanned ? (_direct.Length + _split.Direct.Length) / ReadingRow.Size : 0);
        var blocks = _care == Care.AllQuarantined ? 0 : _directProfiles.Sum(static p => (long)p.Count) + _stagedProfiles.Sum(static p => (long)p.Count);
        statistics.AddCommitted(_messages, readings, blocks, _outcome.Repeats + _outcome.ProfileRepeats, _outcome.Conflicts);
        foreach (var row in _refused) { statistics.AddQuarantined(row.Reason); }
        List<Exception>? faults = null;
        foreach (var run in _runs)
        {
            try
            {
                run.CommitNumber = scope.CommitNumber;
                run.Complete();
            }
            catch (Exception e) // one connection's fault must not keep the others waiting for ever
            {
                (faults ??= []).Add(e);
            }
        }

        _waiters?.TrySetResult();
        if (faults is not null) { throw new AggregateException(faults); }
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
        _owners.Clear();
        _refused.Clear();
        _waiters = null;
        _refusal = null;
        _latestStored.Clear();
        _split.Clear();
        _packedLog = null;
        _ordinals = 0;
        _messages = 0;
        _weight = 0;
        _care = Care.AsPlanned;
    }
}
