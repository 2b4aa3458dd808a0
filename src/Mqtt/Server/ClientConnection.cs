using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Headwater.Mqtt.Packets;
using Microsoft.AspNetCore.Connections;

namespace Headwater.Mqtt.Server;

/// <summary>One network connection: its read loop, its state, and the writing of packets.</summary>
/// <remarks>
/// The read loop is the only reader and the only user of what a PUBLISH needs; anything may write, through <see cref="Outbound"/>.
/// A connection ends once, with the first reason given to <see cref="Close"/>.
/// </remarks>
internal sealed class ClientConnection
{
    private readonly MqttServer _server;
    private readonly ConnectionContext _context;
    private readonly PipeReader _input;
    private byte[]? _scratch;
    private object? _slowPacket;
    private InboundPublishes? _publishes;
    private CancellationTokenSource? _closingSource;
    private int _closing;
    private int _flushQueued;
    private int _feeding;
    private bool _releaseReceived;

    internal ClientConnection(MqttServer server, ConnectionContext context, MqttListener listener, long number)
    {
        _server = server;
        _context = context;
        _input = context.Transport.Input;
        Listener = listener;
        Number = number;
        RemoteEndPoint = context.RemoteEndPoint as IPEndPoint;
        Outbound = new OutboundBuffer(context.Transport.Output, server.OutboundTotals, server.Time);
        AcceptedAt = LastReceived = server.Time.GetTimestamp();
    }

    internal long Number { get; }

    internal MqttListener Listener { get; }

    internal IPEndPoint? RemoteEndPoint { get; }

    internal IPAddress RemoteAddress => RemoteEndPoint?.Address ?? IPAddress.None;

    internal string Remote => RemoteEndPoint?.ToString() ?? "unknown";

    internal OutboundBuffer Outbound { get; }

    internal ConnectionContext Context => _context;

    internal long AcceptedAt { get; }

    /// <summary>Monotonic time of the last bytes received; the keep-alive clock.</summary>
    internal long LastReceived { get; private set; }

    internal ProtocolVersion Version { get; set; } = ProtocolVersion.V311;

    internal Session? Session { get; set; }

    internal bool IsSignedIn { get; set; }

    /// <summary>True while a CONNECT is being judged or waits for the store: not the peer's fault, so the CONNECT time-out does not count.</summary>
    internal bool IsBeingJudged { get; set; }

    /// <summary>True while reading is paused; the keep-alive clock stands.</summary>
    internal bool IsPaused { get; private set; }

    /// <summary>Silence after which the peer is taken for dead; zero: never.</summary>
    internal TimeSpan SilenceAllowed { get; set; }

    internal int KeepAliveSeconds { get; set; }

    /// <summary>QoS 1 and 2 messages this client takes unacknowledged.</summary>
    internal int SendWindow { get; set; } = 1;

    /// <summary>Largest packet this client takes.</summary>
    internal long ClientMaximumPacketSize { get; set; } = long.MaxValue;

    internal bool WantsProblemInformation { get; set; } = true;

    internal bool WillIsDropped { get; set; }

    internal uint? NewExpiryInterval { get; set; }

    internal bool IsOpen => Volatile.Read(ref _closing) == 0;

    /// <summary>True from CONNACK to the end: nothing is sent to a client before its CONNACK [MQTT-3.2.0-1].</summary>
    internal bool MaySend => IsSignedIn && IsOpen;

    internal long ClosedAt { get; private set; }

    internal ReasonCode EndReason { get; private set; }

    internal string EndWords { get; private set; } = "connection lost";

    internal bool EndedByPeer { get; private set; }

    /// <summary>Answers pile up because the peer does not read: it is not read either until it does.</summary>
    private bool MustDrain => Outbound.Waiting > _server.Options.OutboundBufferBytes;

    internal int OutstandingMessages => _publishes?.OutstandingMessages ?? 0;

    /// <summary>Cancelled when the connection closes; made when first asked for.</summary>
    internal CancellationToken Closing
    {
        get
        {
            lock (Outbound.Gate)
            {
                if (_closingSource is null)
                {
                    _closingSource = new CancellationTokenSource();
                    if (!IsOpen) { _closingSource.Cancel(); }
                }

                return _closingSource.Token;
            }
        }
    }

