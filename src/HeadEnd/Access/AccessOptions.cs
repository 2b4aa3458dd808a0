using System.Security.Cryptography.X509Certificates;

namespace Headwater.HeadEnd.Access;

/// <summary>Settings of sign-in at the broker.</summary>
public sealed record AccessOptions
{
    /// <summary>CAs whose device certificates are taken. Default none: certificates are taken by fingerprint only.</summary>
    public X509Certificate2Collection ClientAuthorities { get; init; } = [];

    /// <summary>Life of the MQTT client in the page. Default 1 h, range 1 min to 1 day: long enough to look on, short enough to be forgotten.</summary>
    public TimeSpan PageClientLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Page clients at once. Default 1,000, range 1 to 100,000: each is a signed-in person's.</summary>
    public int PageClients { get; init; } = 1_000;

    /// <summary>Longest wait for a device to be registered at its first sign-in. Default 5 s, range 0.1 s to 1 min: below the CONNECT time-out,
    /// so that the client is told to come back later while the database is away.</summary>
    public TimeSpan RegistrationWait { get; init; } = TimeSpan.FromSeconds(5);
}
