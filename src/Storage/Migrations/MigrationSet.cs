using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Headwater.Storage.Migrations;

/// <summary>The numbered SQL files of one stage, embedded in its assembly.</summary>
/// <param name="Schema">The schema the stage owns; created before its first migration. A lower-case SQL name.</param>
/// <param name="Assembly">Where the files are embedded.</param>
/// <param name="ResourcePrefix">What their resource names begin with, for example <c>Headwater.HeadEnd.Migrations.</c>; the rest is <c>NNNN_name.sql</c>.</param>
/// <remarks>
/// Numbers begin at 1 without a gap. A file that was released is never changed: its checksum is recorded. Inside a file whole lines
/// <c>--#if timescale</c>, <c>--#if plain</c>, <c>--#else</c>, <c>--#end</c> keep or leave out what lies between, not nested.
/// A first line <c>--#no transaction</c> runs the file outside of one, statement by statement at the server's choice: for CREATE INDEX CONCURRENTLY alone.
/// </remarks>
public sealed partial record MigrationSet(string Schema, Assembly Assembly, string ResourcePrefix)
{
    /// <summary>Reads the files in their order.</summary>
    /// <exception cref="StoreRefusedException">A name that is no migration, a gap or a double number: a mistake of the program, found at every start.</exception>
    internal IReadOnlyList<Migration> Read()
    {
        var migrations = new List<Migration>();
        foreach (var resource in Assembly.GetManifestResourceNames().Where(r => r.StartsWith(ResourcePrefix, StringComparison.Ordinal) && r.EndsWith(".sql", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            var match = NamePattern().Match(resource[ResourcePrefix.Length..]);
            if (!match.Success) { throw new StoreRefusedException($"The embedded file '{resource}' is not named NNNN_name.sql."); }
            using var reader = new StreamReader(Assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
            var text = reader.ReadToEnd().ReplaceLineEndings("\n");
            migrations.Add(new Migration(Schema, int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture), match.Groups["name"].Value, text));
        }
        for (var i = 0; i < migrations.Count; i++)
        {
            if (migrations[i].Version != i + 1) { throw new StoreRefusedException($"The migrations of '{Schema}' are not numbered 1, 2, 3 …: '{migrations[i].Version:0000}_{migrations[i].Name}.sql' stands at place {i + 1}."); }
        }
        return migrations;
    }

    [GeneratedRegex("^(?<number>[0-9]{4})_(?<name>[a-z0-9_]+)\\.sql$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NamePattern();
}

/// <summary>One numbered file.</summary>
internal sealed record Migration(string Schema, int Version, string Name, string Text)
{
    private const string NoTransaction = "--#no transaction\n";

    /// <summary>SHA-256 of the whole text with Unix line ends, the same for both layouts.</summary>
    internal string Checksum { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text)));

    internal bool InTransaction => !Text.StartsWith(NoTransaction, StringComparison.Ordinal);

    /// <summary>The SQL for one layout.</summary>
    /// <exception cref="StoreRefusedException">Unbalanced or unknown marks.</exception>
    internal string SqlFor(TimeLayout layout)
    {
        var sql = new StringBuilder();
        bool? keeping = null;
        foreach (var line in Text.Split('\n'))
        {
            switch (line.TrimEnd())
            {
                case "--#if timescale" when keeping is null:
                    keeping = layout == TimeLayout.Hypertables;
                    break;
                case "--#if plain" when keeping is null:
                    keeping = layout == TimeLayout.Partitions;
                    break;
                case "--#else" when keeping is not null:
                    keeping = !keeping;
                    break;
                case "--#end" when keeping is not null:
                    keeping = null;
                    break;
                case "--#no transaction":
                    break;
                case var mark when mark.StartsWith("--#", StringComparison.Ordinal):
                    throw new StoreRefusedException($"Migration {Version:0000}_{Name} of '{Schema}' has a misplaced mark '{mark}'.");
                default:
                    // Left-out lines stay as empty ones, so that PostgreSQL's line numbers are those of the file.
                    sql.Append(keeping ?? true ? line : string.Empty).Append('\n');
                    break;
            }
        }
        return keeping is null ? sql.ToString() : throw new StoreRefusedException($"Migration {Version:0000}_{Name} of '{Schema}' lacks an --#end.");
    }
}
