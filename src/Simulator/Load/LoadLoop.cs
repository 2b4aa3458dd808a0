using System.Diagnostics;
using Headwater.Mqtt;

namespace Headwater.Simulator.Load;

/// <summary>One thread of the load generator: one epoll descriptor and its share of the connections.</summary>
internal sealed class LoadLoop : IDisposable
{
    /// <summary>Connections being opened at once unless the mode says otherwise: below any listen backlog.</summary>
    private const int OpeningAtOnce = 256;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan DrainPatience = TimeSpan.FromSeconds(30);

    private readonly LoadPlan _plan;
    private readonly LoadGate _gate;
    private readonly Peer[] _peers;
    private readonly LoadTally _tally = new();
    private readonly LoadOutput _output = new();
    private readonly byte[] _input = new byte[256 * 1024];
    private readonly byte[] _events = new byte[512 * LibC.EventSize];
    private readonly int _poll = LibC.EpollCreate(0);
    private readonly CancellationToken _cancellation;
    private int _opening;
    private int _nextToOpen;
    private long _opened;
    private bool _stopped;
    private long _rateStart;
    private long _rateNext;

    internal LoadLoop(LoadPlan plan, IEnumerable<int> indexes, LoadGate gate, CancellationToken cancellationToken)
    {
        _plan = plan;
        _gate = gate;
        _cancellation = cancellationToken;
        _peers = [.. indexes.Select(index => new Peer(new LoadConnection(plan, index, _tally)))];
    }

    /// <summary>Connections of this thread.</summary>
    internal int Count => _peers.Length;

    /// <summary>Runs to the end of the plan.</summary>
    internal LoadShare Run()
    {
        ShareLimit();
        if (_plan.Mode != LoadMode.Connect) { OpenAll(); }
        var start = _gate.WaitForStart(_began);
        return _plan.Mode switch
        {
            LoadMode.Connect => Storm(start),
            LoadMode.Idle => Stay(start),
            _ => Publish(start),
        };
    }

    public void Dispose()
    {
        foreach (var peer in _peers) { Close(peer); }
        _ = LibC.Close(_poll);
    }

    private readonly long _began = Stopwatch.GetTimestamp();

    private void ShareLimit()
    {
        if (_plan.Count == 0 || _plan.Mode == LoadMode.Connect) { return; }
        foreach (var peer in _peers)
        {
            var publishers = _plan.Mode == LoadMode.Fanout ? 1 : _plan.Connections;
            peer.Connection.Limit = (_plan.Count / publishers) + (peer.Connection.Index < _plan.Count % publishers ? 1 : 0);
        }
    }

    private void OpenAll()
    {
        while (_tally.Connected < _peers.Length || !Array.TrueForAll(_peers, peer => peer.Connection.State == LoadState.Ready))
        {
            while (_nextToOpen < _peers.Length && _opening < OpeningAtOnce) { Open(_peers[_nextToOpen++]); }
            Turn(10);
            if (_tally.Failures.Count > 0 || _cancellation.IsCancellationRequested || Stopwatch.GetElapsedTime(_began) > Patience)
            {
                if (_tally.Failures.Count == 0) { _tally.Fail($"only {_tally.Connected} of {_peers.Length} connections were accepted in {Patience.TotalSeconds} s"); }
                _stopped = true;
                return;
            }
        }
    }

    private LoadShare Publish(long start)
    {
        var (from, to) = (_gate.MeasureFrom(start), _gate.MeasureTo(start));
        _rateStart = start;
        if (_plan.Mode != LoadMode.Rate)
        {
            foreach (var peer in _peers) { Pump(peer, start); }
        }

        long before = 0;
        var (beganAt, endedAt) = (0L, 0L);
        while (true)
        {
            var now = Stopwatch.GetTimestamp();
            if (beganAt == 0 && now >= from) { (beganAt, before, _tally.IsMeasuring) = (now, Counted, true); }
            var finished = _plan.Count > 0 && !Array.Exists(_peers, Unfinished);
            if (finished || now >= to || _stopped || _cancellation.IsCancellationRequested)
            {
                endedAt = now;
                break;
            }

            if (_plan.Mode == LoadMode.Rate) { PumpDue(now); }
            Turn(_plan.Mode == LoadMode.Rate ? 1 : 50);
            if (_plan.Mode == LoadMode.Fanout) { Pump(_peers[0], Stopwatch.GetTimestamp()); }
        }

        var measured = Counted - before;
        _tally.IsMeasuring = false;
        Drain();
        return new LoadShare(_tally, measured, Stopwatch.GetElapsedTime(beganAt == 0 ? endedAt : beganAt, endedAt));
    }

    private long Counted => _plan.Mode == LoadMode.Fanout ? _tally.Delivered : _tally.Acknowledged;

    private static bool Unfinished(Peer peer) => peer.Connection.State == LoadState.Ready
        && (peer.Connection.InFlight > 0 || (peer.Connection.PublishLength > 0 && peer.Connection.Sent < peer.Connection.Limit));

