using System.Collections.Concurrent;
using System.Text;
using Headwater.Accounts.Audit;
using Headwater.Accounts.Secrets;
using Npgsql;
using NpgsqlTypes;

namespace Headwater.Accounts.Tokens;

/// <summary>All tokens in force, in memory by their keyed hash; the secrets themselves are kept nowhere.</summary>
/// <param name="primary">The writable database.</param>
/// <param name="audit">The audit trail.</param>
/// <param name="hash">The installation's keyed hash.</param>
/// <param name="time">Clock.</param>
public sealed class TokenDirectory(NpgsqlDataSource primary, IAudit audit, KeyedHash hash, TimeProvider time)
{
    private static readonly TimeSpan UseResolution = TimeSpan.FromMinutes(1);
    private ConcurrentDictionary<string, Token> _byHash = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<long, DateTimeOffset> _used = new();
    private Token? _local;
    private byte[]? _localHash;

    /// <summary>Reads all tokens in force from the database.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        await using var command = primary.CreateCommand(Select + " where t.revoked_at is null");
        var tokens = new ConcurrentDictionary<string, Token>(StringComparer.Ordinal);
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken)) { tokens[Convert.ToHexString(reader.GetFieldValue<byte[]>(9))] = await ReadAsync(reader, cancellationToken); }
        }
        _byHash = tokens;
        await WriteUsesAsync(cancellationToken);
    }

    /// <summary>Makes the token of operator commands on the server's own machine: in memory only, so it ends with the process.</summary>
    /// <param name="organizationId">The organization it acts in.</param>
    /// <returns>Its secret, for a file that only the server's user can read.</returns>
    public string CreateLocal(long organizationId)
    {
        var secret = SecretText.NewToken();
        _local = new Token(0, organizationId, "command-line", Role.Administrator, CreatedBy: null, time.GetUtcNow(), ExpiresAt: null, RevokedAt: null, LastUsedAt: null);
        _localHash = hash.Of(Encoding.UTF8.GetBytes(secret));
        return secret;
    }

    /// <summary>The token with this secret if it is in force.</summary>
    public Token? Find(string secret)
    {
        ArgumentNullException.ThrowIfNull(secret);
        if (secret.Length <= 256 && _localHash is not null && hash.Matches(Encoding.UTF8.GetBytes(secret), _localHash)) { return _local; }
        if (secret.Length > 256 || !_byHash.TryGetValue(Convert.ToHexString(hash.Of(Encoding.UTF8.GetBytes(secret))), out var token)) { return null; }
        var now = time.GetUtcNow();
        if (token.ExpiresAt <= now) { return null; }
        _used[token.TokenId] = now;
        return token;
    }

    /// <summary>All tokens of an organization, revoked ones included, newest first.</summary>
    public async Task<IReadOnlyList<Token>> ListAsync(long organizationId, CancellationToken cancellationToken)
    {
        await using var command = primary.CreateCommand(Select + " where t.organization_id = $1 order by t.token_id desc limit 1000");
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = organizationId });
        var tokens = new List<Token>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var token = await ReadAsync(reader, cancellationToken);
            tokens.Add(_used.TryGetValue(token.TokenId, out var used) ? token with { LastUsedAt = used } : token);
        }
        return tokens;
    }

    /// <summary>Makes a token.</summary>
    /// <returns>Its number and its secret, shown once.</returns>
    public async Task<(long TokenId, string Secret)> CreateAsync(
        Actor actor, long organizationId, string name, Role role, DateTimeOffset? expiresAt, long? createdBy, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(actor);
        var secret = SecretText.NewToken();
        await using var connection = await primary.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(
            "insert into accounts.token (organization_id, name, role, secret_hash, created_by, expires_at) values ($1, $2, $3, $4, $5, $6) returning token_id", connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = organizationId });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
        command.Parameters.Add(new NpgsqlParameter<short> { TypedValue = (short)role });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = hash.Of(Encoding.UTF8.GetBytes(secret)) });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)createdBy ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        command.Parameters.Add(new NpgsqlParameter { Value = expiresAt is { } at ? at.UtcDateTime : DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        var id = (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        await audit.WriteAsync(connection, actor with { OrganizationId = organizationId }, "token create", name, new { role = role.ToString(), expiresAt }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await LoadAsync(cancellationToken);
        return (id, secret);
    }

    /// <summary>Revokes a token of an organization.</summary>
    /// <returns>False when there is no such token in force.</returns>
    public async Task<bool> RevokeAsync(Actor actor, long organizationId, long tokenId, CancellationToken cancellationToken)
    {
        await using var connection = await primary.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(
            "update accounts.token set revoked_at = now() where token_id = $1 and organization_id = $2 and revoked_at is null returning name", connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = tokenId });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = organizationId });
        if (await command.ExecuteScalarAsync(cancellationToken) is not string name) { return false; }
        await audit.WriteAsync(connection, actor, "token revoke", name, new { tokenId }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await LoadAsync(cancellationToken);
        return true;
    }

    private const string Select =
        """
        select t.token_id, t.organization_id, t.name, t.role, p.sign_in_name, t.created_at, t.expires_at, t.revoked_at, t.last_used_at, t.secret_hash
        from accounts.token t left join accounts.person p on p.person_id = t.created_by
        """;

    private static async Task<Token> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken) => new(
        reader.GetInt64(0), reader.GetInt64(1), reader.GetString(2), (Role)reader.GetInt16(3), await reader.IsDBNullAsync(4, cancellationToken) ? null : reader.GetString(4),
        reader.GetFieldValue<DateTimeOffset>(5), await TimeAsync(reader, 6, cancellationToken), await TimeAsync(reader, 7, cancellationToken), await TimeAsync(reader, 8, cancellationToken));

    private static async Task<DateTimeOffset?> TimeAsync(NpgsqlDataReader reader, int column, CancellationToken cancellationToken) =>
        await reader.IsDBNullAsync(column, cancellationToken) ? null : reader.GetFieldValue<DateTimeOffset>(column);

    private async Task WriteUsesAsync(CancellationToken cancellationToken)
    {
        if (_used.IsEmpty) { return; }
        var uses = _used.ToArray();
        await using var command = primary.CreateCommand(
            "update accounts.token t set last_used_at = n.at from unnest($1, $2) as n (id, at) where t.token_id = n.id and (t.last_used_at is null or t.last_used_at < n.at - $3)");
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. uses.Select(static u => u.Key)] });
        command.Parameters.Add(new NpgsqlParameter<DateTime[]> { TypedValue = [.. uses.Select(static u => u.Value.UtcDateTime)] });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = UseResolution });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