    /// <summary>Serves the connection until it ends.</summary>
    internal async Task RunAsync()
    {
        try
        {
            var connect = await ReadConnectAsync();
            if (connect is not null && await new ConnectStep(_server, this, connect).RunAsync())
            {
                await ReadPacketsAsync();
            }
        }
        catch (Exception fault) when (fault is ConnectionResetException or ConnectionAbortedException or IOException or OperationCanceledException or InvalidOperationException { Source: "System.IO.Pipelines" })
        {
            EndAs(ReasonCode.UnspecifiedError, "connection lost", byPeer: true);
        }
        catch (Exception fault)
        {
            // Nothing a peer sends may get here; if it does, only this connection ends.
            if (_server.LogBudget.Allows("defect", out var suppressed)) { _server.Logger.Defect(fault, Session?.ClientId ?? "", Remote, suppressed); }
            Close(ReasonCode.ImplementationSpecificError, "defect of the server");
        }
        finally
        {
            EndAs(ReasonCode.UnspecifiedError, "connection lost", byPeer: true);
            PacketFrame.ReturnScratch(ref _scratch);
            _server.Ended(this);
            await Outbound.WaitForRoomAsync(); // the heartbeat cuts a peer that does not take its farewell
            Outbound.Close();
            await _input.CompleteAsync();
            _server.Gone(this);
        }
    }

    /// <summary>Ends the connection; the first reason given stands. Any thread.</summary>
    internal void Close(ReasonCode reason, string words)
    {
        if (!EndAs(reason, words, byPeer: false)) { return; }
        if (IsSignedIn && Version == ProtocolVersion.V5)
        {
            lock (Outbound.Gate)
            {
                if (!Outbound.IsClosed)
                {
                    DisconnectPacket.Write(Outbound, new DisconnectPacket { Reason = reason, ReasonString = Fits(words) ? words : null }, Version);
                }
            }
        }

        Outbound.Flush();
        _input.CancelPendingRead();
        CancellationTokenSource? closing;
        lock (Outbound.Gate) { closing = _closingSource; }
        // On the pool: what waits for the token must not go on under a lock of the closing thread.
        _ = closing?.CancelAsync();
        // Who is behind will not take the farewell either.
        if (Outbound.IsBehind) { _context.Abort(new ConnectionAbortedException(words)); }
    }

    /// <summary>The peer has not gone although it was told: cut.</summary>
    internal void Abort() => _context.Abort(new ConnectionAbortedException("closed"));

    /// <summary>Notes the end without telling the peer. False when it was noted before.</summary>
    internal bool EndAs(ReasonCode reason, string words, bool byPeer)
    {
        if (Interlocked.CompareExchange(ref _closing, 1, 0) != 0) { return false; }
        EndReason = reason;
        EndWords = words;
        EndedByPeer = byPeer;
        ClosedAt = _server.Time.GetTimestamp();
        return true;
    }

    /// <summary>One long answer of retained messages goes on beside the read loop; a second one waits in it.</summary>
    internal bool BeginsFeeding() => Interlocked.CompareExchange(ref _feeding, 1, 0) == 0;

    internal void EndsFeeding() => Volatile.Write(ref _feeding, 0);

    internal void CaughtUp() => _server.CaughtUp(this);

    /// <summary>True once per batch: the caller flushes.</summary>
    internal bool NeedsFlush() => Interlocked.Exchange(ref _flushQueued, 1) == 0;

    internal void FlushNow()
    {
        Volatile.Write(ref _flushQueued, 0);
        Outbound.Flush();
    }

    internal void WriteAcknowledgement(PacketType type, ushort packetId, ReasonCode reason, string? words)
    {
        lock (Outbound.Gate)
        {
            if (!Outbound.IsClosed)
            {
                AcknowledgementPacket.Write(Outbound, type, packetId, Version, reason, words is not null && WantsProblemInformation && Fits(words) ? words : null);
            }
        }
    }

    internal void WriteRelease(ushort packetId, ReasonCode reason) => WriteAcknowledgement(PacketType.PubRel, packetId, reason, null);

