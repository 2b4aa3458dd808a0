using System.Collections.Concurrent;
using Headwater.Accounts.Audit;
using Headwater.Accounts.Organizations;
using Headwater.Accounts.Secrets;
using Microsoft.AspNetCore.Identity;
using Npgsql;
using NpgsqlTypes;

namespace Headwater.Accounts.People;

/// <summary>All people, in memory, so that a live sign-in is judged without the database; changes go to the database first.</summary>
/// <remarks>Every change of rights raises the security version: sign-ins with an older one end at their next request.</remarks>
public sealed class PeopleDirectory
{
    private readonly NpgsqlDataSource _primary;
    private readonly IAudit _audit;
    private readonly PasswordHasher<object> _hasher = new();
    private readonly string _nobodysHash;
    private ConcurrentDictionary<long, Person> _people = new();

    /// <summary>Makes an empty directory; call <see cref="LoadAsync"/> before use.</summary>
    public PeopleDirectory(NpgsqlDataSource primary, IAudit audit, AccountsOptions options)
    {
        _primary = primary;
        _audit = audit;
        Options = options;
        // What the password of an unknown name is compared with, so that it takes as long.
        _nobodysHash = _hasher.HashPassword(this, SecretText.NewPassword());
    }

    /// <summary>Settings in force.</summary>
    public AccountsOptions Options { get; }

    /// <summary>All people.</summary>
    public IEnumerable<Person> People => _people.Values;

    /// <summary>Called after a person's rights changed: what they hold open is to end.</summary>
    public Action<Person>? RightsChanged { get; set; }

