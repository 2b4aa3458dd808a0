using System.Security.Cryptography;
using Npgsql;

namespace Headwater.Accounts.Secrets;

/// <summary>Named secrets of the installation, made at first use and kept in <c>accounts.installation_key</c>.</summary>
public static class InstallationKeys
{
    /// <summary>Reads a key of 32 bytes, or makes it. Two servers that make it at the same moment get the same one.</summary>
    public static async Task<byte[]> GetOrCreateAsync(NpgsqlDataSource primary, string name, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(primary);
        await using (var insert = primary.CreateCommand("insert into accounts.installation_key (name, value) values ($1, $2) on conflict (name) do nothing"))
        {
            insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
            insert.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = RandomNumberGenerator.GetBytes(32) });
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }
        await using var read = primary.CreateCommand("select value from accounts.installation_key where name = $1");
        read.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
        return (byte[])(await read.ExecuteScalarAsync(cancellationToken))!;
    }
}