    /// <summary>Sends nothing more and waits until everything sent is acknowledged, so that rows can be counted afterwards.</summary>
    private void Drain()
    {
        _stopped = true;
        var since = Stopwatch.GetTimestamp();
        while (Array.Exists(_peers, peer => peer.Descriptor >= 0 && (peer.Connection.InFlight > 0 || peer.HasPending)))
        {
            Turn(50);
            if (Stopwatch.GetElapsedTime(since) <= DrainPatience) { continue; }
            _tally.Fail($"{_peers.Sum(peer => peer.Connection.InFlight)} publishes were not acknowledged within {DrainPatience.TotalSeconds} s of the end");
            return;
        }
    }

    private LoadShare Storm(long start)
    {
        var (from, to) = (_gate.MeasureFrom(start), _gate.MeasureTo(start));
        var wanted = _plan.Count > 0 ? _plan.Count / Math.Max(_plan.Threads, 1) : long.MaxValue;
        long before = 0;
        var (beganAt, now) = (0L, start);
        while (_tally.Connected < wanted && now < to && _tally.Failures.Count == 0 && !_cancellation.IsCancellationRequested)
        {
            if (beganAt == 0 && now >= from) { (beganAt, before) = (now, _tally.Connected); }
            while (_opening < Math.Min(_plan.Window, _peers.Length) && _opened < wanted)
            {
                var peer = _peers[_nextToOpen++ % _peers.Length];
                if (peer.Descriptor >= 0) { break; }
                Open(peer);
            }

            Turn(20);
            now = Stopwatch.GetTimestamp();
        }

        return new LoadShare(_tally, _tally.Connected - before, Stopwatch.GetElapsedTime(beganAt == 0 ? now : beganAt, now));
    }

    private LoadShare Stay(long start)
    {
        var to = _gate.MeasureTo(start);
        while (Stopwatch.GetTimestamp() < to && !_cancellation.IsCancellationRequested && !_stopped) { Turn(200); }
        return new LoadShare(_tally, _peers.Count(peer => peer.Connection.State == LoadState.Ready), Stopwatch.GetElapsedTime(start));
    }

    private void PumpDue(long now)
    {
        // Message k of the run is due at start + k/rate and belongs to connection k modulo their number.
        var due = (long)((now - _rateStart) * (_plan.Rate / _plan.Threads) / Stopwatch.Frequency);
        var reach = Math.Min(due - _rateNext, _peers.Length);
        for (var i = 0; i < reach; i++) { Pump(_peers[(int)((_rateNext + i) % _peers.Length)], now); }
        _rateNext = due;
    }

    private long DueAt(Peer peer, long now)
    {
        if (_plan.Mode != LoadMode.Rate) { return now; }
        var position = (peer.Connection.Index / _plan.Threads) + (peer.Connection.Sent * _peers.Length);
        return _rateStart + (long)(position * (Stopwatch.Frequency / (_plan.Rate / _plan.Threads)));
    }

    private void Pump(Peer peer, long now)
    {
        if (_stopped || peer.HasPending) { return; }
        _output.Clear();
        FillAll(peer, now);
        Flush(peer);
    }

    private void FillAll(Peer peer, long now)
    {
        var connection = peer.Connection;
        var most = _plan.QualityOfService == QualityOfService.AtMostOnce ? _plan.Window : int.MaxValue;
        while (most-- > 0 && connection.HasRoom && _output.Length < LoadOutput.Full)
        {
            if (_plan.Mode == LoadMode.Fanout && connection.Sent - (_tally.Delivered / Math.Max(1, _peers.Length - 1)) >= _plan.Window) { return; }
            var due = DueAt(peer, now);
            if (due > now) { return; }
            connection.Fill(_output, due);
        }
    }