    /// <summary>True when the client's Maximum Packet Size admits the message [MQTT-3.1.2-24].</summary>
    internal bool Takes(Message message, QualityOfService level, uint[] identifiers) =>
        ClientMaximumPacketSize == long.MaxValue
        || message.Content.Measure(new PublishStamp
        {
            Version = Version,
            QualityOfService = level,
            MessageExpiryInterval = message.ExpiresAt is null ? null : 1,
            SubscriptionIdentifiers = identifiers,
        }) <= ClientMaximumPacketSize;

    /// <summary>Writes a QoS 1 or 2 transfer; called under the session's gate.</summary>
    internal void WritePublish(QueuedDelivery delivery)
    {
        lock (Outbound.Gate)
        {
            if (Outbound.IsClosed) { return; }
            delivery.Message.Content.Write(Outbound, new PublishStamp
            {
                Version = Version,
                QualityOfService = delivery.QualityOfService,
                PacketId = delivery.PacketId,
                Duplicate = delivery.WasSent,
                Retain = delivery.Retain,
                MessageExpiryInterval = delivery.Message.SecondsLeft(_server.Time),
                SubscriptionIdentifiers = delivery.Identifiers,
            });
        }

        _server.Statistics.Sent(delivery.QualityOfService, 1);
    }

    /// <summary>Writes a QoS 0 message, or drops it when the peer is too far behind.</summary>
    internal bool TrySendAtMostOnce(Message message, bool retain, uint[] identifiers)
    {
        if (message.ExpiresAt is not null && message.IsExpired(_server.Time.GetUtcNow()))
        {
            _server.Statistics.Dropped(DropReason.Expired);
            return false;
        }

        if (!Takes(message, QualityOfService.AtMostOnce, identifiers))
        {
            _server.Statistics.Dropped(DropReason.TooLargeForClient);
            return false;
        }

        lock (Outbound.Gate)
        {
            if (Outbound.IsClosed) { return false; }
            if (Outbound.IsBehind
                && (Outbound.Waiting + message.Content.Size > _server.Options.OutboundBufferBytes
                    || _server.OutboundTotals.Waiting > _server.Options.TotalOutboundBytes))
            {
                _server.Statistics.Dropped(DropReason.SlowReader);
                return false;
            }

            message.Content.Write(Outbound, new PublishStamp
            {
                Version = Version,
                Retain = retain,
                MessageExpiryInterval = message.SecondsLeft(_server.Time),
                SubscriptionIdentifiers = identifiers,
            });
        }

        _server.Statistics.Sent(QualityOfService.AtMostOnce, 1);
        return true;
    }

    /// <summary>A reason string must not make the packet larger than the client takes [MQTT-3.4.2-2]; ours are short.</summary>
    private bool Fits(string words) => ClientMaximumPacketSize == long.MaxValue || (words.Length * 3) + 16 <= ClientMaximumPacketSize;

    private async Task<ConnectPacket?> ReadConnectAsync()
    {
        while (true)
        {
            var result = await _input.ReadAsync();
            var buffer = result.Buffer;
            var examined = buffer.End;
            try
            {
                if (!IsOpen || result.IsCanceled) { return null; }
                var rest = buffer;
                var status = PacketFrame.TryRead(ref rest, _server.Options.MaximumConnectSize, ref _scratch, out var frame);
                if (status == ParseStatus.Complete)
                {
                    var connect = JudgeConnect(frame);
                    buffer = rest;
                    examined = rest.Start;
                    return connect;
                }

                if (status != ParseStatus.NeedMore || (!buffer.IsEmpty && buffer.FirstSpan[0] >> 4 != (int)PacketType.Connect))
                {
                    Refuse(ReasonCode.MalformedPacket, status == ParseStatus.TooLarge ? "CONNECT larger than this server takes" : "first packet is not a CONNECT");
                    return null;
                }

                if (result.IsCompleted)
                {
                    Refuse(ReasonCode.MalformedPacket, buffer.IsEmpty ? "closed before CONNECT" : "closed within CONNECT");
                    return null;
                }
            }
            finally
            {
                _input.AdvanceTo(buffer.Start, examined);
            }
        }
    }

