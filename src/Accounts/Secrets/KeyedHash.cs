using System.Security.Cryptography;

namespace Headwater.Accounts.Secrets;

/// <summary>HMAC-SHA-256 of random secrets under the installation's key. One hash is enough because the secrets hold 128 bits or more:
/// there is nothing to guess, and ten thousand sign-ins cost milliseconds. Passwords of people are not hashed here.</summary>
public sealed class KeyedHash
{
    /// <summary>Length of a hash in bytes.</summary>
    public const int Length = 32;

    private readonly byte[] _key;
    private readonly byte[] _nobody;

    /// <summary>Uses a key of at least 32 bytes.</summary>
    public KeyedHash(byte[] key)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentOutOfRangeException.ThrowIfLessThan(key.Length, 32);
        _key = key;
        _nobody = RandomNumberGenerator.GetBytes(Length);
    }

    /// <summary>The hash of a secret.</summary>
    public byte[] Of(ReadOnlySpan<byte> secret) => HMACSHA256.HashData(_key, secret);

    /// <summary>Whether a secret has the given hash; null stands for an unknown user and costs the same time.</summary>
    public bool Matches(ReadOnlySpan<byte> secret, byte[]? hash)
    {
        Span<byte> actual = stackalloc byte[Length];
        HMACSHA256.HashData(_key, secret, actual);
        return CryptographicOperations.FixedTimeEquals(actual, hash ?? _nobody) && hash is not null;
    }
}
