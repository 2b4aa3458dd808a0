using System.Security.Authentication;
using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Client;

/// <summary>An MQTT client, 3.1.1 or 5.0, over TCP, TLS or WebSocket, made to be had by the thousand in one process.</summary>
/// <remarks>
/// <code>
/// any thread --write under the gate--> ClientOutput --batches--> stream
/// read loop  --one packet at a time--> acknowledgements, MessageReceived, waiting requests
/// run loop   --dial, CONNECT, read until it ends, pause, again
/// </code>
/// QoS 1 and 2 messages live in the client, not in the connection: after a reconnect they are sent again in order, with
/// their ids and DUP where the server kept the session, as new ones where it did not. All members are thread-safe.
/// </remarks>
public sealed class MqttClient : IAsyncDisposable
{
    private readonly MqttClientOptions _options;
    private readonly ClientSession _session;
    private readonly CancellationTokenSource _stop = new();
    private readonly ReconnectPacing _pacing;
    private Task? _run;
    private string? _assignedClientId;
    private long _connections;
    private bool _everConnected;
    private TaskCompletionSource? _whenConnected;
    private TaskCompletionSource? _accepting;
    private bool _takenOver;
    private int _disposed;

    /// <summary>A client that does nothing yet.</summary>
    /// <param name="options">Right, else <see cref="ArgumentException"/> with all mistakes.</param>
    public MqttClient(MqttClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var mistakes = options.Validate();
        if (mistakes.Count > 0)
        {
            throw new ArgumentException(string.Join("; ", mistakes), nameof(options));
        }

        _options = options;
        _session = new ClientSession(this);
        _pacing = new ReconnectPacing(options.ReconnectDelay, options.MaximumReconnectDelay, Random.Shared);
    }

    /// <summary>Settings in force.</summary>
    public MqttClientOptions Options => _options;

    /// <summary>
    /// Called for each message, one at a time; without manual acknowledgement the message is acknowledged when it returned. If it throws,
    /// the connection ends and the message is not acknowledged.
    /// </summary>
    /// <remarks>
    /// Reading waits while it runs, so it must not await an answer that this client has to read (a QoS 1 or 2 publish, a subscribe):
    /// start those and return, or hand the message to a channel and acknowledge by hand.
    /// </remarks>
    public Func<ReceivedMessage, ValueTask>? MessageReceived { get; init; }

    /// <summary>Instead of <see cref="MessageReceived"/>, without copies, acknowledged at once: for load generators.</summary>
    public PublishObserver? PublishObserved { get; init; }

    /// <summary>Told at each change of state.</summary>
    public ClientStateChanged? StateChanged { get; init; }

    /// <summary>Where it stands.</summary>
    public ClientState State { get; private set; }

    /// <summary>Own identifier, or the one the server assigned.</summary>
    public string ClientId => _assignedClientId ?? _options.ClientId;

    /// <summary>CONNACK of the current connection; null: not connected.</summary>
    public ConnAckPacket? Accepted => _session.Connection?.Accepted;

    /// <summary>QoS 1 and 2 messages sent and not acknowledged.</summary>
    public int InFlight => _session.InFlight;

    /// <summary>Dials once. On success the client stays connected (and reconnects, if so set) until <see cref="DisconnectAsync"/>.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>CONNACK; from 0x80 on the server refused, and the client has stopped.</returns>
    /// <exception cref="MqttClientException">No connection, no answer, or an answer that breaks the standard.</exception>
    public async Task<ConnAckPacket> ConnectAsync(CancellationToken cancellationToken = default)
    {
        var first = new TaskCompletionSource<ConnAckPacket>(TaskCreationOptions.RunContinuationsAsynchronously);
        Begin(first);
        try
        {
            return await first.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            await _stop.CancelAsync();
            throw;
        }
    }

    /// <summary>Begins dialling in the background and goes on until it is stopped, refused or not.</summary>
    public void Start() => Begin(first: null);