    private ConnectPacket? JudgeConnect(scoped in PacketFrame frame)
    {
        if (frame.Type != PacketType.Connect)
        {
            Refuse(ReasonCode.ProtocolError, "first packet is not a CONNECT"); // [MQTT-3.1.0-1]
            return null;
        }

        _server.Statistics.BytesReceived(frame.TotalLength);
        var verdict = ConnectPacket.TryParse(frame.Body, out var connect);
        if (verdict.IsOk) { return connect; }

        // Answered where the peer can understand it: in the version asked for; an unknown version in 3.1.1's form [MQTT-3.1.2-2].
        var version = ConnectPacket.PeekVersion(frame.Body);
        if (version == ProtocolVersion.V5 || verdict.Reason is ReasonCode.UnsupportedProtocolVersion or ReasonCode.ClientIdentifierNotValid)
        {
            Version = version ?? ProtocolVersion.V311;
            lock (Outbound.Gate)
            {
                ConnAckPacket.Write(Outbound, new ConnAckPacket { Reason = verdict.Reason, ReasonString = verdict.Explanation }, Version);
            }
        }

        Refuse(verdict.Reason, verdict.Explanation);
        return null;
    }

    private void Refuse(ReasonCode reason, string words)
    {
        _server.Statistics.Malformed();
        _server.Refused(this, "", reason, words);
        EndAs(reason, words, byPeer: false);
        Outbound.Flush();
    }

    private async Task ReadPacketsAsync()
    {
        while (IsOpen)
        {
            var result = await _input.ReadAsync();
            var buffer = result.Buffer;
            var examined = buffer.End;
            var isAll = true;
            var before = buffer.Length;
            try
            {
                if (!IsOpen || result.IsCanceled) { return; }
                LastReceived = _server.Time.GetTimestamp();
                isAll = ProcessPackets(ref buffer);
                if (!isAll) { examined = buffer.Start; }
            }
            finally
            {
                _server.Statistics.BytesReceived(before - buffer.Length);
                _input.AdvanceTo(buffer.Start, examined);
            }

            if (!IsOpen) { return; }
            if (_slowPacket is not null) { await ProcessSlowPacketAsync(); }
            if (_publishes is { MustWait: true } || MustDrain) { await PauseAsync(); }
            if (isAll && result.IsCompleted) { return; } // whatever is left is half a packet: nothing will complete it
        }
    }

    /// <summary>Works off whole packets. False when it stopped before the end: at a packet that has to wait, or because the window is full.</summary>
    private bool ProcessPackets(ref ReadOnlySequence<byte> buffer)
    {
        var isAll = true;
        while (true)
        {
            var status = PacketFrame.TryRead(ref buffer, _server.Options.MaximumPacketSize, ref _scratch, out var frame);
            if (status == ParseStatus.NeedMore) { break; }
            var verdict = status switch
            {
                ParseStatus.Complete => Process(frame),
                ParseStatus.TooLarge => ParseVerdict.Fail(ReasonCode.PacketTooLarge, "packet larger than this server takes"),
                _ => ParseVerdict.Malformed("fixed header"),
            };
            if (!verdict.IsOk)
            {
                EndRead();
                _server.Violated(this, verdict);
                return true;
            }

            if (!IsOpen) { break; }
            if (_slowPacket is not null || _publishes is { IsWindowFull: true })
            {
                isAll = false;
                break;
            }
        }

        EndRead();
        return isAll;
    }

    private void EndRead()
    {
        _publishes?.EndRead();
        if (_releaseReceived)
        {
            _releaseReceived = false;
            Session!.ReleaseReceived();
        }

        // A large scratch is for one large packet; an idle connection keeps none.
        PacketFrame.ReturnScratch(ref _scratch);
        Outbound.Flush();
        _server.Statistics.BytesSent(Outbound.TakeWritten());
    }

