using System.Globalization;
using Headwater.Storage.Embedded;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.Storage.Connections;

/// <summary>The open database: where to write, where to read, and how it is.</summary>
/// <remarks>
/// Opened only when what it confirms is on the disk (<c>fsync</c>, <c>full_page_writes</c>, <c>synchronous_commit</c>), unless
/// <see cref="StoreOptions.AllowUnsafeDurability"/> says otherwise. All sessions are in UTC, plan every statement for its own values
/// (partitions are then left out by time), and have time-outs. A database that goes away later is not an error here: statements
/// fail with <see cref="NpgsqlException"/> until it is back, and <see cref="GetHealthAsync"/> says so in words.
/// </remarks>
public sealed class Store : IAsyncDisposable
{
    /// <summary>How long the database may take to say how it is, before that is the answer.</summary>
    internal static readonly TimeSpan AskBound = TimeSpan.FromSeconds(2);

    private readonly EmbeddedPostgres? _embedded;
    private readonly ReplicaWatch? _replicaWatch;
    private readonly Listener _listener;
    private readonly NpgsqlDataSource _health;
    private readonly Lock _asking = new();
    private Task<(bool IsWritable, long Bytes)> _answer = Task.FromCanceled<(bool, long)>(new CancellationToken(canceled: true));

    private Store(EmbeddedPostgres? embedded, NpgsqlDataSource primary, NpgsqlDataSource replica, NpgsqlDataSource health, ReplicaWatch? replicaWatch, Facts facts, Listener listener)
    {
        _embedded = embedded;
        Primary = primary;
        Replica = replica;
        _replicaWatch = replicaWatch;
        ServerVersion = facts.Version;
        ServerMajor = facts.Major;
        Timescale = facts.Timescale;
        Warning = facts.Warning;
        _listener = listener;
        _health = health;
    }

    /// <summary>Connections to the database that is written.</summary>
    public NpgsqlDataSource Primary { get; }

    /// <summary>Connections to the replica, however old it is; the primary's when there is none. Prefer <see cref="ReadSource"/>.</summary>
    public NpgsqlDataSource Replica { get; }

    /// <summary>Version of the primary, for example <c>18.4</c>.</summary>
    public string ServerVersion { get; }

    /// <summary>Major version of the primary, 15 or more.</summary>
    public int ServerMajor { get; }

    /// <summary>Whether TimescaleDB is there.</summary>
    public TimescaleState Timescale { get; }

    /// <summary>A sentence for every page when the database may lose what it confirmed; else null.</summary>
    public string? Warning { get; }

    /// <summary>The private cluster, or null for an outside database.</summary>
    public EmbeddedPostgres? Embedded => _embedded;

    /// <summary>Starts the private cluster or reaches the outside one, and verifies what it promises.</summary>
    /// <param name="options">Settings.</param>
    /// <param name="time">Clock.</param>
    /// <param name="loggers">Logs.</param>
    /// <param name="cancellationToken">Gives up the opening.</param>
    /// <param name="onStatus">Told when the private cluster changes state, from any thread, quickly please; never for an outside database.</param>
    /// <exception cref="StoreRefusedException">The database must not be used as it is; the message says why and what helps.</exception>
    public static async Task<Store> OpenAsync(StoreOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken, Action<EmbeddedPostgresStatus>? onStatus = null)
    {
        options.Verify();
        var logger = loggers.CreateLogger("Headwater.Storage");
        var listener = new Listener(onStatus);
        EmbeddedPostgres? embedded = null;
        NpgsqlDataSource? primary = null;
        NpgsqlDataSource? replica = null;
        try
        {
            if (string.IsNullOrWhiteSpace(options.ConnectionString))
            {
                var settings = options.Embedded ?? throw new StoreRefusedException("No database is named: set a connection string, or a data folder for the private PostgreSQL.");
                embedded = await EmbeddedPostgres.StartAsync(settings, time, loggers.CreateLogger("Headwater.Storage.Embedded"), listener.Tell, cancellationToken);
            }
            primary = BuildSource(embedded?.ConnectionString ?? options.ConnectionString!, options, options.MaxConnections, loggers);
            listener.Watched = primary;
            var facts = await StoreFacts.ReadAsync(primary, options, time, logger, cancellationToken);
            replica = string.IsNullOrWhiteSpace(options.ReplicaConnectionString) ? null : BuildSource(options.ReplicaConnectionString, options, options.MaxReplicaConnections, loggers);
            var watch = replica is null ? null : new ReplicaWatch(primary, replica, options.ReplicaLagBound, time, logger);
            // Its own connections: a busy pool is no outage, and asking must not wait behind it.
            var health = BuildSource(embedded?.ConnectionString ?? options.ConnectionString!, options, 2, loggers);
            return new Store(embedded, primary, replica ?? primary, health, watch, facts, listener);
        }
        catch
        {
            if (replica is not null) { await replica.DisposeAsync(); }
            if (primary is not null) { await primary.DisposeAsync(); }
            if (embedded is not null) { await embedded.DisposeAsync(); }
            throw;
        }
    }

