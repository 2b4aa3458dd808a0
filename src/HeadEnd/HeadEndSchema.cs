using Headwater.Storage.Migrations;

namespace Headwater.HeadEnd;

/// <summary>The schema <c>headend</c> and its migrations. It refers to <c>accounts</c>, whose migrations run first.</summary>
public static class HeadEndSchema
{
    /// <summary>The numbered files embedded in this assembly.</summary>
    public static MigrationSet Migrations { get; } = new("headend", typeof(HeadEndSchema).Assembly, "Headwater.HeadEnd.Migrations.");
}
