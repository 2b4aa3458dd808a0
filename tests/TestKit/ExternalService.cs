namespace Headwater.TestKit;

/// <summary>Thrown to skip a test in the middle; understood by <see cref="SkippableFactAttribute"/> only.</summary>
public sealed class SkipTestException(string reason) : Exception(reason);

/// <summary>Programs and services a test needs and the product does not. Missing ones skip at home and fail where CI=true.</summary>
public static class ExternalService
{
    /// <summary>Whether a missing service is a failure.</summary>
    public static bool IsRequired => string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase);

    /// <summary>Finds a program by path or on PATH; else skips, or fails on CI. Use inside <c>[SkippableFact]</c>.</summary>
    /// <param name="program">Name or path, for example <c>mosquitto_pub</c>.</param>
    /// <param name="toInstall">What a person installs, for example <c>apt-get install mosquitto-clients</c>.</param>
    /// <returns>Its path.</returns>
    public static string RequireOrSkip(string program, string toInstall) =>
        Find(program) ?? throw Missing($"The program {program} is not there ({toInstall}).");

    /// <summary>Goes on when the condition holds; else skips, or fails on CI. Use inside <c>[SkippableFact]</c>.</summary>
    public static void RequireOrSkip(bool isThere, string words)
    {
        if (!isThere) { throw Missing(words); }
    }

    /// <summary>Goes on when the condition holds, else skips, on CI too: for what no package registry has, so that nobody can be asked to install it.</summary>
    public static void SkipUnless(bool isThere, string words)
    {
        if (!isThere) { throw new SkipTestException(words); }
    }

    private static Exception Missing(string words) => IsRequired ? new InvalidOperationException(words + " CI=true: a missing service is a failure.") : new SkipTestException(words);

    private static string? Find(string program) => program.Contains('/', StringComparison.Ordinal)
        ? File.Exists(program) ? program : null
        : (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Concat(["/usr/sbin", "/sbin"]).Where(static f => f.Length > 0).Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);
}
