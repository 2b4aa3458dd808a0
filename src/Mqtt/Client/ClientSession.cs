using System.Text;
using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Client;

/// <summary>What outlives a connection: messages in flight both ways, subscriptions, and the requests that wait for an answer.</summary>
/// <remarks>
/// MQTT 5.0 section 4.1 (session state) and 4.3 (delivery). Everything is guarded by <see cref="Gate"/>, under which packets are
/// written too, so that the order on the wire is the order of the state. Callbacks run outside it.
/// </remarks>
internal sealed class ClientSession(MqttClient owner)
{
    /// <summary>Ids above those of publishes, for SUBSCRIBE and UNSUBSCRIBE.</summary>
    private const ushort FirstRequestId = 65_001;

    private readonly MqttClientOptions _options = owner.Options;
    private readonly OutgoingWindow _window = new(owner.Options.MaximumInFlight, owner.Options.MaximumQueued);
    private Dictionary<ushort, TaskCompletionSource<object>>? _requests;
    private Dictionary<string, (TopicSubscription Subscription, uint? Identifier)>? _subscriptions;

    /// <summary>QoS 2 ids received and not yet released; true once PUBREC was sent.</summary>
    private Dictionary<ushort, bool>? _received;
    private List<OutgoingPublish>? _refused;
    private ushort _lastRequestId = FirstRequestId - 1;
    private bool _stopped;

    internal Lock Gate { get; } = new();

    /// <summary>The accepted connection; null: none.</summary>
    internal ClientConnection? Connection { get; private set; }

    internal int InFlight
    {
        get
        {
            lock (Gate)
            {
                return _window.InFlight;
            }
        }
    }

    /// <summary>CONNACK came: takes up what was left, or begins anew. <see cref="AfterSending"/> must follow.</summary>
    /// <returns>Messages that the server had received before it lost the session: they are done.</returns>
    internal List<OutgoingPublish> TakeUp(ClientConnection connection, ConnAckPacket connack)
    {
        lock (Gate)
        {
            if (!connack.SessionPresent)
            {
                _received = null;
            }

            Connection = connection;
            _window.Resume(connack.ReceiveMaximum, connack.SessionPresent, out var released, out var done);
            foreach (var publish in released)
            {
                AcknowledgementPacket.Write(connection.Output, PacketType.PubRel, publish.PacketId, _options.Version);
            }

            if (!connack.SessionPresent && _options.Resubscribe && _subscriptions is not null)
            {
                Resubscribe(connection);
            }

            SendWaiting();
            return done;
        }
    }

    /// <summary>The connection ended: what is in flight waits for the next, requests fail.</summary>
    internal void PutDown()
    {
        List<TaskCompletionSource<object>> waiting = [];
        lock (Gate)
        {
            Connection = null;
            _window.Pause();
            if (_requests is not null)
            {
                waiting.AddRange(_requests.Values);
                _requests = null;
            }
        }

        foreach (var request in waiting)
        {
            request.TrySetException(new MqttClientException("the connection was lost before the answer came"));
        }
    }

    /// <summary>The client stops: everything that waits fails.</summary>
    internal void End()
    {
        List<OutgoingPublish> left;
        lock (Gate)
        {
            _stopped = true;
            left = _window.TakeAll();
        }

        foreach (var publish in left)
        {
            publish.Complete(new PublishResult(ReasonCode.ServerShuttingDown, "the client stopped"));
        }
    }

    internal void NoteSubscribed(IReadOnlyList<TopicSubscription> subscriptions, uint? identifier, SubAckPacket answer)
    {
        lock (Gate)
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
    }

    internal void NoteUnsubscribed(IReadOnlyList<string> filters)
    {
        lock (Gate)
        {
            foreach (var filter in filters)
            {
                _subscriptions?.Remove(filter);
            }
        }
    }

    internal async ValueTask<PublishResult> PublishAsync(EncodedPublish message, QualityOfService qualityOfService, bool retain, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (qualityOfService == QualityOfService.AtMostOnce)
        {
            return await PublishAtMostOnceAsync(message, retain, cancellationToken);
        }

        var answer = new TaskCompletionSource<PublishResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        var publish = new OutgoingPublish(message, qualityOfService, retain, static (state, result) => Answer((TaskCompletionSource<PublishResult>)state!, result), answer);
        lock (Gate)
        {
            ThrowIfStopped();
            if (Connection is { } connection && Judge(connection, message, qualityOfService, retain) is { } refusal)
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
            lock (Gate)
            {
                _window.Withdraw(publish);
            }

            throw;
        }
    }

    internal bool TryPublish(EncodedPublish message, QualityOfService qualityOfService, bool retain, PublishCompleted? completed, object? state)
    {
        ArgumentNullException.ThrowIfNull(message);
        PublishResult result = default;
        lock (Gate)
        {
            if (Connection is not { } connection || connection.Output.IsFull)
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

    /// <summary>Called by a message; see <see cref="ReceivedMessage.Acknowledge"/>.</summary>
    internal void Acknowledge(long connectionNumber, ushort packetId, QualityOfService qualityOfService, ReasonCode reason)
    {
        ClientConnection? connection;
        lock (Gate)
        {
            connection = Connection;
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

    private void ThrowIfStopped()
    {
        if (_stopped)
        {
            throw new MqttClientException("the client has stopped");
        }
    }

    private async ValueTask<PublishResult> PublishAtMostOnceAsync(EncodedPublish message, bool retain, CancellationToken cancellationToken)
    {
        while (true)
        {
            ClientConnection? connection;
            lock (Gate)
            {
                ThrowIfStopped();
                connection = Connection;
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
        if (Connection is not { Accepted: { } limits } connection)
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

    internal void AfterSending()
    {
        List<OutgoingPublish>? refused;
        lock (Gate)
        {
            refused = _refused;
            _refused = null;
        }

        Connection?.Output.Kick();
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

    internal async Task<object> RequestAsync(Action<ClientOutput, ushort> write, CancellationToken cancellationToken)
    {
        var answer = new TaskCompletionSource<object>(TaskCreationOptions.RunContinuationsAsynchronously);
        ClientConnection connection;
        ushort id;
        lock (Gate)
        {
            connection = Connection ?? throw new MqttClientException("not connected");
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
    internal ParseVerdict AnswerRequest(ushort packetId, object answer)
    {
        TaskCompletionSource<object>? request = null;
        lock (Gate)
        {
            _requests?.Remove(packetId, out request);
        }

        request?.TrySetResult(answer);
        return ParseVerdict.Ok;
    }

    internal ParseVerdict HandleAcknowledgement(ClientConnection connection, scoped in PacketFrame frame)
    {
        var verdict = AcknowledgementPacket.TryParse(frame.Type, frame.Body, _options.Version, out var packet);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        OutgoingPublish? ended = null;
        lock (Gate)
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

    internal ParseVerdict HandlePublish(ClientConnection connection, scoped in PacketFrame frame, out ValueTask pending)
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

        if (owner.PublishObserved is { } observer)
        {
            observer(packet, topic);
            if (packet.QualityOfService != QualityOfService.AtMostOnce)
            {
                Acknowledge(connection.Number, packet.PacketId, packet.QualityOfService, ReasonCode.Success);
            }

            return ParseVerdict.Ok;
        }

        var message = new ReceivedMessage(owner, connection.Number, Encoding.UTF8.GetString(topic), packet);
        var handled = owner.MessageReceived?.Invoke(message) ?? default;
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
        lock (Gate)
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
