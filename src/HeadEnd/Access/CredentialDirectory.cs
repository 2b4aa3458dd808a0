using System.Collections.Concurrent;
using System.Text;
using Headwater.Accounts.Audit;
using Headwater.Accounts.Secrets;
using Headwater.HeadEnd.Registry;
using Npgsql;
using NpgsqlTypes;

namespace Headwater.HeadEnd.Access;

/// <summary>All credentials of devices and services, in memory, so that sign-in needs no database.</summary>
/// <param name="primary">The writable database.</param>
/// <param name="audit">The audit trail.</param>
/// <param name="hash">The installation's keyed hash for device secrets.</param>
public sealed class CredentialDirectory(NpgsqlDataSource primary, IAudit audit, KeyedHash hash)
{
    private static readonly string[] NoFilters = [];
    private ConcurrentDictionary<string, CachedCredential> _byUserName = new(StringComparer.Ordinal);
    private ConcurrentDictionary<string, CachedCredential> _byCertificate = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _withOwn = new(StringComparer.Ordinal);

    /// <summary>Called after a credential was revoked, with its number: what it holds open is to end.</summary>
    public Action<long>? Revoked { get; set; }

    /// <summary>Credentials in memory.</summary>
    public int Count => _byUserName.Count;

    internal KeyedHash Hash => hash;

