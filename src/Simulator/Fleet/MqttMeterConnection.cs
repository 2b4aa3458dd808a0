using System.Security.Cryptography.X509Certificates;
using System.Text;
using Headwater.Mqtt;
using Headwater.Mqtt.Client;
using Headwater.Mqtt.Packets;

namespace Headwater.Simulator.Fleet;

/// <summary>A station's MQTT connection. The client is made anew at each connect: a meter that was without power remembers nothing.</summary>
internal sealed class MqttMeterConnection : IMeterConnection
{
    private readonly Station _station;
    private readonly MqttClientOptions _options;
    private readonly FleetCounters _counters;
    private readonly SemaphoreSlim _room;
    private readonly Lock _lock = new();
    private MqttClient? _client;
    private int _unacknowledged;
    private TaskCompletionSource? _whenAcknowledged;
    private bool _isConnected;
    private bool _isLeaving;

    private MqttMeterConnection(Station station, MqttClientOptions options, FleetCounters counters)
    {
        _station = station;
        _options = options;
        _counters = counters;
        _room = new SemaphoreSlim(station.Group.InFlight);
    }

    /// <summary>Makes the connections of a fleet.</summary>
    /// <param name="server">Where to.</param>
    /// <param name="credentials">As whom.</param>
    /// <param name="counters">Counts for all of them.</param>
    /// <param name="time">Clock of keep-alive and reconnects.</param>
    internal static ConnectionMaker Maker(ServerAddress server, FleetCredentials credentials, FleetCounters counters, TimeProvider time)
    {
        X509Certificate2Collection? roots = null;
        if (server.AuthorityFile is not null)
        {
            roots = [];
            roots.ImportFromPemFile(server.AuthorityFile);
        }

        return station =>
        {
            var signIn = credentials.Of(station.Id);
            var offline = station.Offline;
            return new MqttMeterConnection(station, new MqttClientOptions
            {
                Host = server.Host,
                Port = server.Port,
                Transport = server.IsSecure ? ClientTransport.Tls : ClientTransport.Tcp,
                TrustedRoots = roots,
                ClientId = station.Id,
                UserName = signIn?.UserName,
                Password = signIn is { } known ? (ReadOnlyMemory<byte>?)Encoding.UTF8.GetBytes(known.Password) : null,
                MaximumInFlight = station.Group.InFlight,
                MaximumQueued = station.Group.InFlight,
                MaximumReconnectDelay = TimeSpan.FromSeconds(10),
                Will = station.Group.ReportsState
                    ? new WillMessage { Topic = offline.Topic, Payload = offline.Payload, QualityOfService = offline.QualityOfService, Retain = true }
                    : null,
                TimeProvider = time,
            }, counters);
        };
    }

    public async Task ConnectAsync(CancellationToken cancellationToken)
    {
        _isLeaving = false;
        _client = new MqttClient(_options) { StateChanged = OnStateChanged };
        _client.Start();
        await _client.WaitConnectedAsync(cancellationToken);
    }

    public async ValueTask PublishAsync(OutgoingMessage message, CancellationToken cancellationToken)
    {
        var client = _client ?? throw new InvalidOperationException($"{_station.Id} publishes without having connected.");
        await _room.WaitAsync(cancellationToken);
        lock (_lock) { _unacknowledged++; }
        _counters.CountSent(message.Payload.Length);
        _ = FollowAsync(client, message);
    }

    public Task WhenAcknowledgedAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_unacknowledged == 0) { return Task.CompletedTask; }
            _whenAcknowledged ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _whenAcknowledged.Task.WaitAsync(cancellationToken);
        }
    }

    public async Task DisconnectAsync(CancellationToken cancellationToken)
    {
        if (_client is not { } client) { return; }
        _isLeaving = true;
        await client.DisconnectAsync(cancellationToken: cancellationToken);
        await client.DisposeAsync();
        _client = null;
    }

    public async Task CutAsync()
    {
        if (_client is not { } client) { return; }
        _isLeaving = true;
        await client.DisposeAsync();
        _client = null;
    }

    public async ValueTask DisposeAsync()
    {
        await CutAsync();
        _room.Dispose();
    }

    /// <summary>Waits for the acknowledgement beside the caller, who goes on while the window has room.</summary>
    private async Task FollowAsync(MqttClient client, OutgoingMessage message)
    {
        try
        {
            var result = await client.PublishAsync(message.Topic, message.Payload, message.QualityOfService, message.Retain);
            _counters.CountAcknowledged(refused: !result.IsSuccess);
        }
        catch (MqttClientException)
        {
            // The client was stopped: the message is as lost as in a meter without power.
        }
        finally
        {
            try { _room.Release(); }
            catch (ObjectDisposedException)
            {
                // The station is gone; nobody waits for room.
            }

            lock (_lock)
            {
                if (--_unacknowledged == 0)
                {
                    _whenAcknowledged?.SetResult();
                    _whenAcknowledged = null;
                }
            }
        }
    }

    private void OnStateChanged(MqttClient client, ClientState state, string reason)
    {
        if (!_isLeaving && reason.Length > 0 && state is ClientState.Pausing or ClientState.Stopped) { _counters.Note(reason); }
        var connected = state == ClientState.Connected;
        if (connected == _isConnected) { return; }
        _isConnected = connected;
        if (connected)
        {
            _counters.CountConnected();
            return;
        }

        _counters.CountDisconnected();
        if (!_isLeaving) { _counters.CountLost(); }
    }
}
