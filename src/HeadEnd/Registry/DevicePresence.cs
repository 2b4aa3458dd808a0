using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Headwater.HeadEnd.Registry;

/// <summary>Keeps each device's last contact: in memory at once, in <c>headend.device_presence</c> in groups every few seconds.</summary>
/// <remarks>Each changed device waits in the queue once, however often it speaks: memory is bounded by the number of devices. Rows are
/// written in order of device number, so two servers cannot deadlock.</remarks>
public sealed class DevicePresence(NpgsqlDataSource primary, DeviceRegistryOptions options, TimeProvider time, ILogger<DevicePresence> logger) : IAsyncDisposable
{
    private const int MostRowsAtOnce = 5_000;
    private readonly ConcurrentQueue<RegisteredDevice> _changed = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private int _connected;

    /// <summary>Devices with a live connection.</summary>
    public int Connected => Volatile.Read(ref _connected);

    /// <summary>Marks every device as not connected (a crash left some so) and begins to write.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var command = primary.CreateCommand("update headend.device_presence set connected = false where connected");
        await command.ExecuteNonQueryAsync(cancellationToken);
        _running = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>A device signed in.</summary>
    public void Connect(RegisteredDevice device, string? remote)
    {
        ArgumentNullException.ThrowIfNull(device);
        device.Remote = remote;
        if (device.CountConnection(1) == 1) { Interlocked.Increment(ref _connected); }
        Seen(device, Now());
    }

    /// <summary>A device's connection ended. Called once for each <see cref="Connect"/>.</summary>
    public void Disconnect(RegisteredDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (device.CountConnection(-1) == 0) { Interlocked.Decrement(ref _connected); }
        Seen(device, Now());
    }

    /// <summary>A device was heard of.</summary>
    /// <param name="device">The device.</param>
    /// <param name="at">When, µs since 1970.</param>
    public void Seen(RegisteredDevice device, long at)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (device.Touch(at, isReading: false)) { _changed.Enqueue(device); }
    }

    /// <summary>A quantity of a device arrived. Cheap enough for every message.</summary>
    /// <param name="device">The device.</param>
    /// <param name="at">When it arrived, µs since 1970.</param>
    public void Reading(RegisteredDevice device, long at)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (device.Touch(at, isReading: true)) { _changed.Enqueue(device); }
    }

    /// <summary>Writes what waits. Public for an orderly stop and for tests; the loop calls it by itself.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        while (!_changed.IsEmpty)
        {
            var group = new List<RegisteredDevice>();
            while (group.Count < MostRowsAtOnce && _changed.TryDequeue(out var device))
            {
                device.PresenceTaken(); // before reading its values: a change from now on queues it again
                group.Add(device);
            }
            try
            {
                await WriteAsync(group, cancellationToken);
            }
            catch
            {
                foreach (var device in group)
                {
                    if (device.MarkPresenceChanged()) { _changed.Enqueue(device); }
                }
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds() * 1000;

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(options.PresenceInterval, time, _stop.Token);
                await FlushAsync(_stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
            {
                RegistryLog.PresenceFailed(logger, e);
            }
        }
    }

    private async Task WriteAsync(List<RegisteredDevice> group, CancellationToken cancellationToken)
    {
        group.Sort(static (a, b) => a.DeviceId.CompareTo(b.DeviceId));
        await using var command = primary.CreateCommand(
            """
            insert into headend.device_presence as p (device_id, connected, last_seen_at, last_reading_at, remote)
            select d, c, to_timestamp(s / 1e6), case when r = 0 then null else to_timestamp(r / 1e6) end, m
            from unnest($1, $2, $3, $4, $5) as n (d, c, s, r, m)
            on conflict (device_id) do update set connected = excluded.connected,
                last_seen_at = greatest(p.last_seen_at, excluded.last_seen_at), last_reading_at = greatest(p.last_reading_at, excluded.last_reading_at),
                remote = coalesce(excluded.remote, p.remote)
            """);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. group.Select(static d => d.DeviceId)] });
        command.Parameters.Add(new NpgsqlParameter<bool[]> { TypedValue = [.. group.Select(static d => d.IsConnected)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. group.Select(static d => d.LastSeenAt)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. group.Select(static d => d.LastReadingAt)] });
        command.Parameters.Add(new NpgsqlParameter { Value = group.Select(static d => d.Remote).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
