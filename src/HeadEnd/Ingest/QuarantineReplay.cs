using Headwater.Devices.Uplink;
using Headwater.HeadEnd.Registry;
using Headwater.Mqtt;
using Headwater.Mqtt.Server;
using Npgsql;

namespace Headwater.HeadEnd.Ingest;

/// <summary>Names a message in quarantine.</summary>
/// <param name="CommitNumber">Commit that stored it.</param>
/// <param name="Ordinal">Its ordinal there.</param>
public readonly record struct QuarantineKey(long CommitNumber, int Ordinal);

/// <summary>What a replay did.</summary>
/// <param name="Replayed">Messages that are now stored as readings.</param>
/// <param name="StillHeld">Messages that were refused again and stay in quarantine.</param>
/// <param name="Absent">Keys that were not held.</param>
public sealed record ReplayOutcome(int Replayed, int StillHeld, int Absent);

/// <summary>Sends quarantined messages through the ingest once more, after their cause was mended, or puts them aside.</summary>
/// <remarks>A replay is judged with the rights of the original sender and the time of the original arrival. Storing the readings and marking
/// the message are two commits: after a crash between them the message is still held, and replaying it again stores nothing twice.</remarks>
public sealed class QuarantineReplay(NpgsqlDataSource primary, UplinkLane lane, DeviceRegistry registry)
{
    private const int GroupSize = 500;

    /// <summary>Replays messages in groups of 500, in the order of their arrival within a group.</summary>
    /// <param name="keys">The messages.</param>
    /// <param name="decidedBy">Who decided it, for the row.</param>
    /// <param name="progress">Told how many are done; may be null.</param>
    /// <param name="cancellationToken">Stops after the group under way.</param>
    public async Task<ReplayOutcome> ReplayAsync(
        IReadOnlyList<QuarantineKey> keys, string decidedBy, IProgress<int>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var total = new ReplayOutcome(0, 0, 0);
        for (var first = 0; first < keys.Count; first += GroupSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var group = keys.Skip(first).Take(GroupSize).ToArray();
            var runs = await ReadAsync(group, cancellationToken).ConfigureAwait(false);
            foreach (var run in runs) { lane.Submit(run); }
            await Task.WhenAll(runs.Select(static r => r.Done)).WaitAsync(cancellationToken).ConfigureAwait(false);
            var stored = runs.Where(static r => r.Items[0].Outcome == PublishOutcome.Committed).ToArray();
            await MarkAsync(stored, decidedBy, cancellationToken).ConfigureAwait(false);
            total = new ReplayOutcome(
                total.Replayed + stored.Length, total.StillHeld + runs.Count - stored.Length, total.Absent + group.Length - runs.Count);
            progress?.Report(first + group.Length);
        }

        return total;
    }

    /// <summary>Puts held messages aside. Can be undone by <see cref="RestoreAsync"/>: the bytes stay.</summary>
    /// <returns>How many were held and are now put aside.</returns>
    public Task<int> DiscardAsync(IReadOnlyList<QuarantineKey> keys, string decidedBy, CancellationToken cancellationToken) =>
        ChangeStateAsync(keys, QuarantineState.Held, QuarantineState.Discarded, decidedBy, -1, cancellationToken);

    /// <summary>Takes a discard back.</summary>
    /// <returns>How many are held again.</returns>
    public Task<int> RestoreAsync(IReadOnlyList<QuarantineKey> keys, string decidedBy, CancellationToken cancellationToken) =>
        ChangeStateAsync(keys, QuarantineState.Discarded, QuarantineState.Held, decidedBy, 1, cancellationToken);

    private async Task<List<ReplayRun>> ReadAsync(QuarantineKey[] keys, CancellationToken cancellationToken)
    {
        var runs = new List<ReplayRun>(keys.Length);
        await using var command = primary.CreateCommand(
            """
            select q.commit_number, q.ordinal, q.arrived_at, q.client_id, q.owner, q.topic, q.payload, q.reason
            from headend.quarantine q join unnest($1, $2) as n (c, o) on q.commit_number = n.c and q.ordinal = n.o
            where q.state = 1 order by q.arrived_at, q.commit_number, q.ordinal
            """);
        AddKeys(command, keys);
        await using var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        while (await row.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var owner = row.GetString(4);
            var topic = row.GetString(5);
            var isDevice = registry.TryGetDevice(owner, out var sender);
            // A device is judged by what it may say now. What was refused to any other sender stays refused: its rights are not known here.
            var allowed = isDevice
                ? !UplinkTopic.TryParse(topic, out _, out var named) || named.Length == 0 || sender!.MaySpeakFor(named, out _)
                : (QuarantineReason)row.GetInt16(7) != QuarantineReason.NotAuthorized;
            var route = UplinkRouter.TryRoute(topic, sender, allowed) ?? new TopicRoute(topic, TopicVerdict.Refused);
            runs.Add(new ReplayRun(
                new QuarantineKey(row.GetInt64(0), row.GetInt32(1)), row.GetString(3), owner, row.GetFieldValue<DateTimeOffset>(2), route,
                row.GetFieldValue<byte[]>(6)));
        }

        return runs;
    }

