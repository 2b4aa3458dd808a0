using System.Buffers;
using System.Text;
using Headwater.Mqtt;
using Headwater.Mqtt.Packets;

namespace Headwater.Simulator.Load;

/// <summary>How far a connection of the load generator has come.</summary>
internal enum LoadState
{
    /// <summary>Not opened, or opened and closed again.</summary>
    Closed,

    /// <summary>The TCP connection is being made.</summary>
    Opening,

    /// <summary>CONNECT is sent.</summary>
    SigningIn,

    /// <summary>SUBSCRIBE is sent (fan-out).</summary>
    Subscribing,

    /// <summary>Publishes, receives, or stays silent.</summary>
    Ready,
}

/// <summary>The protocol of one connection of the load generator, apart from any transport: bytes in, bytes out.</summary>
/// <remarks>MQTT 3.1.1. Understands only what a server sends to such a client; anything else fails the connection.</remarks>
internal sealed class LoadConnection
{
    /// <summary>Larger than any packet this client is sent, apart from what it published itself.</summary>
    private const int LargestPacket = 65_536;

    private readonly LoadPlan _plan;
    private readonly LoadTally _tally;
    private readonly bool _isSubscriber;
    private readonly PublishTemplate? _template;
    private readonly long[] _sentAt; // by packet id, modulo a power of two above the window
    private byte[] _partial = [];
    private int _partialLength;
    private long _number;
    private int _inFlight;
    private ushort _packetId;

    internal LoadConnection(LoadPlan plan, int index, LoadTally tally)
    {
        Index = index;
        _plan = plan;
        _tally = tally;
        _isSubscriber = plan.Mode == LoadMode.Fanout && index > 0;
        var publishes = plan.Mode is LoadMode.Publish or LoadMode.Rate || (plan.Mode == LoadMode.Fanout && index == 0);
        _template = publishes ? new PublishTemplate(plan, index) : null;
        var slots = 1;
        while (publishes && slots <= plan.Window) { slots <<= 1; }
        _sentAt = publishes ? new long[slots] : [];
        Limit = long.MaxValue;
    }

    /// <summary>Its number among all connections of the run.</summary>
    internal int Index { get; }

    /// <summary>How far it has come.</summary>
    internal LoadState State { get; set; }

    /// <summary>Publishes it may send in all.</summary>
    internal long Limit { get; set; }

    /// <summary>Publishes sent.</summary>
    internal long Sent => _number;

    /// <summary>Publishes sent and not yet acknowledged.</summary>
    internal int InFlight => _inFlight;

    /// <summary>Largest number of bytes <see cref="Fill"/> writes for one publish.</summary>
    internal int PublishLength => _template?.Length ?? 0;

    /// <summary>Whether another publish may go out.</summary>
    internal bool HasRoom => State == LoadState.Ready && _template is not null && _inFlight < _plan.Window && _number < Limit;

    /// <summary>The CONNECT packet.</summary>
    internal byte[] ConnectBytes()
    {
        var clientId = _plan.ClientId(Index);
        var signIn = _plan.Credentials.Of(clientId);
        var output = new ArrayBufferWriter<byte>();
        ConnectPacket.Write(output, new ConnectPacket
        {
            Version = ProtocolVersion.V311,
            ClientId = clientId,
            CleanStart = true,
            KeepAlive = 0,
            UserName = signIn?.UserName,
            Password = signIn is { } known ? (ReadOnlyMemory<byte>?)Encoding.UTF8.GetBytes(known.Password) : null,
        });
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Forgets the previous connection's bytes.</summary>
    internal void Reset()
    {
        _partialLength = 0;
        _inFlight = 0;
    }

    /// <summary>Takes received bytes; what has to be answered goes to <paramref name="output"/>.</summary>
    /// <returns>False when the connection has to be closed: refused, or something that is not for this client.</returns>
    internal bool Receive(ReadOnlySpan<byte> bytes, long now, LoadOutput output)
    {
        if (_partialLength > 0)
        {
            if (_partial.Length < _partialLength + bytes.Length) { Array.Resize(ref _partial, _partialLength + bytes.Length); }
            bytes.CopyTo(_partial.AsSpan(_partialLength));
            bytes = _partial.AsSpan(0, _partialLength + bytes.Length);
            _partialLength = 0;
        }

        while (true)
        {
            switch (PacketFrame.TryRead(bytes, LargestPacket, out var frame))
            {
                case ParseStatus.Complete:
                    if (!Take(frame, now, output)) { return false; }
                    bytes = bytes[frame.TotalLength..];
                    break;
                case ParseStatus.NeedMore:
                    // bytes may lie in _partial itself; CopyTo allows for the overlap.
                    if (_partial.Length < bytes.Length) { _partial = bytes.ToArray(); }
                    else { bytes.CopyTo(_partial); }
                    _partialLength = bytes.Length;
                    return true;
                default:
                    _tally.Fail("the server sent a malformed packet");
                    return false;
            }
        }
    }

    /// <summary>Writes one publish that was due at an instant; the caller checked <see cref="HasRoom"/>.</summary>
    internal void Fill(LoadOutput output, long dueAt)
    {
        var id = _packetId = _packetId == ushort.MaxValue ? (ushort)1 : (ushort)(_packetId + 1);
        _template!.Write(output.Reserve(_template.Length), id, _number++);
        _tally.Sent++;
        if (_plan.QualityOfService == QualityOfService.AtMostOnce)
        {
            _tally.Acknowledged++; // nothing comes back: written is all there is
            return;
        }

        _sentAt[id & (_sentAt.Length - 1)] = dueAt;
        _inFlight++;
    }

    private bool Take(PacketFrame frame, long now, LoadOutput output)
    {
        switch (frame.Type)
        {
            case PacketType.PubAck or PacketType.PubComp when frame.Body.Length >= 2 && _inFlight > 0:
                _inFlight--;
                _tally.Acknowledge(now - _sentAt[IdOf(frame) & (_sentAt.Length - 1)]);
                return true;
            case PacketType.PubRec when frame.Body.Length >= 2:
                AcknowledgementPacket.Write(output, PacketType.PubRel, IdOf(frame), ProtocolVersion.V311);
                return true;
            case PacketType.Publish when _isSubscriber:
                _tally.Delivered++;
                return true;
            case PacketType.ConnAck when State == LoadState.SigningIn:
                return SignedIn(frame, output);
            case PacketType.SubAck when State == LoadState.Subscribing:
                State = LoadState.Ready;
                return true;
            default:
                _tally.Fail($"the server sent {frame.Type}, which was not expected");
                return false;
        }
    }

    private bool SignedIn(PacketFrame frame, LoadOutput output)
    {
        if (frame.Body.Length < 2 || frame.Body[1] != 0)
        {
            _tally.Fail($"CONNECT of {_plan.ClientId(Index)} was refused with return code {(frame.Body.Length < 2 ? -1 : frame.Body[1])}");
            return false;
        }

        _tally.Connected++;
        State = _isSubscriber ? LoadState.Subscribing : LoadState.Ready;
        if (_isSubscriber)
        {
            // SUBSCRIBE, packet id 1, one filter, QoS 0.
            var filter = Encoding.UTF8.GetBytes(PublishTemplate.FanoutTopic);
            byte[] packet = [0x82, (byte)(filter.Length + 5), 0, 1, 0, (byte)filter.Length, .. filter, 0];
            packet.CopyTo(output.Reserve(packet.Length));
        }

        return true;
    }

    private static ushort IdOf(PacketFrame frame) => (ushort)((frame.Body[0] << 8) | frame.Body[1]);
}