    /// <summary>Reads everybody from the database.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        var people = await ReadAsync("true", [], cancellationToken);
        var before = _people;
        _people = new ConcurrentDictionary<long, Person>(people.Select(static p => KeyValuePair.Create(p.PersonId, p)));
        foreach (var person in people)
        {
            if (before.TryGetValue(person.PersonId, out var old) && old.SecurityVersion != person.SecurityVersion) { RightsChanged?.Invoke(person); }
        }
    }

    /// <summary>Finds a person by number.</summary>
    public Person? Find(long personId) => _people.GetValueOrDefault(personId);

    /// <summary>Finds a person of an organization by name, without regard to case.</summary>
    public Person? Find(long organizationId, string name) =>
        _people.Values.FirstOrDefault(p => p.Organization.OrganizationId == organizationId && string.Equals(p.Name, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The person with this name and password, or null. Takes as long for a name that does not exist.</summary>
    public async Task<Person?> VerifyAsync(string name, string password, CancellationToken cancellationToken)
    {
        long? id = null;
        string? hash = null;
        await using (var command = _primary.CreateCommand("select person_id, password_hash from accounts.person where lower(sign_in_name) = lower($1) and disabled_at is null"))
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            if (await reader.ReadAsync(cancellationToken))
            {
                id = reader.GetInt64(0);
                hash = reader.GetString(1);
            }
        }
        var verdict = _hasher.VerifyHashedPassword(this, hash ?? _nobodysHash, password);
        if (verdict == PasswordVerificationResult.Failed || id is not { } personId) { return null; }
        return (await ReadAsync("p.person_id = $1", [new NpgsqlParameter<long> { TypedValue = personId }], cancellationToken)).Select(Remember).FirstOrDefault();
    }

    /// <summary>Notes a sign-in.</summary>
    public async Task NoteSignInAsync(Person person, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(person);
        await using var command = _primary.CreateCommand("update accounts.person set last_signed_in_at = now() where person_id = $1 returning last_signed_in_at");
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = person.PersonId });
        if (await command.ExecuteScalarAsync(cancellationToken) is DateTime at) { Remember(person with { LastSignedInAt = new DateTimeOffset(at, TimeSpan.Zero) }); }
    }

    /// <summary>Adds a person with a generated password, which they must change unless told otherwise.</summary>
    /// <returns>The password, shown once; null when the name is taken.</returns>
    public async Task<string?> AddAsync(Actor actor, long organizationId, string name, string displayName, Role role, CancellationToken cancellationToken, bool mustChangePassword = true)
    {
        ArgumentNullException.ThrowIfNull(actor);
        var password = SecretText.NewPassword();
        await using var connection = await _primary.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (var command = new NpgsqlCommand(
            """
            insert into accounts.person (organization_id, sign_in_name, display_name, role, password_hash, must_change_password)
            values ($1, $2, $3, $4, $5, $6) on conflict (lower(sign_in_name)) do nothing returning person_id
            """, connection))
        {
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = organizationId });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = displayName });
            command.Parameters.Add(new NpgsqlParameter<short> { TypedValue = (short)role });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = _hasher.HashPassword(this, password) });
            command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = mustChangePassword });
            if (await command.ExecuteScalarAsync(cancellationToken) is null) { return null; }
        }
        await _audit.WriteAsync(connection, actor with { OrganizationId = organizationId }, "person add", name, new { displayName, role = role.ToString() }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await LoadAsync(cancellationToken);
        return password;
    }

    /// <summary>Changes a person; null members stay.</summary>
    /// <returns>Null when done, else the rule that was broken, in words.</returns>
    public async Task<string?> ChangeAsync(Actor actor, Person person, string? displayName, Role? role, bool? disabled, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(person);
        await using var connection = await _primary.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var losesAdministrator = person.Role == Role.Administrator && ((role is { } to && to != Role.Administrator) || disabled == true);
        if (losesAdministrator && await IsLastAdministratorAsync(connection, person, cancellationToken)) { return "The organization's last administrator must stay one."; }
        var changesRights = (role is { } r && r != person.Role) || (disabled is { } d && d != person.IsDisabled);
        await using (var command = new NpgsqlCommand(
            """
            update accounts.person set display_name = coalesce($2, display_name), role = coalesce($3, role),
                disabled_at = case when $4 is null then disabled_at when $4 then coalesce(disabled_at, now()) else null end,
                security_version = security_version + $5
            where person_id = $1
            """, connection))
        {
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = person.PersonId });
            command.Parameters.Add(new NpgsqlParameter { Value = (object?)displayName ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
            command.Parameters.Add(new NpgsqlParameter { Value = role is { } value ? (short)value : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Smallint });
            command.Parameters.Add(new NpgsqlParameter { Value = (object?)disabled ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Boolean });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = changesRights ? 1 : 0 });
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        await _audit.WriteAsync(connection, actor, "person change", person.Name, new { displayName, role = role?.ToString(), disabled }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await LoadAsync(cancellationToken);
        return null;
    }

    /// <summary>Gives a person a generated password that they must change; their live sign-ins end.</summary>
    /// <returns>The password, shown once.</returns>
    public async Task<string> ResetPasswordAsync(Actor actor, Person person, CancellationToken cancellationToken)
    {
        var password = SecretText.NewPassword();
        await SetPasswordAsync(actor, person, password, mustChange: true, "person reset-password", cancellationToken);
        return password;
    }

    /// <summary>A person's own change of password; their other live sign-ins end.</summary>
    /// <returns>The person with the new security version, or null when the current password is wrong.</returns>
    public async Task<Person?> ChangePasswordAsync(Actor actor, Person person, string current, string password, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(person);
        if (await VerifyAsync(person.Name, current, cancellationToken) is null) { return null; }
        await SetPasswordAsync(actor, person, password, mustChange: false, "person change-password", cancellationToken);
        return Find(person.PersonId);
    }

    /// <summary>Replaces a person's preferences.</summary>
    /// <param name="person">Whose.</param>
    /// <param name="preferences">A JSON object.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task SetPreferencesAsync(Person person, string preferences, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(person);
        await using var command = _primary.CreateCommand("update accounts.person set preferences = $2 where person_id = $1");
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = person.PersonId });
        command.Parameters.Add(new NpgsqlParameter { Value = preferences, NpgsqlDbType = NpgsqlDbType.Jsonb });
        await command.ExecuteNonQueryAsync(cancellationToken);
        Remember(person with { Preferences = preferences });
    }

    private static async Task<bool> IsLastAdministratorAsync(NpgsqlConnection connection, Person person, CancellationToken cancellationToken)
    {
        // Locks all administrators, so that two who demote each other at the same moment cannot both succeed.
        await using var command = new NpgsqlCommand(
            "select count(*) filter (where person_id <> $2) from (select person_id from accounts.person where organization_id = $1 and role = 3 and disabled_at is null for update) a", connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = person.Organization.OrganizationId });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = person.PersonId });
        return await command.ExecuteScalarAsync(cancellationToken) is 0L;
    }

    private async Task SetPasswordAsync(Actor actor, Person person, string password, bool mustChange, string action, CancellationToken cancellationToken)
    {
        await using var connection = await _primary.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (var command = new NpgsqlCommand(
            "update accounts.person set password_hash = $2, must_change_password = $3, security_version = security_version + 1 where person_id = $1", connection))
        {
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = person.PersonId });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = _hasher.HashPassword(this, password) });
            command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = mustChange });
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        await _audit.WriteAsync(connection, actor, action, person.Name, detail: null, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await LoadAsync(cancellationToken);
    }

    private Person Remember(Person person)
    {
        _people[person.PersonId] = person;
        return person;
    }

    private async Task<List<Person>> ReadAsync(string where, NpgsqlParameter[] parameters, CancellationToken cancellationToken)
    {
        await using var command = _primary.CreateCommand(
            $"""
            select p.person_id, o.organization_id, o.text_id, o.name, o.time_zone, p.sign_in_name, p.display_name, p.role, p.must_change_password,
                p.disabled_at is not null, p.security_version, p.preferences::text, p.created_at, p.last_signed_in_at
            from accounts.person p join accounts.organization o using (organization_id) where {where}
            """);
        command.Parameters.AddRange(parameters);
        var people = new List<Person>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            people.Add(new Person(
                reader.GetInt64(0), new Organization(reader.GetInt64(1), reader.GetString(2), reader.GetString(3), reader.GetString(4)),
                reader.GetString(5), reader.GetString(6), (Role)reader.GetInt16(7), reader.GetBoolean(8), reader.GetBoolean(9), reader.GetInt32(10),
                reader.GetString(11), reader.GetFieldValue<DateTimeOffset>(12), await reader.IsDBNullAsync(13, cancellationToken) ? null : reader.GetFieldValue<DateTimeOffset>(13)));
        }
        return people;
    }
}