    /// <summary>Reads all credentials from the database; a hundred thousand take well under a second.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        var byUserName = new ConcurrentDictionary<string, CachedCredential>(StringComparer.Ordinal);
        var byCertificate = new ConcurrentDictionary<string, CachedCredential>(StringComparer.Ordinal);
        // Revoked secrets need not be known; revoked certificates must be, because their issuer still vouches for them.
        await using var command = primary.CreateCommand(
            """
            select c.credential_id, c.kind, c.user_name, d.text_id, c.secret_hash, c.certificate_sha256, c.publish_filters, c.subscribe_filters, c.expires_at, c.revoked_at is not null
            from headend.credential c left join headend.device d using (device_id) where c.revoked_at is null or c.kind = 2
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var publish = reader.GetFieldValue<string[]>(6);
            var subscribe = reader.GetFieldValue<string[]>(7);
            var credential = new CachedCredential(
                reader.GetInt64(0), (CredentialKind)reader.GetInt16(1), reader.GetString(2), reader.IsDBNull(3) ? null : reader.GetString(3),
                reader.IsDBNull(4) ? null : reader.GetFieldValue<byte[]>(4), reader.IsDBNull(5) ? null : reader.GetFieldValue<byte[]>(5),
                publish.Length == 0 ? NoFilters : publish, subscribe.Length == 0 ? NoFilters : subscribe,
                reader.IsDBNull(8) ? null : reader.GetFieldValue<DateTimeOffset>(8), reader.GetBoolean(9));
            Remember(credential, byUserName, byCertificate);
        }
        _byUserName = byUserName;
        _byCertificate = byCertificate;
    }

    /// <summary>Makes a secret for a device.</summary>
    public Task<NewCredential> CreateForDeviceAsync(Actor actor, RegisteredDevice device, string label, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(device);
        return CreateAsync(actor, device.OrganizationId, CredentialKind.DeviceSecret, device.TextId, device, NoFilters, NoFilters, label, cancellationToken);
    }

    /// <summary>Makes a secret for a service.</summary>
    /// <returns>Null when the user name is taken.</returns>
    public async Task<NewCredential?> CreateForServiceAsync(
        Actor actor, long organizationId, string userName, string label, IReadOnlyList<string> publishFilters, IReadOnlyList<string> subscribeFilters, CancellationToken cancellationToken)
    {
        try
        {
            return await CreateAsync(actor, organizationId, CredentialKind.ServiceSecret, userName, device: null, publishFilters, subscribeFilters, label, cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return null;
        }
    }

    /// <summary>Makes the one secret of a fleet whose devices have none of their own, in place of an earlier one of this user name.</summary>
    public async Task<NewCredential> RenewForFleetAsync(Actor actor, long organizationId, string userName, string label, CancellationToken cancellationToken)
    {
        if (Find(userName) is { } old) { await RevokeAsync(actor, organizationId, old.CredentialId, cancellationToken); }
        return await CreateAsync(actor, organizationId, CredentialKind.FleetSecret, userName, device: null, NoFilters, NoFilters, label, cancellationToken);
    }

    /// <summary>Makes a secret for a device in place of the one its own id signs in with.</summary>
    public async Task<NewCredential> RenewForDeviceAsync(Actor actor, RegisteredDevice device, string label, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (Find(device.TextId) is { } old) { await RevokeAsync(actor, device.OrganizationId, old.CredentialId, cancellationToken); }
        return await CreateForDeviceAsync(actor, device, label, cancellationToken);
    }

    /// <summary>Makes a device known by its certificate.</summary>
    /// <param name="actor">Who.</param>
    /// <param name="device">The device.</param>
    /// <param name="certificateSha256">SHA-256 of the leaf, 32 bytes.</param>
    /// <param name="label">What it is for.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Its number, or null when the certificate is known already.</returns>
    public async Task<long?> AddCertificateAsync(Actor actor, RegisteredDevice device, byte[] certificateSha256, string label, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(device);
        var userName = "certificate " + Convert.ToHexStringLower(certificateSha256);
        await using var connection = await primary.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        try
        {
            var id = await InsertAsync(connection, device.OrganizationId, CredentialKind.Certificate, userName, device.DeviceId, secretHash: null, certificateSha256, NoFilters, NoFilters, label, cancellationToken);
            await audit.WriteAsync(connection, actor, "credential create", device.TextId, new { kind = "certificate", sha256 = Convert.ToHexStringLower(certificateSha256), label }, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            Remember(new CachedCredential(id, CredentialKind.Certificate, userName, device.TextId, SecretHash: null, certificateSha256, NoFilters, NoFilters, ExpiresAt: null, IsRevoked: false), _byUserName, _byCertificate);
            return id;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return null;
        }
    }

    /// <summary>Revokes a credential of an organization; live connections made with it end.</summary>
    /// <returns>False when there is no such credential in force.</returns>
    public async Task<bool> RevokeAsync(Actor actor, long organizationId, long credentialId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(actor);
        string userName;
        await using (var connection = await primary.OpenConnectionAsync(cancellationToken))
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            // A revoked user name may be given out again; the row stays, its name is set apart.
            await using (var command = new NpgsqlCommand(
                """
                with old as (select user_name from headend.credential where credential_id = $1)
                update headend.credential c set revoked_at = now(), user_name = case when kind = 2 then c.user_name else c.user_name || ' (revoked ' || c.credential_id || ')' end
                from old where credential_id = $1 and organization_id = $2 and revoked_at is null returning old.user_name
                """, connection))
            {
                command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = credentialId });
                command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = organizationId });
                if (await command.ExecuteScalarAsync(cancellationToken) is not string name) { return false; }
                userName = name;
            }
            await audit.WriteAsync(connection, actor with { OrganizationId = organizationId }, "credential revoke", userName, new { credentialId }, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        if (_byUserName.TryRemove(userName, out var credential) && credential.CertificateSha256 is { } sha256)
        {
            _byCertificate[Convert.ToHexString(sha256)] = credential with { IsRevoked = true };
        }
        Revoked?.Invoke(credentialId);
        return true;
    }

    /// <summary>Credentials of one device, or of all services, newest first; revoked ones included.</summary>
    public async Task<IReadOnlyList<Credential>> ListAsync(long organizationId, RegisteredDevice? device, CancellationToken cancellationToken)
    {
        await using var command = primary.CreateCommand(
            """
            select c.credential_id, c.kind, c.user_name, d.text_id, c.publish_filters, c.subscribe_filters, c.label, c.created_at, c.expires_at, c.revoked_at
            from headend.credential c left join headend.device d using (device_id)
            where c.organization_id = $1 and (c.device_id = $2 or ($2 is null and c.device_id is null)) order by c.credential_id desc limit 1000
            """);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = organizationId });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)device?.DeviceId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        var list = new List<Credential>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            list.Add(new Credential(
                reader.GetInt64(0), (CredentialKind)reader.GetInt16(1), reader.GetString(2), reader.IsDBNull(3) ? null : reader.GetString(3),
                reader.GetFieldValue<string[]>(4), reader.GetFieldValue<string[]>(5), reader.GetString(6), reader.GetFieldValue<DateTimeOffset>(7),
                reader.IsDBNull(8) ? null : reader.GetFieldValue<DateTimeOffset>(8), reader.IsDBNull(9) ? null : reader.GetFieldValue<DateTimeOffset>(9)));
        }
        return list;
    }

    internal CachedCredential? Find(string userName) => _byUserName.GetValueOrDefault(userName);

    /// <summary>Whether a device has, or since this start has had, a secret or certificate of its own: a fleet's secret then does not speak for it.</summary>
    internal bool HasOwn(string deviceId) => _withOwn.ContainsKey(deviceId);

    internal CachedCredential? FindCertificate(byte[] sha256) => _byCertificate.GetValueOrDefault(Convert.ToHexString(sha256));

    private async Task<NewCredential> CreateAsync(
        Actor actor, long organizationId, CredentialKind kind, string userName, RegisteredDevice? device, IReadOnlyList<string> publishFilters,
        IReadOnlyList<string> subscribeFilters, string label, CancellationToken cancellationToken)
    {
        var secret = SecretText.NewDeviceSecret();
        var secretHash = hash.Of(Encoding.UTF8.GetBytes(secret));
        // A device may hold several secrets while they are being changed: the later ones get a suffix.
        if (kind == CredentialKind.DeviceSecret && _byUserName.ContainsKey(userName)) { userName += "+" + Guid.NewGuid().ToString("N")[..6]; }
        await using var connection = await primary.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var id = await InsertAsync(connection, organizationId, kind, userName, device?.DeviceId, secretHash, certificateSha256: null, publishFilters, subscribeFilters, label, cancellationToken);
        await audit.WriteAsync(
            connection, actor with { OrganizationId = organizationId }, "credential create", device?.TextId ?? userName, new { kind = kind.ToString(), userName, label, publishFilters, subscribeFilters }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        var credential = new CachedCredential(id, kind, userName, device?.TextId, secretHash, CertificateSha256: null, publishFilters, subscribeFilters, ExpiresAt: null, IsRevoked: false);
        Remember(credential, _byUserName, _byCertificate);
        return new NewCredential(id, userName, secret);
    }

    private static async Task<long> InsertAsync(
        NpgsqlConnection connection, long organizationId, CredentialKind kind, string userName, long? deviceId, byte[]? secretHash, byte[]? certificateSha256,
        IReadOnlyList<string> publishFilters, IReadOnlyList<string> subscribeFilters, string label, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            insert into headend.credential (organization_id, kind, user_name, device_id, secret_hash, certificate_sha256, publish_filters, subscribe_filters, label)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning credential_id
            """, connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = organizationId });
        command.Parameters.Add(new NpgsqlParameter<short> { TypedValue = (short)kind });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = userName });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)deviceId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)secretHash ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bytea });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)certificateSha256 ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bytea });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. publishFilters] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. subscribeFilters] });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = label });
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private void Remember(
        CachedCredential credential, ConcurrentDictionary<string, CachedCredential> byUserName, ConcurrentDictionary<string, CachedCredential> byCertificate)
    {
        if (!credential.IsRevoked)
        {
            byUserName[credential.UserName] = credential;
            if (credential.DeviceId is { } device) { _withOwn[device] = true; }
        }
        if (credential.CertificateSha256 is { } sha256) { byCertificate[Convert.ToHexString(sha256)] = credential; }
    }
}
