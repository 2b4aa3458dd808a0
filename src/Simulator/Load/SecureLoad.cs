using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Headwater.Simulator.Load;

/// <summary>The load generator over TLS: the same connections and packets, carried by one asynchronous loop each instead of epoll.</summary>
/// <remarks>Dearer than the plain loop, but the same for every broker that is compared. Modes publish, connect and idle.</remarks>
internal sealed class SecureLoad
{
    private const int OpeningAtOnce = 32; // each handshake is two key operations on both sides

    private static readonly TimeSpan DrainPatience = TimeSpan.FromSeconds(30);

    private readonly LoadPlan _plan;
    private readonly LoadTally _tally = new();
    private readonly Lock _lock = new(); // guards the tally and, since they count in it, the connections
    private readonly X509Certificate2Collection? _roots;
    private bool _stopped;

    internal SecureLoad(LoadPlan plan)
    {
        _plan = plan;
        if (plan.AuthorityFile is null) { return; }
        _roots = [];
        _roots.ImportFromPemFile(plan.AuthorityFile);
    }

    /// <summary>Runs to the end of the plan.</summary>
    /// <param name="ready">Told when all connections stand, with how long that took.</param>
    /// <param name="cancellationToken">Ends the run early.</param>
    internal async Task<LoadShare> RunAsync(Action<TimeSpan> ready, CancellationToken cancellationToken)
    {
        if (_plan.Mode == LoadMode.Connect) { return await StormAsync(cancellationToken); }
        var began = Stopwatch.GetTimestamp();
        var links = new SecureLink[_plan.Connections];
        try
        {
            await Parallel.ForAsync(0, links.Length, new ParallelOptions { MaxDegreeOfParallelism = OpeningAtOnce, CancellationToken = cancellationToken },
                async (i, token) => links[i] = await OpenAsync(new LoadConnection(_plan, i, _tally) { Limit = LimitOf(i) }, token));
            ready(Stopwatch.GetElapsedTime(began));
            return _plan.Mode == LoadMode.Idle ? await StayAsync(links, cancellationToken) : await PublishAsync(links, cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException or System.Security.Authentication.AuthenticationException or InvalidOperationException)
        {
            lock (_lock) { _tally.Fail(e.Message); }
            return new LoadShare(_tally, 0, TimeSpan.Zero);
        }
        finally
        {
            foreach (var link in links.Where(link => link is not null)) { await link.Stream.DisposeAsync(); }
        }
    }

    private long LimitOf(int index) => _plan.Count == 0 ? long.MaxValue : (_plan.Count / _plan.Connections) + (index < _plan.Count % _plan.Connections ? 1 : 0);

    private async Task<LoadShare> PublishAsync(SecureLink[] links, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var lives = Task.WhenAll(links.Select(link => LiveAsync(link, cancellationToken)));
        long before = 0;
        if (_plan.Count == 0)
        {
            await Task.Delay(_plan.WarmUp, cancellationToken);
            (before, started) = (Mark(measuring: true), Stopwatch.GetTimestamp());
            await Task.WhenAny(lives, Task.Delay(_plan.Measured, cancellationToken));
        }
        else
        {
            Mark(measuring: true);
            await lives;
        }

        var measured = Mark(measuring: false) - before;
        var elapsed = Stopwatch.GetElapsedTime(started);
        Volatile.Write(ref _stopped, true);
        try { await lives.WaitAsync(DrainPatience, cancellationToken); }
        catch (TimeoutException)
        {
            lock (_lock) { _tally.Fail("publishes were not acknowledged within 30 s of the end"); }
        }

        return new LoadShare(_tally, measured, elapsed);
    }

    private long Mark(bool measuring)
    {
        lock (_lock)
        {
            _tally.IsMeasuring = measuring;
            return _tally.Acknowledged;
        }
    }

    /// <summary>Publishes on one connection until its limit or the stop, and until all of it is acknowledged.</summary>
    private async Task LiveAsync(SecureLink link, CancellationToken cancellationToken)
    {
        var input = new byte[16 * 1024];
        var output = new LoadOutput(16 * 1024);
        try
        {
            while (true)
            {
                lock (_lock)
                {
                    var now = Stopwatch.GetTimestamp();
                    while (!Volatile.Read(ref _stopped) && link.Connection.HasRoom && output.Length < 16 * 1024) { link.Connection.Fill(output, now); }
                    if (link.Connection.InFlight == 0 && output.Length == 0) { return; }
                }

                if (output.Length > 0) { await link.Stream.WriteAsync(output.Memory, cancellationToken); }
                var mayFill = !Volatile.Read(ref _stopped) && link.Connection.HasRoom;
                output.Clear();
                if (mayFill) { continue; }
                var received = await link.Stream.ReadAsync(input, cancellationToken);
                lock (_lock)
                {
                    if (received > 0 && link.Connection.Receive(input.AsSpan(0, received), Stopwatch.GetTimestamp(), output)) { continue; }
                    _tally.Fail("the server closed a connection");
                    return;
                }
            }
        }
        catch (IOException e)
        {
            lock (_lock) { _tally.Fail(e.Message); }
        }
    }

    private async Task<LoadShare> StayAsync(SecureLink[] links, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        await Task.Delay(_plan.Measured, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return new LoadShare(_tally, links.Length, Stopwatch.GetElapsedTime(started));
    }

    private async Task<LoadShare> StormAsync(CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var wanted = _plan.Count > 0 ? _plan.Count : long.MaxValue;
        long taken = 0;
        var workers = Enumerable.Range(0, _plan.Window).Select(async worker =>
        {
            while (Interlocked.Increment(ref taken) <= wanted && (_plan.Count > 0 || Stopwatch.GetElapsedTime(started) < _plan.Measured))
            {
                try
                {
                    var link = await OpenAsync(new LoadConnection(_plan, worker, _tally), cancellationToken);
                    await link.Stream.WriteAsync(Disconnect, cancellationToken);
                    await link.Stream.DisposeAsync();
                }
                catch (Exception e) when (e is IOException or SocketException or System.Security.Authentication.AuthenticationException or InvalidOperationException)
                {
                    lock (_lock) { _tally.Fail(e.Message); }
                    return;
                }
            }
        });
        await Task.WhenAll(workers.ToList());
        return new LoadShare(_tally, _tally.Connected, Stopwatch.GetElapsedTime(started));
    }

    private static readonly byte[] Disconnect = [0xE0, 0];

    private async Task<SecureLink> OpenAsync(LoadConnection connection, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        SslStream? stream = null;
        try
        {
            if (_plan.SourceOf(connection.Index) is { } source) { socket.Bind(new IPEndPoint(source, 0)); }
            await socket.ConnectAsync(_plan.Target, cancellationToken);
            stream = new SslStream(new NetworkStream(socket, ownsSocket: true), leaveInnerStreamOpen: false);
            await stream.AuthenticateAsClientAsync(Authentication(), cancellationToken);
            connection.State = LoadState.SigningIn;
            await stream.WriteAsync(connection.ConnectBytes(), cancellationToken);
            var input = new byte[512];
            var output = new LoadOutput(512);
            while (connection.State != LoadState.Ready)
            {
                var received = await stream.ReadAsync(input, cancellationToken);
                lock (_lock)
                {
                    if (received > 0 && connection.Receive(input.AsSpan(0, received), 0, output)) { continue; }
                }

                throw new IOException($"{_plan.ClientId(connection.Index)} was not let in");
            }

            return new SecureLink(connection, stream);
        }
        catch
        {
            if (stream is not null) { await stream.DisposeAsync(); }
            socket.Dispose();
            throw;
        }
    }

    private SslClientAuthenticationOptions Authentication()
    {
        var options = new SslClientAuthenticationOptions { TargetHost = "localhost", AllowTlsResume = false };
        if (_roots is not null)
        {
            options.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            options.CertificateChainPolicy.CustomTrustStore.AddRange(_roots);
        }

        return options;
    }

    private sealed record SecureLink(LoadConnection Connection, SslStream Stream);
}
