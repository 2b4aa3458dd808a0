using System.Collections.Concurrent;
using System.Text;
using Headwater.Accounts;
using Headwater.Accounts.People;
using Headwater.Accounts.Secrets;

namespace Headwater.HeadEnd.Access;

/// <summary>A short-lived credential of the MQTT client in a person's page.</summary>
/// <param name="UserName">User name.</param>
/// <param name="Password">Password, shown once.</param>
/// <param name="ClientId">Client identifier it must use.</param>
/// <param name="ExpiresAt">When it can no longer sign in.</param>
public sealed record PageClient(string UserName, string Password, string ClientId, DateTimeOffset ExpiresAt);

/// <summary>Credentials of the MQTT clients in pages; in memory only, gone with a restart.</summary>
/// <param name="people">Judges at sign-in whether the person still has the rights they had.</param>
/// <param name="options">Settings.</param>
/// <param name="time">Clock.</param>
public sealed class PageClients(PeopleDirectory people, AccessOptions options, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Issued> _issued = new(StringComparer.Ordinal);
    private readonly KeyedHash _hash = new(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32));

    /// <summary>Makes a credential for a person.</summary>
    /// <returns>Null when too many are in use.</returns>
    public PageClient? Issue(Person person)
    {
        ArgumentNullException.ThrowIfNull(person);
        var now = time.GetUtcNow();
        foreach (var old in _issued.Where(i => i.Value.ExpiresAt <= now).ToList()) { _issued.TryRemove(old.Key, out _); }
        if (_issued.Count >= options.PageClients) { return null; }
        var name = "page-" + Guid.NewGuid().ToString("N")[..16];
        var password = SecretText.NewDeviceSecret();
        _issued[name] = new Issued(person.PersonId, person.SecurityVersion, _hash.Of(Encoding.UTF8.GetBytes(password)), now + options.PageClientLifetime);
        return new PageClient(name, password, name, now + options.PageClientLifetime);
    }

    internal PersonIdentity? Verify(string userName, string clientId, ReadOnlySpan<byte> password)
    {
        var issued = _issued.GetValueOrDefault(userName);
        if (!_hash.Matches(password, issued?.Hash) || issued!.ExpiresAt <= time.GetUtcNow() || !string.Equals(clientId, userName, StringComparison.Ordinal)) { return null; }
        return people.Find(issued.PersonId) is { IsDisabled: false } person && person.SecurityVersion == issued.SecurityVersion && person.Role.Includes(Role.Operator)
            ? new PersonIdentity(person.PersonId, person.Name, person.Role, person.SecurityVersion)
            : null;
    }

    private sealed record Issued(long PersonId, int SecurityVersion, byte[] Hash, DateTimeOffset ExpiresAt);
}
