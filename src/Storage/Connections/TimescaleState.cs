namespace Headwater.Storage.Connections;

/// <summary>Whether the database has the TimescaleDB extension.</summary>
public enum TimescaleState
{
    /// <summary>The server does not offer it.</summary>
    Absent,

    /// <summary>The server could, but it is not in this database and was not put there (not preloaded, or not permitted).</summary>
    Available,

    /// <summary>It is in this database; a database made now uses hypertables.</summary>
    Installed,
}