    /// <summary>Where to read from: the replica while its lag is within the bound, else the primary. Never waits.</summary>
    /// <param name="mustBeFresh">True for what a person or device just wrote: always the primary.</param>
    public NpgsqlDataSource ReadSource(bool mustBeFresh = false) => !mustBeFresh && _replicaWatch is { IsUsed: true } ? Replica : Primary;

    /// <summary>Asks the database how it is; at most about two seconds, never throws for a database that is away.</summary>
    public async Task<StoreHealth> GetHealthAsync(CancellationToken cancellationToken)
    {
        var writable = false;
        long? bytes = null;
        string words;
        try
        {
            (writable, bytes) = await AskAsync().WaitAsync(AskBound, cancellationToken);
            words = writable ? "The database takes commits." : "The database is read-only: readings are not acknowledged until the primary is reached.";
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            words = _embedded is { Status.State: not EmbeddedPostgresState.Running } ? _embedded.Status.Words : "The database does not answer: " + (e is OperationCanceledException or TimeoutException ? "no reply within 2 s." : e.Message) + " Readings are not acknowledged until it is back.";
        }
        if (_replicaWatch is not null) { words += $" The replica {_replicaWatch.Words}; reads go to the {(_replicaWatch.IsUsed ? "replica" : "primary")}."; }
        return new StoreHealth(writable, words, ServerVersion, bytes, _replicaWatch?.Lag, _replicaWatch is { IsUsed: true }, Warning, _embedded?.Status);
    }

    /// <summary>One question at a time: a database that hangs holds up the driver's own cancellation too, and who asks again waits for the same answer.</summary>
    private Task<(bool IsWritable, long Bytes)> AskAsync()
    {
        lock (_asking)
        {
            if (_answer.IsCompleted) { _answer = Task.Run(AskOnceAsync); }
            return _answer;
        }
    }

    private async Task<(bool IsWritable, long Bytes)> AskOnceAsync()
    {
        await using var command = _health.CreateCommand("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean, pg_database_size(current_database())");
        // Also bounds the opening of a connection, which to a host that vanished takes as long as TCP tries.
        using var bound = new CancellationTokenSource(AskBound);
        await using var reader = await command.ExecuteReaderAsync(bound.Token);
        await reader.ReadAsync(bound.Token);
        return (!reader.GetBoolean(0), reader.GetInt64(1));
    }

    /// <summary>Closes the pools, then stops the private cluster.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_replicaWatch is not null)
        {
            await _replicaWatch.DisposeAsync();
            await Replica.DisposeAsync();
        }
        _listener.Watched = null;
        await _health.DisposeAsync();
        await Primary.DisposeAsync();
        if (_embedded is not null) { await _embedded.DisposeAsync(); }
    }

    /// <summary>A pool with the session settings every statement of ours relies on.</summary>
    internal static NpgsqlDataSource BuildSource(string connectionString, StoreOptions options, int maxConnections, ILoggerFactory? loggers)
    {
        NpgsqlConnectionStringBuilder settings;
        try
        {
            settings = new NpgsqlConnectionStringBuilder(connectionString);
        }
        catch (ArgumentException e)
        {
            throw new StoreRefusedException("The database's connection string cannot be read: " + e.Message, e);
        }
        settings.MaxPoolSize = maxConnections;
        settings.ApplicationName ??= EmbeddedPostgres.ApplicationName;
        settings.CommandTimeout = (int)options.StatementTimeout.TotalSeconds + 5; // the server's own time-out comes first and keeps the connection
        settings.KeepAlive = settings.KeepAlive == 0 ? 30 : settings.KeepAlive; // seconds; a peer that vanished is noticed within a minute
        settings.Enlist = false;
        settings.Options = string.Create(CultureInfo.InvariantCulture, $"-c TimeZone=UTC -c plan_cache_mode=force_custom_plan -c statement_timeout={(long)options.StatementTimeout.TotalMilliseconds} -c idle_in_transaction_session_timeout={(long)options.IdleInTransactionTimeout.TotalMilliseconds} {settings.Options}").TrimEnd();
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        if (loggers is not null) { builder.UseLoggerFactory(new QuietDriverLog(loggers)); }
        return builder.Build();
    }

    /// <summary>Drops the pool's dead connections when the cluster was restarted, so that the first statements afterwards do not fail one by one.</summary>
    private sealed class Listener(Action<EmbeddedPostgresStatus>? onStatus)
    {
        private NpgsqlDataSource? _watched;

        internal NpgsqlDataSource? Watched
        {
            set => Volatile.Write(ref _watched, value);
        }

        internal void Tell(EmbeddedPostgresStatus status)
        {
            if (status.State == EmbeddedPostgresState.Restarting) { Volatile.Read(ref _watched)?.Clear(); }
            onStatus?.Invoke(status);
        }
    }
}
