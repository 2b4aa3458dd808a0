namespace Headwater.Accounts;

/// <summary>Settings of accounts.</summary>
public sealed record AccountsOptions
{
    /// <summary>Shortest password a person may choose, in characters. Default 10, range 8 to 128: PBKDF2 and slowed sign-in carry the rest.</summary>
    public int MinimumPasswordLength { get; init; } = 10;

    /// <summary>Longest password taken. Default 256, range 64 to 1,024: hashing must not become a way to burn the processor.</summary>
    public int MaximumPasswordLength { get; init; } = 256;

    /// <summary>Failed sign-ins from one address or for one account before further ones wait. Default 5, range 1 to 100: a person's mistyping fits.</summary>
    public int FreeFailures { get; init; } = 5;

    /// <summary>Longest wait of an address. Default 60 s, range 1 s to 1 h: 1,440 guesses a day at most.</summary>
    public TimeSpan LongestAddressWait { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest wait of an account for addresses it did not last sign in from. Default 10 s, range 1 s to 10 min: guesses from many addresses are slowed,
    /// and the person themselves is not locked out by them.</summary>
    public TimeSpan LongestAccountWait { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often people and tokens are read again, so that changes by another server come into force. Default 15 s, range 1 s to 10 min: a demotion is in force within it.</summary>
    public TimeSpan RefreshInterval { get; init; } = TimeSpan.FromSeconds(15);
}