    /// <summary>Completes when connected; at once when it is already.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public Task WaitConnectedAsync(CancellationToken cancellationToken = default)
    {
        lock (_session.Gate)
        {
            if (State == ClientState.Connected)
            {
                return Task.CompletedTask;
            }

            _whenConnected ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _whenConnected.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Publishes. At QoS 1 and 2 completes at PUBACK or PUBCOMP, however many reconnects lie between.</summary>
    /// <param name="topic">Valid topic name.</param>
    /// <param name="payload">Copied before this returns.</param>
    /// <param name="qualityOfService">Default QoS 1.</param>
    /// <param name="retain">To be kept for later subscribers.</param>
    /// <param name="properties">5.0 only; null: none.</param>
    /// <param name="cancellationToken">Stops waiting; a message already sent stays in flight.</param>
    /// <exception cref="MqttClientException">The client stopped first.</exception>
    public ValueTask<PublishResult> PublishAsync(
        string topic,
        ReadOnlyMemory<byte> payload,
        QualityOfService qualityOfService = QualityOfService.AtLeastOnce,
        bool retain = false,
        PublishProperties? properties = null,
        CancellationToken cancellationToken = default)
    {
        if (!TopicName.IsValid(topic))
        {
            throw new ArgumentException("not a valid topic name", nameof(topic));
        }

        return PublishAsync(EncodedPublish.Encode(topic, payload.Span, properties), qualityOfService, retain, cancellationToken);
    }

    /// <summary>Publishes an encoded message.</summary>
    /// <param name="message">May be shared between clients.</param>
    /// <param name="qualityOfService">QoS to send with.</param>
    /// <param name="retain">To be kept for later subscribers.</param>
    /// <param name="cancellationToken">Stops waiting; a message already sent stays in flight.</param>
    /// <exception cref="MqttClientException">The client stopped first.</exception>
    public ValueTask<PublishResult> PublishAsync(EncodedPublish message, QualityOfService qualityOfService, bool retain = false, CancellationToken cancellationToken = default) =>
        _session.PublishAsync(message, qualityOfService, retain, cancellationToken);

    /// <summary>Publishes without waiting: pipelined load with a callback at the acknowledgement.</summary>
    /// <param name="message">May be shared between clients.</param>
    /// <param name="qualityOfService">QoS to send with.</param>
    /// <param name="retain">To be kept for later subscribers.</param>
    /// <param name="completed">Called once, on the read loop; at QoS 0 before this returns. Null: nobody asks.</param>
    /// <param name="state">Handed to the callback.</param>
    /// <returns>False: not connected, window full or network behind; nothing was done.</returns>
    public bool TryPublish(EncodedPublish message, QualityOfService qualityOfService, bool retain = false, PublishCompleted? completed = null, object? state = null) =>
        _session.TryPublish(message, qualityOfService, retain, completed, state);

    /// <summary>Subscribes.</summary>
    /// <param name="subscriptions">At least one.</param>
    /// <param name="identifier">Subscription Identifier, 5.0 only; null: none.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>SUBACK with a code for each filter.</returns>
    /// <exception cref="MqttClientException">Not connected, or lost before the answer.</exception>
    public async Task<SubAckPacket> SubscribeAsync(IReadOnlyList<TopicSubscription> subscriptions, uint? identifier = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(subscriptions);
        foreach (var subscription in subscriptions)
        {
            if (!TopicFilter.IsValid(subscription.Filter))
            {
                throw new ArgumentException($"'{subscription.Filter}' is not a valid topic filter", nameof(subscriptions));
            }
        }

        var answer = (SubAckPacket)await _session.RequestAsync(
            (output, id) => SubscribePacket.Write(output, new SubscribePacket { PacketId = id, Subscriptions = subscriptions, SubscriptionIdentifier = identifier }, _options.Version),
            cancellationToken);
        _session.NoteSubscribed(subscriptions, identifier, answer);
        return answer;
    }

    /// <summary>Subscribes to one filter.</summary>
    /// <param name="filter">Valid topic filter.</param>
    /// <param name="qualityOfService">Highest QoS wanted.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The code for the filter.</returns>
    /// <exception cref="MqttClientException">Not connected, or lost before the answer.</exception>
    public async Task<ReasonCode> SubscribeAsync(string filter, QualityOfService qualityOfService = QualityOfService.AtLeastOnce, CancellationToken cancellationToken = default)
    {
        var answer = await SubscribeAsync([new TopicSubscription(filter, qualityOfService)], identifier: null, cancellationToken);
        return answer.Reasons[0];
    }

    /// <summary>Unsubscribes.</summary>
    /// <param name="filters">As subscribed.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="MqttClientException">Not connected, or lost before the answer.</exception>
    public async Task<UnsubAckPacket> UnsubscribeAsync(IReadOnlyList<string> filters, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filters);
        _session.NoteUnsubscribed(filters);
        return (UnsubAckPacket)await _session.RequestAsync(
            (output, id) => UnsubscribePacket.Write(output, new UnsubscribePacket { PacketId = id, Filters = filters }, _options.Version),
            cancellationToken);
    }

    /// <summary>Says good-bye and stops for good. Messages not acknowledged fail.</summary>
    /// <param name="reason">Success drops the will, DisconnectWithWill (5.0) has it published.</param>
    /// <param name="sessionExpiryInterval">New session expiry, seconds, 5.0 only; null: as at connect.</param>
    /// <param name="cancellationToken">Does not wait for the network any longer.</param>
    public async Task DisconnectAsync(ReasonCode reason = ReasonCode.Success, uint? sessionExpiryInterval = null, CancellationToken cancellationToken = default)
    {
        ClientConnection? connection;
        lock (_session.Gate)
        {
            connection = _session.Connection;
            if (connection is not null)
            {
                DisconnectPacket.Write(connection.Output, new DisconnectPacket { Reason = reason, SessionExpiryInterval = sessionExpiryInterval }, _options.Version);
            }
        }

        if (connection is not null)
        {
            connection.Output.Kick();
            try
            {
                await connection.Output.DrainAsync().WaitAsync(TimeSpan.FromSeconds(5), _options.TimeProvider, cancellationToken);
            }
            catch (Exception failure) when (failure is TimeoutException or OperationCanceledException)
            {
                // A server that does not read gets no good-bye.
            }
        }

        await StopAsync();
    }

    /// <summary>Cuts the connection without good-bye, as a lost line does; the client reconnects if so set.</summary>
    public void Abort() => _session.Connection?.Abort("cut by its owner");

    /// <summary>Cuts the connection without good-bye and stops.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await StopAsync();
            _stop.Dispose();
        }
    }

    /// <summary>Called by a message; see <see cref="ReceivedMessage.Acknowledge"/>.</summary>
    internal void Acknowledge(long connectionNumber, ushort packetId, QualityOfService qualityOfService, ReasonCode reason) =>
        _session.Acknowledge(connectionNumber, packetId, qualityOfService, reason);

    private void Begin(TaskCompletionSource<ConnAckPacket>? first)
    {
        lock (_session.Gate)
        {
            if (_run is not null)
            {
                throw new InvalidOperationException("a client is started once");
            }

            _run = Task.Run(() => RunAsync(first));
        }
    }

    private async Task StopAsync()
    {
        if (State == ClientState.Stopped)
        {
            return;
        }

        await _stop.CancelAsync();
        _session.Connection?.Abort("stopped");
        if (_run is { } run)
        {
            await run;
        }
        else
        {
            Finish("stopped");
        }
    }

    private async Task RunAsync(TaskCompletionSource<ConnAckPacket>? first)
    {
        var reason = "stopped";
        while (!_stop.IsCancellationRequested)
        {
            Change(ClientState.Connecting, "");
            var (ended, connack, failure) = await ConnectOnceAsync(first);
            reason = ended;
            if (first is not null)
            {
                if (connack is null)
                {
                    Finish(reason);
                    first.TrySetException(new MqttClientException(reason, failure));
                    return;
                }

                if (connack.Reason >= ReasonCode.UnspecifiedError)
                {
                    Finish(reason);
                    first.TrySetResult(connack);
                    return;
                }

                first = null;
            }

            // Whoever took the session over is to keep it: coming back would make two clients kick each other for ever.
            if (_stop.IsCancellationRequested || !_options.Reconnect || _takenOver)
            {
                break;
            }

            Change(ClientState.Pausing, reason);
            await Task.Delay(_pacing.Next(), _options.TimeProvider, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Finish(reason);
    }

    /// <summary>Dials, signs in, and when accepted reads until the connection ends.</summary>
    private async Task<(string Reason, ConnAckPacket? ConnAck, Exception? Failure)> ConnectOnceAsync(TaskCompletionSource<ConnAckPacket>? first)
    {
        ClientConnection? connection = null;
        try
        {
            var startedAt = _options.TimeProvider.GetTimestamp();
            (connection, var reading) = await EstablishAsync();
            if (connection.Accepted is not { } connack)
            {
                connection.Abort("no CONNACK in time");
                return (await reading, null, null);
            }

            if (connack.Reason >= ReasonCode.UnspecifiedError)
            {
                connection.Abort("refused");
                await reading;
                return ($"refused by the server: {connack.Reason} {connack.ReasonString}".TrimEnd(), connack, null);
            }

            first?.TrySetResult(connack);
            var reason = await reading;
            _takenOver = connection.Farewell?.Reason == ReasonCode.SessionTakenOver;
            _pacing.Lived(_options.TimeProvider.GetElapsedTime(startedAt));
            return (reason, connack, null);
        }
        catch (Exception failure) when (failure is IOException or System.Net.Sockets.SocketException or AuthenticationException
            or OperationCanceledException or System.Net.WebSockets.WebSocketException or InvalidOperationException)
        {
            var reason = failure is OperationCanceledException && !_stop.IsCancellationRequested ? "no connection in time" : failure.Message;
            return (reason, null, failure);
        }
        finally
        {
            _session.PutDown();
            connection?.Dispose();
        }
    }

    /// <summary>Dials, sends CONNECT and waits for CONNACK, the end of the connection or the time-out, whichever is first.</summary>
    private async Task<(ClientConnection Connection, Task<string> Reading)> EstablishAsync()
    {
        using var timeout = new CancellationTokenSource(_options.ConnectTimeout, _options.TimeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _stop.Token);
        var connection = new ClientConnection(++_connections, await ClientDialling.OpenAsync(_options, both.Token), _session.Gate, _options);
        var accepted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _accepting = accepted;
        lock (_session.Gate)
        {
            ConnectPacket.Write(connection.Output, ConnectRequest());
        }

        connection.Output.Kick();
        var reading = connection.ReadAsync(Handle, _stop.Token);
        await ((Task)Task.WhenAny(reading, accepted.Task)).WaitAsync(both.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return (connection, reading);
    }

    private ConnectPacket ConnectRequest() => new()
    {
        Version = _options.Version,
        ClientId = ClientId,
        CleanStart = _options.CleanStart && (!_everConnected || _options.Version == ProtocolVersion.V311),
        KeepAlive = _options.KeepAlive,
        UserName = _options.UserName,
        Password = _options.Password,
        Will = _options.Will,
        SessionExpiryInterval = _options.SessionExpiryInterval,
        ReceiveMaximum = _options.ReceiveMaximum,
        MaximumPacketSize = (uint)_options.MaximumPacketSize,
        TopicAliasMaximum = _options.TopicAliasMaximum,
        UserProperties = _options.UserProperties,
    };

    /// <summary>CONNACK: takes the session up where it was left, or begins a new one.</summary>
    private void Accept(ClientConnection connection, ConnAckPacket connack)
    {
        connection.Accepted = connack;
        if (connack.Reason >= ReasonCode.UnspecifiedError)
        {
            _accepting?.TrySetResult();
            return;
        }

        TaskCompletionSource? whenConnected;
        _everConnected = true;
        _assignedClientId = connack.AssignedClientIdentifier ?? _assignedClientId;
        var done = _session.TakeUp(connection, connack);
        lock (_session.Gate)
        {
            State = ClientState.Connected;
            whenConnected = _whenConnected;
            _whenConnected = null;
        }

        connection.StartKeepAlive(connack.ServerKeepAlive ?? _options.KeepAlive);
        _session.AfterSending();
        foreach (var publish in done)
        {
            publish.Complete(new PublishResult(ReasonCode.Success));
        }

        _accepting?.TrySetResult();
        StateChanged?.Invoke(this, ClientState.Connected, "");
        whenConnected?.TrySetResult();
    }

    private void Finish(string reason)
    {
        TaskCompletionSource? whenConnected;
        lock (_session.Gate)
        {
            State = ClientState.Stopped;
            whenConnected = _whenConnected;
            _whenConnected = null;
        }

        _session.End();
        whenConnected?.TrySetException(new MqttClientException(reason));
        StateChanged?.Invoke(this, ClientState.Stopped, reason);
    }

    private void Change(ClientState state, string reason)
    {
        State = state;
        StateChanged?.Invoke(this, state, reason);
    }

    private ParseVerdict Handle(ClientConnection connection, scoped in PacketFrame frame, out ValueTask pending)
    {
        pending = default;
        if (connection.Accepted is null)
        {
            if (frame.Type != PacketType.ConnAck)
            {
                return ParseVerdict.ProtocolError("first packet is not CONNACK"); // [MQTT-3.2.0-1]
            }

            var verdict = ConnAckPacket.TryParse(frame.Body, _options.Version, out var connack);
            if (verdict.IsOk)
            {
                Accept(connection, connack!);
            }

            return verdict;
        }

        switch (frame.Type)
        {
            case PacketType.Publish:
                return _session.HandlePublish(connection, frame, out pending);
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp:
                return _session.HandleAcknowledgement(connection, frame);
            case PacketType.SubAck:
                var subscribed = SubAckPacket.TryParse(frame.Body, _options.Version, out var suback);
                return subscribed.IsOk ? _session.AnswerRequest(suback!.PacketId, suback) : subscribed;
            case PacketType.UnsubAck:
                var unsubscribed = UnsubAckPacket.TryParse(frame.Body, _options.Version, out var unsuback);
                return unsubscribed.IsOk ? _session.AnswerRequest(unsuback!.PacketId, unsuback) : unsubscribed;
            case PacketType.PingResp:
                return PingPacket.TryParse(frame.Body);
            case PacketType.Disconnect when _options.Version == ProtocolVersion.V5:
                var parsed = DisconnectPacket.TryParse(frame.Body, _options.Version, out var farewell);
                connection.Farewell = farewell;
                return parsed;
            default:
                return ParseVerdict.ProtocolError("packet that a server does not send");
        }
    }
}
