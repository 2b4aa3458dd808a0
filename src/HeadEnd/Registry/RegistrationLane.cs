using System.Collections.Concurrent;
using System.Threading.Channels;
using Headwater.Accounts.Audit;
using Headwater.Devices;
using Headwater.Devices.Profiles;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.HeadEnd.Registry;

/// <summary>Writes new devices and registers in groups: whatever was asked for while the last group committed is the next group.</summary>
/// <remarks>Asked twice for the same thing, both get the same task. Memory: one entry per distinct wish; wishes come from connections whose
/// windows are bounded, so at most window x connections wait here. A failed group stays and is tried again.</remarks>
internal sealed class RegistrationLane(
    DeviceRegistry registry, NpgsqlDataSource primary, IAudit audit, DeviceRegistryOptions options, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, DeviceWish> _devices = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(long DeviceId, string Obis), RegisterWish> _registers = new();
    private readonly Channel<object> _wishes = Channel.CreateUnbounded<object>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private int _started;

    /// <summary>Starts the one reader of the wishes; a registry that is loaded again has it already.</summary>
    internal void Start()
    {
        if (Interlocked.Exchange(ref _started, 1) == 0) { _running = Task.Run(RunAsync); }
    }

    internal Task<RegisteredDevice> RegisterAsync(string textId, DeviceClass deviceClass, RegisteredDevice? carrier)
    {
        var wish = new DeviceWish(textId, deviceClass, carrier);
        var standing = _devices.GetOrAdd(textId, wish);
        if (ReferenceEquals(standing, wish)) { _wishes.Writer.TryWrite(wish); }
        return standing.Task;
    }

    internal Task<RegisteredRegister> AddRegisterAsync(RegisteredDevice device, RegisterProfile defaults)
    {
        var wish = new RegisterWish(device, defaults);
        var standing = _registers.GetOrAdd((device.DeviceId, defaults.Obis), wish);
        if (ReferenceEquals(standing, wish)) { _wishes.Writer.TryWrite(wish); }
        return standing.Task;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _wishes.Writer.TryComplete();
        await _running;
        foreach (var wish in _devices.Values) { wish.Source.TrySetCanceled(_stop.Token); }
        foreach (var wish in _registers.Values) { wish.Source.TrySetCanceled(_stop.Token); }
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var devices = new List<DeviceWish>();
        var registers = new List<RegisterWish>();
        try
        {
            while (await _wishes.Reader.WaitToReadAsync(_stop.Token))
            {
                while (devices.Count + registers.Count < options.GroupSize && _wishes.Reader.TryRead(out var wish))
                {
                    if (wish is DeviceWish device) { devices.Add(device); } else { registers.Add((RegisterWish)wish); }
                }
                await WriteUntilDoneAsync(devices, registers);
                devices.Clear();
                registers.Clear();
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The server stops; waiting wishes are cancelled by DisposeAsync.
        }
    }

    private async Task WriteUntilDoneAsync(List<DeviceWish> devices, List<RegisterWish> registers)
    {
        while (true)
        {
            try
            {
                await WriteAsync(devices, registers);
                return;
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
            {
                RegistryLog.RegistrationFailed(logger, e, devices.Count + registers.Count);
                await Task.Delay(options.RetryInterval, time, _stop.Token);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // A defect of ours: those who wait are told, and the lane goes on for the others.
                RegistryLog.RegistrationFailed(logger, e, devices.Count + registers.Count);
                Fail(devices, registers, e);
                return;
            }
        }
    }

    private void Fail(List<DeviceWish> devices, List<RegisterWish> registers, Exception error)
    {
        foreach (var wish in devices)
        {
            _devices.TryRemove(wish.TextId, out _);
            wish.Source.TrySetException(error);
        }
        foreach (var wish in registers)
        {
            _registers.TryRemove((wish.Device.DeviceId, wish.Defaults.Obis), out _);
            wish.Source.TrySetException(error);
        }
    }

    private async Task WriteAsync(List<DeviceWish> devices, List<RegisterWish> registers)
    {
        var cancellationToken = _stop.Token;
        var deviceRows = new List<DeviceRow>(devices.Count);
        var registerRows = new List<RegisterRow>(registers.Count);
        await using (var connection = await primary.OpenConnectionAsync(cancellationToken))
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            if (devices.Count > 0)
            {
                string[] textIds = [.. devices.Select(static w => w.TextId)];
                await RegistrySql.InsertDevicesAsync(
                    connection, options.DefaultOrganizationId, textIds, [.. devices.Select(static w => (short)w.Class)],
                    [.. devices.Select(static w => w.Carrier?.DeviceId)], cancellationToken);
                await RegistrySql.ReadDevicesAsync(connection, textIds, deviceRows.Add, cancellationToken);
                await audit.WriteAsync(
                    connection, Actor.System with { OrganizationId = options.DefaultOrganizationId }, "device register", devices.Count == 1 ? textIds[0] : $"{textIds.Length} devices",
                    new { automatically = true, first = textIds.Take(20) }, cancellationToken);
                await RegistrySql.NotifyAsync(connection, registry.Origin, textIds, cancellationToken);
            }
            if (registers.Count > 0)
            {
                long[] deviceIds = [.. registers.Select(static w => w.Device.DeviceId)];
                await RegistrySql.InsertRegistersAsync(connection, deviceIds, [.. registers.Select(static w => w.Defaults)], cancellationToken);
                await RegistrySql.ReadRegistersAsync(connection, [.. deviceIds.Distinct()], registerRows.Add, cancellationToken);
            }
            await transaction.CommitAsync(cancellationToken);
        }
        Complete(devices, deviceRows);
        Complete(registers, registerRows);
    }

    private void Complete(List<DeviceWish> wishes, List<DeviceRow> rows)
    {
        if (wishes.Count == 0) { return; }
        var byTextId = rows.ToDictionary(static r => r.TextId, StringComparer.Ordinal);
        foreach (var wish in wishes)
        {
            var device = registry.Apply(byTextId[wish.TextId], wish.Carrier);
            _devices.TryRemove(wish.TextId, out _);
            wish.Source.TrySetResult(device);
        }
        RegistryLog.RegisteredAutomatically(logger, wishes.Count, wishes[0].TextId);
    }

    private void Complete(List<RegisterWish> wishes, List<RegisterRow> rows)
    {
        if (wishes.Count == 0) { return; }
        var byDevice = rows.ToLookup(static r => r.DeviceId);
        foreach (var wish in wishes)
        {
            RegisteredRegister? register = null;
            foreach (var row in byDevice[wish.Device.DeviceId].Where(r => string.Equals(r.Obis, wish.Defaults.Obis, StringComparison.Ordinal)))
            {
                register = registry.ApplyRegister(wish.Device, row);
            }
            _registers.TryRemove((wish.Device.DeviceId, wish.Defaults.Obis), out _);
            if (register is not null) { wish.Source.TrySetResult(register); }
            else { wish.Source.TrySetException(new InvalidOperationException($"Register {wish.Defaults.Obis} of {wish.Device.TextId} was not found after it was added.")); }
        }
    }

    private sealed record DeviceWish(string TextId, DeviceClass Class, RegisteredDevice? Carrier)
    {
        // Asynchronous continuations: whoever waits must not run on the lane.
        internal TaskCompletionSource<RegisteredDevice> Source { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal Task<RegisteredDevice> Task => Source.Task;
    }

    private sealed record RegisterWish(RegisteredDevice Device, RegisterProfile Defaults)
    {
        internal TaskCompletionSource<RegisteredRegister> Source { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal Task<RegisteredRegister> Task => Source.Task;
    }
}
