using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Headwater.HeadEnd.Tests.Ingest;

/// <summary>What a <see cref="LossyProxy"/> does when it sees a COMMIT.</summary>
public enum CommitFault
{
    None,

    /// <summary>The connection is cut and the COMMIT never reaches the database.</summary>
    CutBefore,

    /// <summary>The COMMIT reaches the database and is answered; the answer is swallowed and the connection cut.</summary>
    SwallowAnswer,
}

/// <summary>Stands between the lane and PostgreSQL and loses the connection around COMMIT, once for each time it is told to.</summary>
public sealed class LossyProxy : IAsyncDisposable
{
    // The statement ends in NUL on the wire (PostgreSQL documentation, "Message Formats", Parse and Query).
    private static readonly byte[] Commit = "commit\0"u8.ToArray();

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly EndPoint _server;
    private readonly Task _accepting;
    private int _fault;

    public LossyProxy(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        _server = new UnixDomainSocketEndPoint(Path.Combine(settings.Host!, FormattableString.Invariant($".s.PGSQL.{settings.Port}")));
        _listener.Start();
        settings.Host = "127.0.0.1";
        settings.Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        settings.SslMode = SslMode.Disable;
        ConnectionString = settings.ConnectionString;
        _accepting = AcceptAsync();
    }

    /// <summary>Leads through this proxy.</summary>
    public string ConnectionString { get; }

    /// <summary>Faults that happened.</summary>
    public int Happened { get; private set; }

    /// <summary>The next COMMIT meets this.</summary>
    public CommitFault Next
    {
        get => (CommitFault)Volatile.Read(ref _fault);
        set => Volatile.Write(ref _fault, (int)value);
    }

    /// <summary>Called before the next COMMIT is passed on, once.</summary>
    public Func<Task>? BeforeCommit { get; set; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_stop.Token);
                _ = ServeAsync(client);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        using (client)
        using (var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            try
            {
                await server.ConnectAsync(_server, both.Token);
                var swallow = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
                var up = UpAsync(client, server, swallow, both.Token);
                var down = DownAsync(server, client, swallow.Task, both.Token);
                await Task.WhenAny(up, down);
                await both.CancelAsync();
                await Task.WhenAll(up, down);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // One side is gone: the other follows.
            }
        }
    }

    private async Task UpAsync(Socket client, Socket server, TaskCompletionSource<bool> swallow, CancellationToken stop)
    {
        var buffer = new byte[65_536];
        while (true)
        {
            var read = await client.ReceiveAsync(buffer, stop);
            if (read == 0) { return; }
            if (buffer.AsSpan(0, read).IndexOf(Commit) >= 0)
            {
                if (BeforeCommit is { } before)
                {
                    BeforeCommit = null;
                    await before();
                }

                var fault = (CommitFault)Interlocked.Exchange(ref _fault, (int)CommitFault.None);
                if (fault != CommitFault.None) { Happened++; }
                if (fault == CommitFault.CutBefore) { return; }
                if (fault == CommitFault.SwallowAnswer) { swallow.SetResult(true); }
            }

            for (var sent = 0; sent < read;) { sent += await server.SendAsync(buffer.AsMemory(sent, read - sent), stop); }
        }
    }

    private static async Task DownAsync(Socket server, Socket client, Task<bool> swallow, CancellationToken stop)
    {
        var buffer = new byte[65_536];
        while (true)
        {
            var read = await server.ReceiveAsync(buffer, stop);
            if (read == 0 || swallow.IsCompleted) { return; } // the answer came, so the commit has happened; nobody is told
            for (var sent = 0; sent < read;) { sent += await client.SendAsync(buffer.AsMemory(sent, read - sent), stop); }
        }
    }
}
