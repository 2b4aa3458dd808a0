using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Headwater.Accounts.Audit;

/// <summary>The audit trail in <c>accounts.audit</c>.</summary>
/// <param name="primary">The writable database.</param>
public sealed class AuditTrail(NpgsqlDataSource primary) : IAudit
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <inheritdoc/>
    public async Task WriteAsync(NpgsqlConnection connection, Actor actor, string action, string target, object? detail, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(actor);
        await using var command = connection.CreateCommand();
        command.CommandText = "insert into accounts.audit (organization_id, actor, remote, action, target, detail) values ($1, $2, $3, $4, $5, $6)";
        command.Parameters.Add(new NpgsqlParameter<long?> { TypedValue = actor.OrganizationId, NpgsqlDbType = NpgsqlDbType.Bigint });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = actor.Name });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)actor.Remote ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = action });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = target });
        command.Parameters.Add(new NpgsqlParameter { Value = detail is null ? "{}" : JsonSerializer.Serialize(detail, Json), NpgsqlDbType = NpgsqlDbType.Jsonb });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async Task WriteAsync(Actor actor, string action, string target, object? detail, CancellationToken cancellationToken)
    {
        await using var connection = await primary.OpenConnectionAsync(cancellationToken);
        await WriteAsync(connection, actor, action, target, detail, cancellationToken);
    }

    /// <summary>The newest entries of an organization, those of the installation itself included.</summary>
    /// <param name="organizationId">The organization.</param>
    /// <param name="query">Text looked for in actor, action and target; null or empty for all.</param>
    /// <param name="offset">Entries to skip.</param>
    /// <param name="limit">Most entries returned.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<IReadOnlyList<AuditEntry>> ReadAsync(long organizationId, string? query, int offset, int limit, CancellationToken cancellationToken)
    {
        await using var command = primary.CreateCommand(
            """
            select happened_at, actor, remote, action, target, detail::text from accounts.audit
            where (organization_id = $1 or organization_id is null)
              and ($2 = '' or strpos(lower(actor || ' ' || action || ' ' || target), lower($2)) > 0)
            order by audit_id desc offset $3 limit $4
            """);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = organizationId });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = query ?? string.Empty });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = offset });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        var entries = new List<AuditEntry>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            entries.Add(new AuditEntry(
                reader.GetFieldValue<DateTimeOffset>(0), reader.GetString(1), await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetString(2),
                reader.GetString(3), reader.GetString(4), reader.GetString(5)));
        }
        return entries;
    }
}