    private ParseVerdict Process(scoped in PacketFrame frame)
    {
        switch (frame.Type)
        {
            case PacketType.Publish:
                var verdict = PublishPacket.TryParse(frame.Body, frame.Flags, Version, out var publish);
                return verdict.IsOk ? (_publishes ??= new InboundPublishes(_server, this, Session!)).Take(publish) : verdict;
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp:
                return ProcessAcknowledgement(frame);
            case PacketType.PingReq:
                verdict = PingPacket.TryParse(frame.Body);
                if (verdict.IsOk)
                {
                    lock (Outbound.Gate) { PingPacket.WriteResponse(Outbound); }
                }

                return verdict;
            case PacketType.Subscribe:
                verdict = SubscribePacket.TryParse(frame.Body, Version, out var subscribe);
                _slowPacket = subscribe;
                return verdict;
            case PacketType.Unsubscribe:
                verdict = UnsubscribePacket.TryParse(frame.Body, Version, out var unsubscribe);
                _slowPacket = unsubscribe;
                return verdict;
            case PacketType.Disconnect:
                verdict = DisconnectPacket.TryParse(frame.Body, Version, out var disconnect);
                return verdict.IsOk ? ProcessDisconnect(disconnect!) : verdict;
            case PacketType.Auth when Version == ProtocolVersion.V5:
                return ParseVerdict.ProtocolError("AUTH without an authentication method at CONNECT");
            case PacketType.Connect:
                return ParseVerdict.ProtocolError("second CONNECT"); // [MQTT-3.1.0-2]
            default:
                return ParseVerdict.ProtocolError("packet only a server sends, or a reserved type");
        }
    }

    private ParseVerdict ProcessAcknowledgement(scoped in PacketFrame frame)
    {
        var verdict = AcknowledgementPacket.TryParse(frame.Type, frame.Body, Version, out var packet);
        if (!verdict.IsOk) { return verdict; }
        switch (frame.Type)
        {
            case PacketType.PubRel:
                (_publishes ??= new InboundPublishes(_server, this, Session!)).Release(packet.PacketId);
                break;
            case PacketType.PubRec when packet.Reason < ReasonCode.UnspecifiedError:
                if (Session!.Received(packet.PacketId, out var needsRelease)) { _releaseReceived |= needsRelease; }
                else { WriteRelease(packet.PacketId, ReasonCode.PacketIdentifierNotFound); }
                break;
            default:
                Session!.Acknowledge(frame.Type, packet.PacketId);
                break;
        }

        return ParseVerdict.Ok;
    }

    private ParseVerdict ProcessDisconnect(DisconnectPacket packet)
    {
        if (packet.ServerReference is not null) { return ParseVerdict.ProtocolError("server reference from a client"); }
        if (packet.SessionExpiryInterval is { } expiry)
        {
            // A session that was to end with the connection cannot be prolonged [MQTT-3.14.2-2 and section 3.14.2.2.2].
            if (expiry != 0 && Session!.ExpiryInterval == 0) { return ParseVerdict.ProtocolError("session expiry raised from 0 at DISCONNECT"); }
            NewExpiryInterval = expiry;
        }

        WillIsDropped = packet.Reason == ReasonCode.Success;
        EndAs(packet.Reason, packet.Reason == ReasonCode.DisconnectWithWill ? "disconnected with will" : "disconnected", byPeer: true);
        return ParseVerdict.Ok;
    }

    private async Task ProcessSlowPacketAsync()
    {
        var packet = _slowPacket;
        _slowPacket = null;
        IsPaused = true;
        try
        {
            switch (packet)
            {
                case SubscribePacket subscribe: await SubscribeStep.SubscribeAsync(_server, this, subscribe); break;
                case UnsubscribePacket unsubscribe: await SubscribeStep.UnsubscribeAsync(_server, this, unsubscribe); break;
                default: break;
            }
        }
        finally
        {
            LastReceived = _server.Time.GetTimestamp();
            IsPaused = false;
        }
    }

    private async Task PauseAsync()
    {
        IsPaused = true;
        _server.Statistics.Paused();
        try
        {
            if (_publishes is not null && _publishes.MustWait) { await _publishes.WaitForRoomAsync(Closing); }
            if (MustDrain) { await Outbound.WaitForRoomAsync(); }
        }
        finally
        {
            LastReceived = _server.Time.GetTimestamp();
            IsPaused = false;
        }
    }
}
