using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.Storage.Embedded;

/// <summary>A private PostgreSQL cluster: made, started, watched, started again when it dies, stopped on dispose.</summary>
/// <remarks>
/// One process owns a data folder at a time. The postmaster runs in its own session: Ctrl-C in our terminal does not reach it, so that the
/// last group commits finish before it is stopped. When we are killed it goes on and the next start adopts it.
/// The connection string stays valid through restarts of the postmaster. Linux only.
/// </remarks>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    /// <summary>The superuser that Headwater signs in as.</summary>
    public const string UserName = "headwater";

    /// <summary>How our sessions name themselves to the server.</summary>
    internal const string ApplicationName = "headwater";

    /// <summary>The number in the socket's name when no TCP port is set.</summary>
    internal const int SocketPort = 5432;

    private readonly EmbeddedPostgresOptions _options;
    private readonly ClusterFolder _folder;
    private readonly PostgresBinaries _binaries;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Action<EmbeddedPostgresStatus>? _onStatus;
    private readonly CancellationTokenSource _stopping = new();
    private string _socketFolder = string.Empty;
    private Task _watch = Task.CompletedTask;
    private volatile EmbeddedPostgresStatus _status;
    private volatile int _processId;
    private int _restarts;
    private int _stopped;

    private EmbeddedPostgres(EmbeddedPostgresOptions options, ClusterFolder folder, PostgresBinaries binaries, TimeProvider time, ILogger logger, Action<EmbeddedPostgresStatus>? onStatus)
    {
        _options = options;
        _folder = folder;
        _binaries = binaries;
        _time = time;
        _logger = logger;
        _onStatus = onStatus;
        _status = new EmbeddedPostgresStatus(EmbeddedPostgresState.Starting, "PostgreSQL is being started.", time.GetUtcNow(), 0);
    }

    /// <summary>Connection string of the database, for the superuser, over the Unix socket. Holds the password: never log it.</summary>
    public string ConnectionString { get; private set; } = string.Empty;

    /// <summary>The state now.</summary>
    public EmbeddedPostgresStatus Status => _status;

    /// <summary>Process of the postmaster; changes with a restart.</summary>
    public int ProcessId => _processId;

    /// <summary>Server version as it names itself, for example 18.4.</summary>
    public string Version => _binaries.Version;

    /// <summary>PostgreSQL's own folder, where its log lies too.</summary>
    public string ClusterPath => _folder.Cluster;

    /// <summary>True when the postmaster was alive already, left by an earlier process of ours.</summary>
    public bool WasAdopted { get; private set; }

    /// <summary>Starts (or adopts) the cluster and waits until it accepts connections and the database exists.</summary>
    /// <param name="options">Settings.</param>
    /// <param name="time">Clock for the watch and the back-off.</param>
    /// <param name="logger">Log.</param>
    /// <param name="onStatus">Told of every change of state, from any thread, quickly please.</param>
    /// <param name="cancellationToken">Gives up the start; a postmaster already running stays for the next one to adopt.</param>
    /// <exception cref="StoreRefusedException">The cluster cannot or must not be opened; the message says why and what helps.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(EmbeddedPostgresOptions options, TimeProvider time, ILogger logger, Action<EmbeddedPostgresStatus>? onStatus = null, CancellationToken cancellationToken = default)
    {
        options.Verify();
        var folder = await ClusterFolder.OpenAsync(options, cancellationToken);
        try
        {
            var binaries = await PostgresBinaries.LocateAsync(options.BinariesFolder, folder.User, options.SharedFolder, cancellationToken);
            var postgres = new EmbeddedPostgres(options, folder, binaries, time, logger, onStatus);
            await postgres.OpenAsync(cancellationToken);
            return postgres;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Stops the cluster cleanly: sessions are ended, one checkpoint is written, the next start needs no recovery.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0) { return; }
        SetStatus(EmbeddedPostgresState.Stopping, "PostgreSQL is being stopped.");
        await EndWatchAsync();
        await StopPostmasterAsync(CancellationToken.None);
        _folder.RemoveSocketFolder();
        _folder.Dispose();
        _stopping.Dispose();
        SetStatus(EmbeddedPostgresState.Stopped, "PostgreSQL is stopped.");
        _logger.Stopped();
    }

    /// <summary>For tests of adoption: lets go of everything as our own kill -9 would, leaving the postmaster alive.</summary>
    internal async Task AbandonAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0) { return; }
        await EndWatchAsync();
        _folder.Dispose();
        _stopping.Dispose();
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        var began = _time.GetTimestamp();
        SetStatus(EmbeddedPostgresState.Starting, "PostgreSQL is being started.");
        if (_folder.IsMoved) { _logger.Moved(_folder.User.Name, _folder.Data, _folder.Cluster); }
        if (_folder.Exists) { _folder.CheckMajor(_binaries); }
        else
        {
            _logger.Initializing(_folder.Cluster);
            await _folder.InitializeAsync(_binaries, cancellationToken);
        }
        if (!await TryAdoptAsync(cancellationToken))
        {
            await AwaitOrphansAsync(cancellationToken);
            _socketFolder = _folder.NewSocketFolder();
            WriteSettings();
            await StartPostmasterAsync(cancellationToken);
        }
        ConnectionString = ConnectionTo(_options.Database);
        await EnsureDatabaseAsync(cancellationToken);
        _logger.Ready(_binaries.Version, _processId, (long)_time.GetElapsedTime(began).TotalMilliseconds, _folder.Cluster);
        SetStatus(EmbeddedPostgresState.Running, WasAdopted ? "PostgreSQL runs; it was left by an earlier start and taken over." : "PostgreSQL runs.");
        _watch = Task.Run(() => WatchAsync(_stopping.Token), CancellationToken.None);
    }

    /// <summary>Takes over a live postmaster of this folder when its settings are the ones we would give it; else stops it.</summary>
    private async Task<bool> TryAdoptAsync(CancellationToken cancellationToken)
    {
        if (PostmasterFile.LivePostmaster(_folder.Cluster) is not { } pid) { return false; }
        var file = PostmasterFile.Read(_folder.Cluster);
        if (file is { SocketFolder.Length: > 0 } && Directory.Exists(file.SocketFolder))
        {
            _socketFolder = file.SocketFolder;
            var began = _time.GetTimestamp();
            // It may still be in recovery, or be ending: ask until it answers or is gone.
            while (PostmasterFile.LivesIn(pid, _folder.Cluster) && _time.GetElapsedTime(began) < _options.StartTimeout)
            {
                if (await AnswersAsync(cancellationToken))
                {
                    if (WriteSettings()) { break; }
                    await EndOldSessionsAsync(cancellationToken);
                    _processId = pid;
                    WasAdopted = true;
                    _logger.Adopted(pid);
                    return true;
                }
                await Task.Delay(TimeSpan.FromMilliseconds(50), _time, cancellationToken);
            }
        }
        await StopPostmasterAsync(cancellationToken);
        return false;
    }

    /// <summary>
    /// Ends what the dead process left running and waits until it is gone: a COMMIT it sent last may still be under way, and nobody may
    /// read what is committed before that is settled. Sessions of operators and of replication have other names and stay.
    /// </summary>
    private async Task EndOldSessionsAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(ConnectionTo("postgres"));
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand("SELECT count(*) FILTER (WHERE NOT pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = $1 AND usename = $2 AND backend_type = 'client backend' AND pid <> pg_backend_pid()", connection)
        {
            Parameters = { new() { Value = ApplicationName }, new() { Value = UserName } },
        };
        if (await command.ExecuteScalarAsync(cancellationToken) is > 0L and var left) { _logger.SessionsLeft(left); }
    }

    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = new NpgsqlConnection(ConnectionTo("postgres"));
            await connection.OpenAsync(cancellationToken);
            await using var command = new NpgsqlCommand("SHOW data_directory", connection);
            return string.Equals(await command.ExecuteScalarAsync(cancellationToken) as string, _folder.Cluster, StringComparison.Ordinal);
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private bool WriteSettings()
    {
        var changed = _folder.WriteSetting("pg_hba.conf", ClusterSettings.HostRules);
        _folder.WriteWhenAbsent("local.conf", "# Settings of your own: read last, kept.\n");
        return _folder.WriteSetting("postgresql.conf", ClusterSettings.Text(_options, _binaries, _socketFolder, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)) || changed;
    }

    private async Task StartPostmasterAsync(CancellationToken cancellationToken)
    {
        PostmasterFile.RemoveStale(_folder.Cluster);
        _folder.ClearSocketFolder(_socketFolder);
        var began = _time.GetUtcNow();
        var log = Path.Combine(_folder.Cluster, "start.log");
        File.Delete(log);
        var seconds = Math.Max(1, (int)_options.StartTimeout.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        var run = await CommandRun.RunAsync(_folder.User.Wrap(_binaries.Program("pg_ctl"), "start", "--pgdata=" + _folder.Cluster, "--log=" + log, "--wait", "--timeout=" + seconds, "--silent"), cancellationToken);
        if (PostmasterFile.LivePostmaster(_folder.Cluster) is not { } pid || run.ExitCode != 0)
        {
            throw new StoreRefusedException($"PostgreSQL {_binaries.Version} did not start in '{_folder.Cluster}': {_folder.FailureLoggedSince(began) ?? run.Output.ReplaceLineEndings(" ")}");
        }
        _processId = pid;
    }

    private async Task StopPostmasterAsync(CancellationToken cancellationToken)
    {
        if (PostmasterFile.LivePostmaster(_folder.Cluster) is null) { return; }
        var seconds = Math.Max(1, (int)_options.StopTimeout.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        foreach (var mode in (string[])["fast", "immediate"])
        {
            await CommandRun.RunAsync(_folder.User.Wrap(_binaries.Program("pg_ctl"), "stop", "--pgdata=" + _folder.Cluster, "--mode=" + mode, "--wait", "--timeout=" + seconds, "--silent"), cancellationToken);
            if (PostmasterFile.LivePostmaster(_folder.Cluster) is null) { return; }
        }
    }

    /// <summary>Waits for back-ends without a postmaster; kills them after the bound. PostgreSQL itself refuses to start beside them.</summary>
    private async Task AwaitOrphansAsync(CancellationToken cancellationToken)
    {
        var began = _time.GetTimestamp();
        var warned = false;
        while (PostmasterFile.ProcessesIn(_folder.Cluster) is { Count: > 0 } orphans)
        {
            if (_time.GetElapsedTime(began) >= _options.OrphanTimeout)
            {
                if (!warned) { _logger.OrphansKilled(orphans.Count, _options.OrphanTimeout.TotalSeconds); }
                warned = true;
                // Their shared memory is lost with the postmaster and everything committed is in the WAL: nothing can be lost by this.
                foreach (var pid in orphans) { Posix.Signal(pid, Posix.SigKill); }
            }
            await Task.Delay(TimeSpan.FromMilliseconds(20), _time, cancellationToken);
        }
    }

    private async Task EnsureDatabaseAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(ConnectionTo("postgres"));
        await connection.OpenAsync(cancellationToken);
        await using var exists = new NpgsqlCommand("SELECT 1 FROM pg_database WHERE datname = $1", connection) { Parameters = { new() { Value = _options.Database } } };
        if (await exists.ExecuteScalarAsync(cancellationToken) is not null) { return; }
        await using var create = new NpgsqlCommand($"CREATE DATABASE \"{_options.Database.Replace("\"", "\"\"", StringComparison.Ordinal)}\"", connection);
        await create.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_options.WatchInterval, _time, cancellationToken);
                if (!PostmasterFile.LivesIn(_processId, _folder.Cluster)) { await RestartAsync(cancellationToken); }
            }
        }
        catch (OperationCanceledException)
        {
            // We are stopping.
        }
    }

    private async Task RestartAsync(CancellationToken cancellationToken)
    {
        _logger.Died(_processId);
        var wait = TimeSpan.FromMilliseconds(100);
        SetStatus(EmbeddedPostgresState.Restarting, "PostgreSQL ended without our wish and is being started again; nothing is acknowledged until it is back.");
        while (true)
        {
            try
            {
                if (PostmasterFile.LivePostmaster(_folder.Cluster) is { } other) { _processId = other; }
                else
                {
                    await AwaitOrphansAsync(cancellationToken);
                    await StartPostmasterAsync(cancellationToken);
                }
                _restarts++;
                SetStatus(EmbeddedPostgresState.Running, string.Create(CultureInfo.InvariantCulture, $"PostgreSQL runs again; it was restarted {_restarts} times since Headwater began."));
                return;
            }
            catch (Exception e) when (e is not OperationCanceledException) // whatever it is, the next try may succeed: nobody else restarts it
            {
                _logger.RestartFailed(wait.TotalSeconds, e.Message);
                SetStatus(EmbeddedPostgresState.Restarting, "PostgreSQL cannot be started again: " + e.Message);
            }
            await Task.Delay(wait, _time, cancellationToken);
            wait = TimeSpan.FromTicks(Math.Min(wait.Ticks * 2, TimeSpan.FromSeconds(5).Ticks));
        }
    }

    private async Task EndWatchAsync()
    {
        await _stopping.CancelAsync();
        await _watch;
    }

    private void SetStatus(EmbeddedPostgresState state, string words)
    {
        _status = new EmbeddedPostgresStatus(state, words, _time.GetUtcNow(), _restarts);
        try
        {
            _onStatus?.Invoke(_status);
        }
#pragma warning disable CA1031 // a listener must not stop the watch
        catch (Exception e)
#pragma warning restore CA1031
        {
            _logger.ListenerFailed(e);
        }
    }

    private string ConnectionTo(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = _socketFolder,
        Port = _options.TcpPort ?? SocketPort,
        Username = UserName,
        Password = _folder.Password(),
        Database = database,
        ApplicationName = ApplicationName,
        Pooling = !string.Equals(database, "postgres", StringComparison.Ordinal),
        Timeout = 5,
    }.ConnectionString;
}
