using System.Security.Cryptography;

namespace Headwater.Accounts.Secrets;

/// <summary>Random secrets in an alphabet without characters that are taken for each other (no 0, 1, i, l, o, u).</summary>
public static class SecretText
{
    // 30 letters and digits: log2(30) = 4.9 bits each.
    private const string Alphabet = "23456789abcdefghjkmnpqrstvwxyz";

    /// <summary>A password a person types once: 4 groups of 5, 98 bits.</summary>
    public static string NewPassword() => string.Join('-', Enumerable.Range(0, 4).Select(static _ => RandomNumberGenerator.GetString(Alphabet, 5)));

    /// <summary>A secret of a device or service: 28 characters, 137 bits. Made by machines, typed by nobody.</summary>
    public static string NewDeviceSecret() => RandomNumberGenerator.GetString(Alphabet, 28);

    /// <summary>A token of the HTTP API: <c>hw_</c> and 256 random bits in base64url.</summary>
    public static string NewToken() => "hw_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