    private async Task MarkAsync(ReplayRun[] runs, string decidedBy, CancellationToken cancellationToken)
    {
        if (runs.Length == 0) { return; }
        await using var command = primary.CreateCommand(
            """
            update headend.quarantine q set state = 2, decided_at = now(), decided_by = $3, replay_commit_number = n.r
            from unnest($1, $2, $4) as n (c, o, r) where q.commit_number = n.c and q.ordinal = n.o and q.state = 1
            returning q.owner, length(q.payload)
            """);
        AddKeys(command, [.. runs.Select(static r => r.Key)]);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = decidedBy });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. runs.Select(static r => r.CommitNumber)] });
        await SettleAsync(command, -1, cancellationToken).ConfigureAwait(false);
    }

    private async Task<int> ChangeStateAsync(
        IReadOnlyList<QuarantineKey> keys, QuarantineState from, QuarantineState to, string decidedBy, int sign, CancellationToken cancellationToken)
    {
        await using var command = primary.CreateCommand(
            """
            update headend.quarantine q set state = $4, decided_at = now(), decided_by = $3
            from unnest($1, $2) as n (c, o) where q.commit_number = n.c and q.ordinal = n.o and q.state = $5
            returning q.owner, length(q.payload)
            """);
        AddKeys(command, [.. keys]);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = decidedBy });
        command.Parameters.Add(new NpgsqlParameter<short> { TypedValue = (short)to });
        command.Parameters.Add(new NpgsqlParameter<short> { TypedValue = (short)from });
        return await SettleAsync(command, sign, cancellationToken).ConfigureAwait(false);
    }

    private async Task<int> SettleAsync(NpgsqlCommand command, int sign, CancellationToken cancellationToken)
    {
        var changed = 0;
        await using var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        while (await row.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            lane.Budget.Adjust(row.GetString(0), sign, sign * (long)row.GetInt32(1));
            changed++;
        }

        return changed;
    }

    private static void AddKeys(NpgsqlCommand command, QuarantineKey[] keys)
    {
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. keys.Select(static k => k.CommitNumber)] });
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. keys.Select(static k => k.Ordinal)] });
    }
}

/// <summary>What became of a message in quarantine. Persisted, append-only.</summary>
public enum QuarantineState : short
{
    /// <summary>Held, counts against its sender's budget.</summary>
    Held = 1,

    /// <summary>Stored as readings after a replay.</summary>
    Replayed = 2,

    /// <summary>Put aside by a person.</summary>
    Discarded = 3,
}

/// <summary>One quarantined message on its way through the ingest again. Refused again, it makes no second row.</summary>
internal sealed class ReplayRun : PublishRun
{
    // Far below every connection's number: replays must never be parked behind a live connection, nor it behind them.
    private static long _last = long.MinValue / 2;

    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal ReplayRun(QuarantineKey key, string clientId, string owner, DateTimeOffset arrivedAt, TopicRoute route, byte[] payload)
    {
        Key = key;
        ClientId = clientId;
        Identity = new OriginalSender(owner);
        ConnectionNumber = Interlocked.Increment(ref _last);
        ArrivedAtMicroseconds = (arrivedAt.UtcTicks - DateTime.UnixEpoch.Ticks) / 10;
        var offset = Append(payload);
        ref var item = ref AddItem();
        item.Route = route;
        item.PayloadOffset = offset;
        item.PayloadLength = payload.Length;
    }

    public override string ClientId { get; }

    public override MqttIdentity Identity { get; }

    public override long ConnectionNumber { get; }

    public override ProtocolVersion Version => ProtocolVersion.V311;

    internal QuarantineKey Key { get; }

    internal Task Done => _done.Task;

    public override void Complete() => _done.TrySetResult();

    private sealed class OriginalSender(string owner) : MqttIdentity
    {
        public override string Name => owner;

        public override string Owner => owner;

        public override bool IsOperator => false;
    }
}
