using System.Globalization;
using System.Text;

namespace Headwater.Storage.Embedded;

/// <summary>The text of postgresql.conf and pg_hba.conf, fitted to the machine.</summary>
internal static class ClusterSettings
{
    private const long Megabyte = 1L << 20;

    /// <summary>
    /// WAL that a crash may have to replay, in MB. PostgreSQL begins a checkpoint so that at most max_wal_size lies between the redo
    /// point and the end. Measured: 318 MB of inserts with a unique key took 1.2 s of one core to replay, 250 MB/s; 100 MB/s is counted
    /// on, for slower machines and for the checkpoint at the end. 512 MB / 100 MB/s = 5.1 s: half of the 10 s from kill -9 to the next
    /// acknowledgement, the rest is for noticing (0.2 s), back-ends that linger (0 to 5 s, seldom) and starting (0.5 s).
    /// </summary>
    private const int MaxWalMegabytes = 512;

    /// <summary>Whether syncfs(2) reports write errors, which it does since Linux 5.8.</summary>
    internal static bool TrustsSyncfs => Environment.OSVersion.Version >= new Version(5, 8);

    internal static string Text(EmbeddedPostgresOptions options, PostgresBinaries binaries, string socketFolder, long memoryBytes)
    {
        var sharedBuffers = Math.Max(16 * Megabyte, Math.Min(memoryBytes / 4, options.MaxSharedBuffersBytes));
        var conf = new StringBuilder();
        conf.AppendLine("# Written by Headwater at every start; changes here are lost.");
        conf.AppendLine("# Settings of your own go to local.conf beside this file: it is read last and wins.");

        void Set(string name, string value) => conf.Append(name).Append(" = '").Append(value.Replace("'", "''", StringComparison.Ordinal)).AppendLine("'");
        void Number(string name, long value, string unit = "") => Set(name, value.ToString(CultureInfo.InvariantCulture) + unit);

        Set("listen_addresses", options.TcpPort is null ? string.Empty : "127.0.0.1");
        Number("port", options.TcpPort ?? EmbeddedPostgres.SocketPort);
        Set("unix_socket_directories", socketFolder);
        Set("unix_socket_permissions", "0700");
        Set("password_encryption", "scram-sha-256");
        Number("max_connections", options.MaxConnections);

        // Durability: an acknowledgement to a device means that its reading is on the disk.
        Set("fsync", "on");
        Set("synchronous_commit", "on");
        Set("full_page_writes", "on");
        Set("wal_level", "logical");
        Number("max_wal_size", MaxWalMegabytes, "MB");
        Number("min_wal_size", 128, "MB");
        Set("checkpoint_timeout", "5min");
        Set("checkpoint_completion_target", "0.9");
        // One call instead of an fsync for each of a thousand files: 0.1 s against 2 s of a recovery.
        if (TrustsSyncfs) { Set("recovery_init_sync_method", "syncfs"); }
        Set("wal_compression", binaries.BlockCompression ?? "off");
        if (binaries.BlockCompression is { } method) { Set("default_toast_compression", method); }
        Number("max_wal_senders", 10);
        Number("max_replication_slots", 10);
        Number("max_slot_wal_keep_size", options.MaxSlotWalKeepMegabytes, "MB");

        // Memory: shared buffers are touched only as data arrives, so a large figure costs an idle machine nothing.
        Number("shared_buffers", sharedBuffers / Megabyte, "MB");
        Number("effective_cache_size", Math.Max(64, memoryBytes / 2 / Megabyte), "MB");
        Set("work_mem", "8MB");
        Set("maintenance_work_mem", "64MB");
        Set("wal_buffers", sharedBuffers >= 256 * Megabyte ? "16MB" : "4MB");
        Number("max_worker_processes", 8);
        Number("max_parallel_workers_per_gather", 1);
        Number("autovacuum_max_workers", 2);
        if (binaries.Major >= 18)
        {
            Set("io_method", "worker"); // io_uring is not in every kernel or container
            Number("io_workers", 2);
        }
        Set("jit", "off"); // compiling costs more than our short statements take
        Set("random_page_cost", "1.1");

        Set("timezone", "UTC");
        Set("log_timezone", "UTC");
        Set("lc_messages", "C");

        // Seven files, one a weekday, each begun anew: a week to look back, and no more.
        Set("logging_collector", "on");
        Set("log_directory", "log");
        Set("log_filename", "postgresql-%a.log");
        Set("log_truncate_on_rotation", "on");
        Set("log_rotation_age", "1d");
        Set("log_rotation_size", "0");
        Set("log_line_prefix", "%m [%p] %q%a ");
        Set("log_lock_waits", "on");
        Set("log_checkpoints", "off");
        conf.AppendLine("include_if_exists 'local.conf'");
        return conf.ToString();
    }

    /// <summary>Passwords everywhere, trust nowhere: the socket's folder keeps other users out, and the password is the second door.</summary>
    internal const string HostRules =
        """
        # Written by Headwater at every start; changes here are lost.
        local   all             all                             scram-sha-256
        local   replication     all                             scram-sha-256
        host    all             all     127.0.0.1/32            scram-sha-256
        host    replication     all     127.0.0.1/32            scram-sha-256

        """;
}
