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
    /// <summary>Ids above those of publishes, for SUBSCRIBE and UNSUBSCRIBE.</summary>
    private const ushort FirstRequestId = 65_001;

    private readonly Lock _gate = new();
    private readonly MqttClientOptions _options;
    private readonly OutgoingWindow _window;
    private readonly CancellationTokenSource _stop = new();
    private readonly ReconnectPacing _pacing;
    private Dictionary<ushort, TaskCompletionSource<object>>? _requests;
    private Dictionary<string, (TopicSubscription Subscription, uint? Identifier)>? _subscriptions;

    /// <summary>QoS 2 ids received and not yet released; true once PUBREC was sent.</summary>
    private Dictionary<ushort, bool>? _received;
    private List<OutgoingPublish>? _refused;
    private ClientConnection? _connection;
    private Task? _run;
    private string? _assignedClientId;
    private long _connections;
    private ushort _lastRequestId = FirstRequestId - 1;
    private bool _everConnected;
    private TaskCompletionSource? _whenConnected;
    private TaskCompletionSource? _accepting;
    private bool _takenOver;

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
        _window = new OutgoingWindow(options.MaximumInFlight, options.MaximumQueued);
        _pacing = new ReconnectPacing(options.ReconnectDelay, options.MaximumReconnectDelay, Random.Shared);
    }

    /// <summary>Settings in force.</summary>
    public MqttClientOptions Options => _options;

    /// <summary>Called for each message; reading waits while it runs, and without manual acknowledgement the message is acknowledged when it returned. If it throws, the connection ends and the message is not acknowledged.</summary>
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
    public ConnAckPacket? Accepted => _connection?.Accepted;

    /// <summary>QoS 1 and 2 messages sent and not acknowledged.</summary>
    public int InFlight
    {
        get
        {
            lock (_gate)
            {
                return _window.InFlight;
            }
        }
    }

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
        lock (_gate)
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
    public async ValueTask<PublishResult> PublishAsync(EncodedPublish message, QualityOfService qualityOfService, bool retain = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (qualityOfService == QualityOfService.AtMostOnce)
        {
            return await PublishAtMostOnceAsync(message, retain, cancellationToken);
        }

        var answer = new TaskCompletionSource<PublishResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        var publish = new OutgoingPublish(message, qualityOfService, retain, static (state, result) => Answer((TaskCompletionSource<PublishResult>)state!, result), answer);
        lock (_gate)
        {
            ThrowIfStopped();
            if (_connection is { } connection && Judge(connection, message, qualityOfService, retain) is { } refusal)
            {
                return refusal;
            }

            if (!_window.TryEnqueue(publish))
            {
                return new PublishResult(ReasonCode.QuotaExceeded, "too many messages are waiting");
            }

            SendWaiting();
        }

        AfterSending();
        try
        {
            return await answer.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            lock (_gate)
            {
                _window.Withdraw(publish);
            }

            throw;
        }
    }

    /// <summary>Publishes without waiting: pipelined load with a callback at the acknowledgement.</summary>
    /// <param name="message">May be shared between clients.</param>
    /// <param name="qualityOfService">QoS to send with.</param>
    /// <param name="retain">To be kept for later subscribers.</param>
    /// <param name="completed">Called once, on the read loop; at QoS 0 before this returns. Null: nobody asks.</param>
    /// <param name="state">Handed to the callback.</param>
    /// <returns>False: not connected, window full or network behind; nothing was done.</returns>
    public bool TryPublish(EncodedPublish message, QualityOfService qualityOfService, bool retain = false, PublishCompleted? completed = null, object? state = null)
    {
        ArgumentNullException.ThrowIfNull(message);
        PublishResult result = default;
        lock (_gate)
        {
            if (_connection is not { } connection || State != ClientState.Connected || connection.Output.IsFull)
            {
                return false;
            }

            if (Judge(connection, message, qualityOfService, retain) is { } refusal)
            {
                result = refusal;
                qualityOfService = QualityOfService.AtMostOnce;
            }
            else if (qualityOfService == QualityOfService.AtMostOnce)
            {
                message.Write(connection.Output, new PublishStamp { Version = _options.Version, Retain = retain, MessageExpiryInterval = message.MessageExpiryInterval });
            }
            else
            {
                if (!_window.HasRoom || !_window.TryEnqueue(new OutgoingPublish(message, qualityOfService, retain, completed, state)))
                {
                    return false;
                }

                SendWaiting();
            }
        }

        AfterSending();
        if (qualityOfService == QualityOfService.AtMostOnce)
        {
            completed?.Invoke(state, result);
        }

        return true;
    }

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

        var answer = (SubAckPacket)await RequestAsync(
            (output, id) => SubscribePacket.Write(output, new SubscribePacket { PacketId = id, Subscriptions = subscriptions, SubscriptionIdentifier = identifier }, _options.Version),
            cancellationToken);
        lock (_gate)
        {
            _subscriptions ??= new(StringComparer.Ordinal);
            for (var i = 0; i < subscriptions.Count && i < answer.Reasons.Count; i++)
            {
                if (answer.Reasons[i] < ReasonCode.UnspecifiedError)
                {
                    _subscriptions[subscriptions[i].Filter] = (subscriptions[i], identifier);
                }
            }
        }

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
        lock (_gate)
        {
            foreach (var filter in filters)
            {
                _subscriptions?.Remove(filter);
            }
        }

        return (UnsubAckPacket)await RequestAsync(
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
        lock (_gate)
        {
            connection = _connection;
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
    public void Abort() => _connection?.Abort("cut by its owner");

    /// <summary>Cuts the connection without good-bye and stops.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    /// <summary>Called by a message; see <see cref="ReceivedMessage.Acknowledge"/>.</summary>
    internal void Acknowledge(long connectionNumber, ushort packetId, QualityOfService qualityOfService, ReasonCode reason)
    {
        ClientConnection? connection;
        lock (_gate)
        {
            connection = _connection;
            if (qualityOfService == QualityOfService.AtLeastOnce)
            {
                if (connection?.Number == connectionNumber)
                {
                    AcknowledgementPacket.Write(connection.Output, PacketType.PubAck, packetId, _options.Version, reason);
                }
            }
            else if (_received is not null && _received.ContainsKey(packetId))
            {
                // Outlives the connection: in a resumed session the same id still means the same message.
                if (reason >= ReasonCode.UnspecifiedError)
                {
                    _received.Remove(packetId); // a refusing PUBREC ends the exchange, section 4.3.3
                }
                else
                {
                    _received[packetId] = true;
                }

                if (connection is not null)
                {
                    AcknowledgementPacket.Write(connection.Output, PacketType.PubRec, packetId, _options.Version, reason);
                }
            }
        }

        connection?.Output.Kick();
    }

    private static void Answer(TaskCompletionSource<PublishResult> answer, PublishResult result)
    {
        if (result.Reason == ReasonCode.ServerShuttingDown)
        {
            answer.TrySetException(new MqttClientException("the client stopped before the message was acknowledged") { Reason = result.Reason });
        }
        else
        {
            answer.TrySetResult(result);
        }
    }

    private void Begin(TaskCompletionSource<ConnAckPacket>? first)
    {
        lock (_gate)
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
        await _stop.CancelAsync();
        _connection?.Abort("stopped");
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
            Lose(connection);
        }
    }

    /// <summary>Dials, sends CONNECT and waits for CONNACK, the end of the connection or the time-out, whichever is first.</summary>
    private async Task<(ClientConnection Connection, Task<string> Reading)> EstablishAsync()
    {
        using var timeout = new CancellationTokenSource(_options.ConnectTimeout, _options.TimeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _stop.Token);
        var connection = new ClientConnection(++_connections, await ClientDialling.OpenAsync(_options, both.Token), _gate, _options);
        var accepted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _accepting = accepted;
        lock (_gate)
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

        List<OutgoingPublish> done;
        TaskCompletionSource? whenConnected;
        lock (_gate)
        {
            _everConnected = true;
            _assignedClientId = connack.AssignedClientIdentifier ?? _assignedClientId;
            if (!connack.SessionPresent)
            {
                _received = null;
            }

            _connection = connection;
            _window.Resume(connack.ReceiveMaximum, connack.SessionPresent, out var released, out done);
            foreach (var publish in released)
            {
                AcknowledgementPacket.Write(connection.Output, PacketType.PubRel, publish.PacketId, _options.Version);
            }

            if (!connack.SessionPresent && _options.Resubscribe && _subscriptions is not null)
            {
                Resubscribe(connection);
            }

            State = ClientState.Connected;
            SendWaiting();
            whenConnected = _whenConnected;
            _whenConnected = null;
        }

        connection.StartKeepAlive(connack.ServerKeepAlive ?? _options.KeepAlive);
        AfterSending();
        foreach (var publish in done)
        {
            publish.Complete(new PublishResult(ReasonCode.Success));
        }

        _accepting?.TrySetResult();
        StateChanged?.Invoke(this, ClientState.Connected, "");
        whenConnected?.TrySetResult();
    }

    private void Resubscribe(ClientConnection connection)
    {
        foreach (var group in _subscriptions!.Values.GroupBy(entry => entry.Identifier).Where(group => group.Any()))
        {
            SubscribePacket.Write(
                connection.Output,
                new SubscribePacket { PacketId = NextRequestId(), Subscriptions = [.. group.Select(entry => entry.Subscription)], SubscriptionIdentifier = group.Key },
                _options.Version);
        }
    }

    private void Lose(ClientConnection? connection)
    {
        List<TaskCompletionSource<object>> waiting = [];
        lock (_gate)
        {
            _connection = null;
            _window.Pause();
            if (_requests is not null)
            {
                waiting.AddRange(_requests.Values);
                _requests = null;
            }
        }

        connection?.Dispose();
        foreach (var request in waiting)
        {
            request.TrySetException(new MqttClientException("the connection was lost before the answer came"));
        }
    }

    private void Finish(string reason)
    {
        List<OutgoingPublish> left;
        TaskCompletionSource? whenConnected;
        lock (_gate)
        {
            State = ClientState.Stopped;
            left = _window.TakeAll();
            whenConnected = _whenConnected;
            _whenConnected = null;
        }

        foreach (var publish in left)
        {
            publish.Complete(new PublishResult(ReasonCode.ServerShuttingDown, "the client stopped"));
        }

        whenConnected?.TrySetException(new MqttClientException(reason));
        StateChanged?.Invoke(this, ClientState.Stopped, reason);
    }

    private void Change(ClientState state, string reason)
    {
        State = state;
        StateChanged?.Invoke(this, state, reason);
    }

    private void ThrowIfStopped()
    {
        if (State == ClientState.Stopped)
        {
            throw new MqttClientException("the client has stopped");
        }
    }

    private async ValueTask<PublishResult> PublishAtMostOnceAsync(EncodedPublish message, bool retain, CancellationToken cancellationToken)
    {
        while (true)
        {
            ClientConnection? connection;
            lock (_gate)
            {
                ThrowIfStopped();
                connection = _connection;
                if (connection is null)
                {
                    return new PublishResult(ReasonCode.ServerUnavailable, "not connected");
                }

                if (Judge(connection, message, QualityOfService.AtMostOnce, retain) is { } refusal)
                {
                    return refusal;
                }

                if (!connection.Output.IsFull)
                {
                    message.Write(connection.Output, new PublishStamp { Version = _options.Version, Retain = retain, MessageExpiryInterval = message.MessageExpiryInterval });
                    break;
                }
            }

            await connection.Output.DrainAsync().WaitAsync(cancellationToken);
        }

        AfterSending();
        return new PublishResult(ReasonCode.Success);
    }

    /// <summary>What the server said at connect that it would not take.</summary>
    private PublishResult? Judge(ClientConnection connection, EncodedPublish message, QualityOfService qualityOfService, bool retain)
    {
        var limits = connection.Accepted!;
        if (qualityOfService > limits.MaximumQoS)
        {
            return new PublishResult(ReasonCode.QoSNotSupported, "the server takes no such QoS"); // [MQTT-3.2.2-11]
        }

        if (retain && !limits.RetainAvailable)
        {
            return new PublishResult(ReasonCode.RetainNotSupported, "the server keeps no retained messages"); // [MQTT-3.2.2-14]
        }

        return IsTooLarge(limits, message, qualityOfService)
            ? new PublishResult(ReasonCode.PacketTooLarge, "larger than the server takes") // [MQTT-3.2.2-15]
            : null;
    }

    private bool IsTooLarge(ConnAckPacket limits, EncodedPublish message, QualityOfService qualityOfService) =>
        limits.MaximumPacketSize is { } maximum
        && message.Measure(new PublishStamp { Version = _options.Version, QualityOfService = qualityOfService, MessageExpiryInterval = message.MessageExpiryInterval }) > maximum;

    /// <summary>Writes what quota and places allow. Under the gate; <see cref="AfterSending"/> must follow outside it.</summary>
    private void SendWaiting()
    {
        if (_connection is not { Accepted: { } limits } connection)
        {
            return;
        }

        while (_window.TryTakeNext() is { } publish)
        {
            if (IsTooLarge(limits, publish.Message, publish.QualityOfService))
            {
                _window.Remove(publish);
                (_refused ??= []).Add(publish);
                continue;
            }

            publish.Message.Write(connection.Output, new PublishStamp
            {
                Version = _options.Version,
                QualityOfService = publish.QualityOfService,
                PacketId = publish.PacketId,
                Duplicate = publish.WasSent,
                Retain = publish.Retain,
                MessageExpiryInterval = publish.Message.MessageExpiryInterval,
            });
            publish.WasSent = true;
        }
    }

    private void AfterSending()
    {
        List<OutgoingPublish>? refused;
        lock (_gate)
        {
            refused = _refused;
            _refused = null;
        }

        _connection?.Output.Kick();
        foreach (var publish in refused ?? [])
        {
            publish.Complete(new PublishResult(ReasonCode.PacketTooLarge, "larger than the server takes"));
        }
    }

    private ushort NextRequestId()
    {
        do
        {
            _lastRequestId = _lastRequestId == ushort.MaxValue ? FirstRequestId : (ushort)(_lastRequestId + 1);
        }
        while (_requests is not null && _requests.ContainsKey(_lastRequestId));
        return _lastRequestId;
    }

    private async Task<object> RequestAsync(Action<ClientOutput, ushort> write, CancellationToken cancellationToken)
    {
        var answer = new TaskCompletionSource<object>(TaskCreationOptions.RunContinuationsAsynchronously);
        ClientConnection connection;
        ushort id;
        lock (_gate)
        {
            connection = _connection ?? throw new MqttClientException("not connected");
            _requests ??= [];
            if (_requests.Count > ushort.MaxValue - FirstRequestId)
            {
                throw new MqttClientException("too many subscribe requests are waiting") { Reason = ReasonCode.QuotaExceeded };
            }

            id = NextRequestId();
            _requests.Add(id, answer);
            write(connection.Output, id);
        }

        connection.Output.Kick();
        return await answer.Task.WaitAsync(cancellationToken);
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
                return HandlePublish(connection, frame, out pending);
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp:
                return HandleAcknowledgement(connection, frame);
            case PacketType.SubAck:
                var subscribed = SubAckPacket.TryParse(frame.Body, _options.Version, out var suback);
                return subscribed.IsOk ? AnswerRequest(suback!.PacketId, suback) : subscribed;
            case PacketType.UnsubAck:
                var unsubscribed = UnsubAckPacket.TryParse(frame.Body, _options.Version, out var unsuback);
                return unsubscribed.IsOk ? AnswerRequest(unsuback!.PacketId, unsuback) : unsubscribed;
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

    private ParseVerdict AnswerRequest(ushort packetId, object answer)
    {
        TaskCompletionSource<object>? request = null;
        lock (_gate)
        {
            _requests?.Remove(packetId, out request);
        }

        request?.TrySetResult(answer);
        return ParseVerdict.Ok;
    }

    private ParseVerdict HandleAcknowledgement(ClientConnection connection, scoped in PacketFrame frame)
    {
        var verdict = AcknowledgementPacket.TryParse(frame.Type, frame.Body, _options.Version, out var packet);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        OutgoingPublish? ended = null;
        lock (_gate)
        {
            var publish = _window.Find(packet.PacketId);
            switch (frame.Type)
            {
                case PacketType.PubRel:
                    var known = _received is not null && _received.Remove(packet.PacketId);
                    AcknowledgementPacket.Write(connection.Output, PacketType.PubComp, packet.PacketId, _options.Version, known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound);
                    break;
                case PacketType.PubRec when publish is not { QualityOfService: QualityOfService.ExactlyOnce }:
                    AcknowledgementPacket.Write(connection.Output, PacketType.PubRel, packet.PacketId, _options.Version, ReasonCode.PacketIdentifierNotFound);
                    break;
                case PacketType.PubRec when packet.Reason < ReasonCode.UnspecifiedError:
                    publish.Step = OutgoingStep.Released;
                    AcknowledgementPacket.Write(connection.Output, PacketType.PubRel, packet.PacketId, _options.Version);
                    break;
                case PacketType.PubAck when publish is { QualityOfService: QualityOfService.AtLeastOnce }:
                case PacketType.PubRec:
                case PacketType.PubComp when publish is { QualityOfService: QualityOfService.ExactlyOnce }:
                    ended = publish;
                    _window.Remove(publish!);
                    SendWaiting();
                    break;
                default:
                    // An answer to nothing we sent: harmless.
                    break;
            }
        }

        if (ended is not null)
        {
            ended.Complete(new PublishResult(packet.Reason == ReasonCode.PacketIdentifierNotFound ? ReasonCode.Success : packet.Reason, packet.ReadReasonString()));
            AfterSending();
        }

        return ParseVerdict.Ok;
    }

    private ParseVerdict HandlePublish(ClientConnection connection, scoped in PacketFrame frame, out ValueTask pending)
    {
        pending = default;
        var verdict = PublishPacket.TryParse(frame.Body, frame.Flags, _options.Version, out var packet);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        var topic = packet.Topic;
        if (packet.TopicAlias != 0)
        {
            verdict = ResolveAlias(connection, packet.TopicAlias, ref topic);
            if (!verdict.IsOk)
            {
                return verdict;
            }
        }

        if (packet.QualityOfService == QualityOfService.ExactlyOnce && !IsFirstArrival(connection, packet.PacketId))
        {
            return ParseVerdict.Ok;
        }

        if (PublishObserved is { } observer)
        {
            observer(packet, topic);
            if (packet.QualityOfService != QualityOfService.AtMostOnce)
            {
                Acknowledge(connection.Number, packet.PacketId, packet.QualityOfService, ReasonCode.Success);
            }

            return ParseVerdict.Ok;
        }

        var message = new ReceivedMessage(this, connection.Number, System.Text.Encoding.UTF8.GetString(topic), packet);
        var handled = MessageReceived?.Invoke(message) ?? default;
        if (_options.ManualAcknowledgement)
        {
            pending = handled;
        }
        else if (handled.IsCompletedSuccessfully)
        {
            message.Acknowledge();
        }
        else
        {
            pending = AcknowledgeAfterAsync(handled, message);
        }

        return ParseVerdict.Ok;
    }

    private static async ValueTask AcknowledgeAfterAsync(ValueTask handled, ReceivedMessage message)
    {
        await handled;
        message.Acknowledge();
    }

    /// <summary>QoS 2: notes the id. A repeat is not delivered again; if its PUBREC was sent, it is sent again [MQTT-4.3.3-10].</summary>
    private bool IsFirstArrival(ClientConnection connection, ushort packetId)
    {
        lock (_gate)
        {
            _received ??= [];
            if (_received.TryAdd(packetId, false))
            {
                return true;
            }

            if (_received[packetId])
            {
                AcknowledgementPacket.Write(connection.Output, PacketType.PubRec, packetId, _options.Version);
            }

            return false;
        }
    }

    private ParseVerdict ResolveAlias(ClientConnection connection, ushort alias, ref ReadOnlySpan<byte> topic)
    {
        if (alias > _options.TopicAliasMaximum)
        {
            return ParseVerdict.Fail(ReasonCode.TopicAliasInvalid, "topic alias above our maximum"); // [MQTT-3.3.2-10]
        }

        connection.Aliases ??= [];
        if (!topic.IsEmpty)
        {
            connection.Aliases[alias] = topic.ToArray();
            return ParseVerdict.Ok;
        }

        if (!connection.Aliases.TryGetValue(alias, out var known))
        {
            return ParseVerdict.ProtocolError("topic alias was never set");
        }

        topic = known;
        return ParseVerdict.Ok;
    }
}
