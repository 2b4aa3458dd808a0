namespace Headwater.Accounts.People;

/// <summary>What a person's name and password must be; each answer is a sentence for the field, or null.</summary>
public static class PersonRules
{
    /// <summary>Judges a name to sign in with.</summary>
    public static string? JudgeName(string? name) =>
        name is { Length: >= 1 and <= 64 } && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-')
            ? null
            : "1 to 64 letters, digits, dots, underscores or hyphens.";

    /// <summary>Judges a display name.</summary>
    public static string? JudgeDisplayName(string? name) =>
        name is { Length: >= 1 and <= 200 } && !string.IsNullOrWhiteSpace(name) && !name.Any(char.IsControl) ? null : "1 to 200 characters, not blank.";

    /// <summary>Judges a new password.</summary>
    public static string? JudgePassword(string? password, AccountsOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (string.IsNullOrWhiteSpace(password) || password.Length < options.MinimumPasswordLength) { return $"At least {options.MinimumPasswordLength} characters."; }
        return password.Length > options.MaximumPasswordLength ? $"At most {options.MaximumPasswordLength} characters." : null;
    }
}