    private void Turn(int timeoutMilliseconds)
    {
        var count = LibC.Wait(_poll, _events, timeoutMilliseconds);
        var now = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            var (events, index) = LibC.EventAt(_events, i);
            var peer = _peers[index];
            if (peer.Descriptor < 0) { continue; }
            if (peer.Connection.State == LoadState.Opening)
            {
                if ((events & LibC.Broken) != 0) { Lose(peer, "a connection was refused"); }
                else if ((events & LibC.Writable) != 0) { SignIn(peer); }
                continue;
            }

            if ((events & LibC.Writable) != 0) { FlushPending(peer, now); }
            if (peer.Descriptor >= 0 && (events & (LibC.Readable | LibC.Broken)) != 0) { Read(peer, now); }
        }
    }

    private void Read(Peer peer, long now)
    {
        var received = LibC.Receive(peer.Descriptor, _input);
        if (received == -LibC.Again) { return; }
        if (received <= 0)
        {
            Lose(peer, $"the server closed a connection (errno {-received})");
            return;
        }

        var wasReady = peer.Connection.State == LoadState.Ready;
        _output.Clear();
        if (!peer.Connection.Receive(_input.AsSpan(0, received), now, _output))
        {
            Close(peer);
            _stopped |= _plan.Mode != LoadMode.Connect;
            return;
        }

        if (!wasReady && peer.Connection.State == LoadState.Ready)
        {
            _opening--;
            if (_plan.Mode == LoadMode.Connect)
            {
                _ = LibC.Send(peer.Descriptor, [0xE0, 0]); // DISCONNECT
                Close(peer);
                return;
            }
        }
        else if (wasReady && !_stopped && !peer.HasPending && _plan.Mode != LoadMode.Fanout)
        {
            FillAll(peer, now);
        }

        Flush(peer);
    }

    private void Open(Peer peer)
    {
        _opening++;
        // In a storm the source address follows the count of connects, so that no address runs out of ports.
        var turn = _plan.Mode == LoadMode.Connect ? (int)(_opened % int.MaxValue) : peer.Connection.Index;
        _opened++;
        peer.Connection.Reset();
        var descriptor = LibC.Connect(_plan.Target, _plan.SourceOf(turn));
        if (descriptor < 0)
        {
            _opening--;
            _tally.Fail($"a socket could not be opened or connected (errno {-descriptor})");
            return;
        }

        peer.Descriptor = descriptor;
        peer.Connection.State = LoadState.Opening;
        LibC.Watch(_poll, LibC.Add, descriptor, LibC.Writable, PlaceOf(peer));
    }

    // Indexes are dealt out in turn, so a peer's place among this thread's follows from its number.
    private int PlaceOf(Peer peer) => peer.Connection.Index / _plan.Threads;

    private void SignIn(Peer peer)
    {
        peer.Connection.State = LoadState.SigningIn;
        LibC.Watch(_poll, LibC.Modify, peer.Descriptor, LibC.Readable, PlaceOf(peer));
        _output.Clear();
        var connect = peer.Connection.ConnectBytes();
        connect.CopyTo(_output.Reserve(connect.Length));
        Flush(peer);
    }

    private void Flush(Peer peer)
    {
        if (_output.Length == 0) { return; }
        if (peer.HasPending)
        {
            peer.Keep(_output.Bytes);
            return;
        }

        var sent = LibC.Send(peer.Descriptor, _output.Bytes);
        if (sent < 0 && sent != -LibC.Again)
        {
            Lose(peer, $"sending failed (errno {-sent})");
            return;
        }

        sent = Math.Max(sent, 0);
        if (sent < _output.Length) { peer.Keep(_output.Bytes[sent..]); }
        WatchFor(peer);
    }

    private void FlushPending(Peer peer, long now)
    {
        if (peer.HasPending)
        {
            var sent = LibC.Send(peer.Descriptor, peer.Pending);
            if (sent < 0 && sent != -LibC.Again)
            {
                Lose(peer, $"sending failed (errno {-sent})");
                return;
            }

            peer.Drop(Math.Max(sent, 0));
        }

        if (!peer.HasPending && !_stopped && _plan.Mode != LoadMode.Fanout) { Pump(peer, now); }
        if (peer.Descriptor >= 0) { WatchFor(peer); }
    }

    private void WatchFor(Peer peer)
    {
        var wantsToWrite = peer.HasPending || (!_stopped && _plan.QualityOfService == QualityOfService.AtMostOnce && peer.Connection.HasRoom);
        if (wantsToWrite == peer.IsWatchedForWriting) { return; }
        peer.IsWatchedForWriting = wantsToWrite;
        LibC.Watch(_poll, LibC.Modify, peer.Descriptor, LibC.Readable | (wantsToWrite ? LibC.Writable : 0), PlaceOf(peer));
    }

    private void Lose(Peer peer, string words)
    {
        if (peer.Connection.State != LoadState.Ready) { _opening--; }
        _tally.Fail(words);
        Close(peer);
    }

    private static void Close(Peer peer)
    {
        if (peer.Descriptor < 0) { return; }
        _ = LibC.Close(peer.Descriptor);
        peer.Forget();
    }

    /// <summary>A connection and its socket.</summary>
    private sealed class Peer(LoadConnection connection)
    {
        private byte[] _pending = [];
        private int _from;
        private int _length;

        internal LoadConnection Connection { get; } = connection;

        internal int Descriptor { get; set; } = -1;

        internal bool IsWatchedForWriting { get; set; }

        /// <summary>Whether bytes wait for room in the socket.</summary>
        internal bool HasPending => _length > 0;

        internal ReadOnlySpan<byte> Pending => _pending.AsSpan(_from, _length);

        internal void Keep(ReadOnlySpan<byte> bytes)
        {
            var joined = new byte[_length + bytes.Length];
            Pending.CopyTo(joined);
            bytes.CopyTo(joined.AsSpan(_length));
            (_pending, _from, _length) = (joined, 0, joined.Length);
        }

        internal void Drop(int count)
        {
            _from += count;
            _length -= count;
            if (_length == 0) { (_pending, _from) = ([], 0); }
        }

        internal void Forget()
        {
            Descriptor = -1;
            IsWatchedForWriting = false;
            Connection.State = LoadState.Closed;
            (_pending, _from, _length) = ([], 0, 0);
        }
    }
}
