using System.Buffers.Binary;
using Headwater.HeadEnd.Registry;
using Headwater.Metering;
using Headwater.Storage.Connections;
using Npgsql;

namespace Headwater.HeadEnd.Readings;

/// <summary>What pages and later stages read of this stage's readings. All queries are bounded in time and in rows, and keep to the key.</summary>
/// <param name="store">The database.</param>
public sealed class ReadingQueries(Store store)
{
    /// <summary>Longest profile message: 1,440 values (uplink.md).</summary>
    private const int MostValuesOfBlock = 1_440;

    /// <summary>The versions of a register in order of time.</summary>
    public async Task<IReadOnlyList<RegisterSpan>> VersionsAsync(long registerId, CancellationToken cancellationToken)
    {
        await using var command = store.ReadSource().CreateCommand(
            "select version, valid_from, lead(valid_from, 1, 'infinity') over (order by version), unit, exponent from headend.register_version where register_id = $1 order by version");
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = registerId });
        var versions = new List<RegisterSpan>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            versions.Add(new RegisterSpan(reader.GetInt32(0), At(reader.GetDateTime(1)), At(reader.GetDateTime(2)), reader.GetString(3), reader.GetInt16(4)));
        }
        return versions;
    }

    /// <summary>Readings in [from, to), the newest first.</summary>
    /// <param name="registers">Of which registers.</param>
    /// <param name="from">Begin.</param>
    /// <param name="to">End; for the next page the time of the last one seen.</param>
    /// <param name="limit">Most readings.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<IReadOnlyList<StoredReading>> ReadAsync(
        IReadOnlyList<RegisteredRegister> registers, DateTimeOffset from, DateTimeOffset to, int limit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(registers);
        var rows = new List<(long Register, DateTimeOffset At, long Value, Suspicion Suspicion, long Commit, int Ordinal)>();
        // Each register on its own: the key is (register, time), so the newest of each are the end of one index range.
        await using (var command = store.ReadSource().CreateCommand(
            """
            select n.r, v.at, v.value, v.suspicion, v.commit_number, v.ordinal from unnest($1) as n (r)
            cross join lateral (
                select at, value, suspicion, commit_number, ordinal from headend.reading
                where register_id = n.r and at >= $2 and at < $3 order by at desc limit $4) v
            order by v.at desc, n.r limit $4
            """))
        {
            command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. registers.Select(static r => r.RegisterId)] });
            AddTimes(command, from, to);
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                rows.Add((reader.GetInt64(0), At(reader.GetDateTime(1)), reader.GetInt64(2), (Suspicion)reader.GetInt16(3), reader.GetInt64(4), reader.GetInt32(5)));
            }
        }
        if (rows.Count == 0) { return []; }
        var scales = await ScalesAsync(registers, cancellationToken);
        var commits = await CommitTimesAsync(rows.Select(static r => r.Commit), cancellationToken);
        return [.. rows.Select(r =>
        {
            var (unit, exponent) = scales(r.Register, r.At);
            return new StoredReading(r.Register, r.At, ScaledText.Of(r.Value, exponent), unit, r.Suspicion, r.Commit, r.Ordinal, commits.TryGetValue(r.Commit, out var at) ? at : null);
        })];
    }

    /// <summary>A register's values in [from, to) cut to a chart's width in the database.</summary>
    /// <param name="register">Register.</param>
    /// <param name="from">Begin.</param>
    /// <param name="to">End.</param>
    /// <param name="points">Width in pixels.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<ReadingSeries> SeriesAsync(RegisteredRegister register, DateTimeOffset from, DateTimeOffset to, int points, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(register);
        if (register.IntervalSeconds is not null) { return await ProfileSeriesAsync(register, from, to, points, cancellationToken); }
        // At least a millisecond: date_bin takes no empty stride.
        var step = TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling((to - from).TotalMilliseconds / points)));
        var result = new List<SeriesPoint>();
        foreach (var version in await VersionsAsync(register.RegisterId, cancellationToken))
        {
            var (begin, end) = (Later(version.From, from), Earlier(version.To, to));
            if (begin >= end) { continue; }
            await using var command = store.ReadSource().CreateCommand(
                """
                select (extract(epoch from min(at)) * 1000)::bigint, min(value), max(value), (array_agg(value order by at desc))[1], count(*)
                from headend.reading where register_id = $1 and at >= $2 and at < $3 group by date_bin($4, at, $5) order by 1
                """);
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = register.RegisterId });
            AddTimes(command, begin, end);
            command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = step });
            command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = from.UtcDateTime });
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                result.Add(new SeriesPoint(
                    reader.GetInt64(0), ScaledText.ForChart(reader.GetInt64(1), version.Exponent), ScaledText.ForChart(reader.GetInt64(2), version.Exponent),
                    ScaledText.ForChart(reader.GetInt64(3), version.Exponent), reader.GetInt64(4)));
            }
        }
        return new ReadingSeries(register.Unit, IsInterval: false, result, SeriesGaps.Find(result, (long)step.TotalMilliseconds));
    }

    /// <summary>The intervals of a load-profile channel that begin in [from, to), at most <paramref name="limit"/>.</summary>
    public async Task<ProfileSeries> ProfilesAsync(RegisteredRegister register, DateTimeOffset from, DateTimeOffset to, int limit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(register);
        var longest = TimeSpan.FromSeconds((double)MostValuesOfBlock * Math.Max(register.IntervalSeconds ?? 3_600, 900));
        var intervals = new SortedDictionary<long, (int Value, byte Status)>();
        var lengths = new Dictionary<int, int>();
        await using var command = store.ReadSource().CreateCommand(
            """
            select (extract(epoch from start_at) * 1000)::bigint, every_seconds, value_count, "values", statuses from headend.profile_block
            where register_id = $1 and start_at >= $2 and start_at < $3 and start_at + make_interval(secs => every_seconds::double precision * value_count) > $4
            order by commit_number, ordinal limit 20000
            """);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = register.RegisterId });
        AddTimes(command, from - longest, to);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = from.UtcDateTime });
        var (first, last) = (from.ToUnixTimeMilliseconds(), to.ToUnixTimeMilliseconds());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var start = reader.GetInt64(0);
            var every = reader.GetInt32(1);
            var count = reader.GetInt32(2);
            var values = reader.GetFieldValue<byte[]>(3);
            var statuses = await reader.IsDBNullAsync(4, cancellationToken) ? null : reader.GetFieldValue<byte[]>(4);
            lengths[every] = lengths.GetValueOrDefault(every) + count;
            for (var i = 0; i < Math.Min(count, values.Length / 4); i++)
            {
                var at = start + (i * every * 1000L);
                if (at < first || at >= last) { continue; }
                intervals[at] = (BinaryPrimitives.ReadInt32BigEndian(values.AsSpan(i * 4)), statuses is not null && i < statuses.Length ? statuses[i] : (byte)0);
            }
        }
        var common = lengths.Count == 0 ? register.IntervalSeconds ?? 900 : lengths.MaxBy(static l => l.Value).Key;
        const byte Missing = (byte)Devices.Uplink.ProfileStatus.Missing;
        return new ProfileSeries(
            register.Unit, register.Exponent, common,
            [.. intervals.Take(limit).Select(static i => new ProfilePoint(i.Key, i.Value.Status == Missing ? null : i.Value.Value, i.Value.Status))]);
    }

    /// <summary>A device's events, the newest first.</summary>
    public async Task<IReadOnlyList<StoredMeterEvent>> EventsAsync(RegisteredDevice device, int limit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(device);
        await using var command = store.ReadSource().CreateCommand(
            "select at, code, sequence, data::text, commit_number, ordinal from headend.meter_event where device_id = $1 order by at desc, sequence desc limit $2");
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = device.DeviceId });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        var events = new List<StoredMeterEvent>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            events.Add(new StoredMeterEvent(At(reader.GetDateTime(0)), reader.GetString(1), reader.GetInt64(2), reader.GetString(3), reader.GetInt64(4), reader.GetInt32(5)));
        }
        return events;
    }

    /// <summary>A device's conflicts, the newest first.</summary>
    public async Task<IReadOnlyList<StoredConflict>> ConflictsAsync(RegisteredDevice device, int limit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(device);
        var rows = new List<(long Register, DateTimeOffset At, long Standing, long StandingCommit, long Offered, long Commit, int Ordinal, DateTimeOffset RecordedAt)>();
        await using (var command = store.ReadSource().CreateCommand(
            """
            select register_id, at, standing_value, standing_commit_number, offered_value, offered_commit_number, offered_ordinal, recorded_at
            from headend.reading_conflict where register_id = any($1) order by at desc limit $2
            """))
        {
            command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. device.Registers.Select(static r => r.RegisterId)] });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                rows.Add((reader.GetInt64(0), At(reader.GetDateTime(1)), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetInt64(5), reader.GetInt32(6), At(reader.GetDateTime(7))));
            }
        }
        if (rows.Count == 0) { return []; }
        var scales = await ScalesAsync(device.Registers, cancellationToken);
        var commits = await CommitTimesAsync(rows.Select(static r => r.StandingCommit), cancellationToken);
        return [.. rows.Select(r =>
        {
            var (unit, exponent) = scales(r.Register, r.At);
            return new StoredConflict(
                r.Register, r.At, unit, ScaledText.Of(r.Standing, exponent), r.StandingCommit, ScaledText.Of(r.Offered, exponent), r.Commit, r.Ordinal, r.RecordedAt,
                commits.TryGetValue(r.StandingCommit, out var at) ? at : null);
        })];
    }

    /// <summary>The latest stored value of each register of a device.</summary>
    public async Task<IReadOnlyDictionary<long, LatestValue>> LatestAsync(RegisteredDevice device, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(device);
        await using var command = store.ReadSource().CreateCommand(
            """
            select n.r, v.at, v.value from unnest($1) as n (r)
            cross join lateral (select at, value from headend.reading where register_id = n.r order by at desc limit 1) v
            """);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. device.Registers.Select(static r => r.RegisterId)] });
        var latest = new Dictionary<long, LatestValue>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) { latest[reader.GetInt64(0)] = new LatestValue(reader.GetInt64(0), At(reader.GetDateTime(1)), reader.GetInt64(2)); }
        return latest;
    }

    private async Task<ReadingSeries> ProfileSeriesAsync(RegisteredRegister register, DateTimeOffset from, DateTimeOffset to, int points, CancellationToken cancellationToken)
    {
        var profile = await ProfilesAsync(register, from, to, int.MaxValue, cancellationToken);
        var step = Math.Max(profile.EverySeconds * 1000L, (long)Math.Ceiling((to - from).TotalMilliseconds / points));
        var begin = from.ToUnixTimeMilliseconds();
        var result = profile.Points.Where(static p => p.Value is not null).GroupBy(p => (p.At - begin) / step).Select(g => new SeriesPoint(
            g.First().At, ScaledText.ForChart(g.Min(static p => p.Value!.Value), profile.Exponent), ScaledText.ForChart(g.Max(static p => p.Value!.Value), profile.Exponent),
            ScaledText.ForChart(g.Last().Value!.Value, profile.Exponent), g.LongCount())).ToList();
        return new ReadingSeries(profile.Unit, IsInterval: true, result, SeriesGaps.Find(result, step));
    }

    /// <summary>Unit and exponent of a register at a time; one query for registers with more than one version.</summary>
    private async Task<Func<long, DateTimeOffset, (string Unit, short Exponent)>> ScalesAsync(IReadOnlyList<RegisteredRegister> registers, CancellationToken cancellationToken)
    {
        var byId = registers.ToDictionary(static r => r.RegisterId);
        var versions = new Dictionary<long, IReadOnlyList<RegisterSpan>>();
        foreach (var register in registers.Where(static r => r.Version > 1)) { versions[register.RegisterId] = await VersionsAsync(register.RegisterId, cancellationToken); }
        return (id, at) => versions.TryGetValue(id, out var spans) && spans.LastOrDefault(s => s.From <= at) is { } span ? (span.Unit, span.Exponent) : (byId[id].Unit, byId[id].Exponent);
    }

    private async Task<Dictionary<long, DateTimeOffset>> CommitTimesAsync(IEnumerable<long> commits, CancellationToken cancellationToken)
    {
        await using var command = store.ReadSource().CreateCommand("select commit_number, committed_at from headend.uplink_log where commit_number = any($1)");
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. commits.Distinct()] });
        var times = new Dictionary<long, DateTimeOffset>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) { times[reader.GetInt64(0)] = At(reader.GetDateTime(1)); }
        return times;
    }

    private static void AddTimes(NpgsqlCommand command, DateTimeOffset from, DateTimeOffset to)
    {
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = from.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = to.UtcDateTime });
    }

    private static DateTimeOffset At(DateTime time) => new(DateTime.SpecifyKind(time, DateTimeKind.Utc), TimeSpan.Zero);

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;
}
