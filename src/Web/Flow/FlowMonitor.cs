using System.Globalization;
using Headwater.HeadEnd.Ingest;
using Headwater.HeadEnd.Quarantine;
using Headwater.HeadEnd.Registry;
using Headwater.Mqtt.Server;
using Headwater.Storage.Connections;
using Headwater.Storage.GroupCommit;
using Headwater.Storage.Partitions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.Web.Flow;

/// <summary>Takes the counters of every stage once a second and makes rates of them: what the overview and the Broker page show.</summary>
/// <remarks>Asks the database for its figures every ten seconds only, whoever looks on; a page costs nothing more.</remarks>
internal sealed class FlowMonitor(
    MqttServer server, UplinkLane lane, PartitionMaintenance partitions, Store store, DeviceSearch devices, QuarantineQueries quarantine, WebOptions options,
    TimeProvider time, ILogger<FlowMonitor> logger) : BackgroundService
{
    private const int SecondsPerPoint = 5;
    private const int Points = 15 * 60 / SecondsPerPoint;
    private const int SecondsPerStoreLook = 10;

    /// <summary>Seconds a rate is taken over: calm enough to read, quick enough to follow.</summary>
    private const int RateSeconds = 3;

    private readonly Queue<Sample> _recent = new();
    private readonly Lock _gate = new();
    private readonly Queue<HistoryPoint> _history = new();
    private Sample? _lastPoint;
    private volatile StoreLook _look = new(null, [], null, null, null, 0);
    private volatile Overview? _latest;

    /// <summary>The overview as of the last second.</summary>
    internal Overview Latest => _latest ?? Make(Take(), Take());

    /// <summary>Message and byte rates of the broker.</summary>
    internal (double In, double Out, double BytesIn, double BytesOut) BrokerRates()
    {
        lock (_gate)
        {
            if (_recent.Count < 2) { return default; }
            var (old, now) = (_recent.Peek(), _recent.Last());
            var seconds = time.GetElapsedTime(old.Timestamp, now.Timestamp).TotalSeconds;
            return seconds <= 0 ? default : (
                (now.Broker.MessagesIn.Sum() - old.Broker.MessagesIn.Sum()) / seconds, (now.Broker.MessagesOut.Sum() - old.Broker.MessagesOut.Sum()) / seconds,
                (now.Broker.BytesIn - old.Broker.BytesIn) / seconds, (now.Broker.BytesOut - old.Broker.BytesOut) / seconds);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        var seconds = 0;
        do
        {
            if (seconds % SecondsPerStoreLook == 0) { await LookAtStoreAsync(stoppingToken); }
            Tick();
            seconds++;
        }
        while (await WaitAsync(tick, stoppingToken));
    }

    private static async Task<bool> WaitAsync(PeriodicTimer tick, CancellationToken stoppingToken)
    {
        try
        {
            return await tick.WaitForNextTickAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private void Tick()
    {
        var now = Take();
        Sample old;
        lock (_gate)
        {
            _recent.Enqueue(now);
            while (_recent.Count > RateSeconds + 1) { _recent.Dequeue(); }
            old = _recent.Peek();
            _lastPoint ??= now;
            var span = time.GetElapsedTime(_lastPoint.Timestamp, now.Timestamp).TotalSeconds;
            if (span >= SecondsPerPoint)
            {
                var latency = now.Broker.Latency.Since(_lastPoint.Broker.Latency);
                _history.Enqueue(new HistoryPoint(
                    now.At, Math.Round((now.Received - _lastPoint.Received) / span, 2), Math.Round((now.Committed - _lastPoint.Committed) / span, 2),
                    Math.Round((now.Quarantined - _lastPoint.Quarantined) / span, 2), latency.Counts.Sum() == 0 ? null : latency.Percentile(0.99) / 1000.0));
                while (_history.Count > Points) { _history.Dequeue(); }
                _lastPoint = now;
            }
        }
        _latest = Make(old, now);
    }

    private Sample Take()
    {
        var ingest = lane.Statistics;
        var commits = lane.Commits;
        return new Sample(
            time.GetUtcNow(), time.GetTimestamp(), ingest.Received, ingest.ReceivedBytes, ingest.Committed, ingest.Readings + ingest.Intervals, ingest.Quarantined,
            commits.Commits, commits.Rows, server.Figures());
    }

    private Overview Make(Sample old, Sample now)
    {
        var seconds = Math.Max(0.001, time.GetElapsedTime(old.Timestamp, now.Timestamp).TotalSeconds);
        var isFirst = ReferenceEquals(old, now);
        Rate RateOf(long before, long after) => new(isFirst ? 0 : Math.Round((after - before) / seconds, 2), after);
        var latency = now.Broker.Latency.Since(old.Broker.Latency);
        if (latency.Counts.Sum() == 0) { latency = now.Broker.Latency; }
        var acknowledged = latency.Counts.Sum() > 0;
        var counts = devices.Count();
        var look = _look;
        var held = look.Reasons.Sum(static r => r.Held);
        var alarms = Alarms(counts, look, held, now.At);
        HistoryPoint[] history;
        lock (_gate) { history = [.. _history]; }
        return new Overview(
            now.At, HealthOf(alarms, counts),
            new DeviceNumbers(counts.Registered, counts.Connected, counts.SeenLastHour),
            new FlowNumbers(
                RateOf(old.Received, now.Received), RateOf(old.Committed, now.Committed), RateOf(old.Readings, now.Readings), RateOf(old.Quarantined, now.Quarantined),
                RateOf(old.Broker.Acknowledged, now.Broker.Acknowledged), isFirst ? 0 : Math.Round((now.ReceivedBytes - old.ReceivedBytes) / seconds, 1)),
            new AcknowledgementNumbers(acknowledged ? latency.Percentile(0.5) / 1000.0 : null, acknowledged ? latency.Percentile(0.99) / 1000.0 : null),
            new CommitNumbers(
                isFirst ? 0 : Math.Round((now.Commits - old.Commits) / seconds, 2), now.Commits == old.Commits ? 0 : Math.Round((now.Rows - old.Rows) / (double)(now.Commits - old.Commits), 1),
                lane.Commits.LastCommitNumber == 0 ? null : lane.Commits.LastCommitNumber.ToString(CultureInfo.InvariantCulture), lane.Commits.LastCommittedAt, lane.QueueBytes,
                new GroupCommitOptions().QueueLimitBytes),
            new QuarantineNumbers(held, [.. look.Reasons.Take(5).Select(static r => new ReasonNumber(Words.Of(r.Reason), r.Held))]),
            new StorageNumbers(look.Health?.DatabaseBytes, look.DiskFree, look.Readings, look.Oldest, look.Partitions), alarms, history);
    }

    private List<Alarm> Alarms(DeviceCounts counts, StoreLook look, int held, DateTimeOffset now)
    {
        var alarms = new List<Alarm>();
        if (lane.Trouble is { } trouble) { alarms.Add(new Alarm("fault", "Nothing is acknowledged: " + trouble, lane.TroubleSince ?? now, Link: null)); }
        else if (look.Health is { IsWritable: false } health) { alarms.Add(new Alarm("fault", health.Words, now, Link: null)); }
        if (lane.IsFull) { alarms.Add(new Alarm("fault", "The commit queue is full; devices wait with sending.", now, Link: null)); }
        if (partitions.LastReport is { IsWell: false } report)
        {
            alarms.Add(new Alarm("attention", string.Join(' ', report.Tables.Where(static t => t.Trouble is not null).Select(static t => $"{t.Table}: {t.Trouble}")), report.At, Link: null));
        }
        if (look.DiskFree is { } free and < 1L << 30) { alarms.Add(new Alarm("attention", $"Only {free >> 20} MiB are free on the disk.", now, Link: null)); }
        var silent = counts.Silent;
        if (silent > 0) { alarms.Add(new Alarm("attention", silent == 1 ? "1 device has not been heard of for an hour." : $"{silent} devices have not been heard of for an hour.", now, "/devices?connected=false&sort=lastSeen")); }
        if (held > 0) { alarms.Add(new Alarm("attention", held == 1 ? "1 message is held in quarantine." : $"{held} messages are held in quarantine.", now, "/quarantine")); }
        return alarms;
    }

    private static HealthState HealthOf(List<Alarm> alarms, DeviceCounts counts)
    {
        if (alarms.Count == 0) { return new HealthState("ok", [counts.Registered == 0 ? "Everything is ready. No device has reported yet." : "Everything works."]); }
        return new HealthState(alarms.Exists(static a => a.Severity == "fault") ? "fault" : "attention", [.. alarms.Select(static a => a.Text)]);
    }

    private async Task LookAtStoreAsync(CancellationToken cancellationToken)
    {
        try
        {
            var health = await store.GetHealthAsync(cancellationToken);
            if (!health.IsWritable)
            {
                _look = _look with { Health = health };
                return;
            }
            var reasons = await quarantine.ReasonsAsync(cancellationToken);
            long? readings = null;
            DateTimeOffset? oldest = null;
            var count = 0;
            await using (var command = store.ReadSource().CreateCommand(
                "select c.relname, greatest(c.reltuples, 0)::bigint from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'headend.reading'::regclass order by c.relname"))
            await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
            {
                while (await reader.ReadAsync(cancellationToken))
                {
                    count++;
                    var rows = reader.GetInt64(1);
                    readings = (readings ?? 0) + rows;
                    if (rows > 0 && oldest is null && DateTimeOffset.TryParseExact(reader.GetString(0)["reading_".Length..], "yyyyMM", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var month)) { oldest = month; }
                }
            }
            _look = new StoreLook(health, reasons, DiskFree(), Math.Max(readings ?? 0, lane.Statistics.Readings), oldest, count);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
        {
            WebLog.StoreFiguresFailed(logger, e);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    private long? DiskFree()
    {
        if (options.DataFolder is not { } folder || !Directory.Exists(folder)) { return null; }
        try
        {
            return new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private sealed record Sample(
        DateTimeOffset At, long Timestamp, long Received, long ReceivedBytes, long Committed, long Readings, long Quarantined, long Commits, long Rows, MqttServerFigures Broker);

    private sealed record StoreLook(
        StoreHealth? Health, IReadOnlyList<(Devices.Uplink.QuarantineReason Reason, int Held)> Reasons, long? DiskFree, long? Readings, DateTimeOffset? Oldest, int Partitions);
}
