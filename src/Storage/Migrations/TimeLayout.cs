namespace Headwater.Storage.Migrations;

/// <summary>How tables that grow with time are cut. Settled when a database is made and recorded in it; never changed later.</summary>
public enum TimeLayout
{
    /// <summary>PostgreSQL's own range partitions: <c>--#if plain</c> parts of a migration.</summary>
    Partitions = 1,

    /// <summary>TimescaleDB hypertables: <c>--#if timescale</c> parts of a migration.</summary>
    Hypertables = 2,
}
