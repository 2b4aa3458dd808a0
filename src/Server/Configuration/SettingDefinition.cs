namespace Headwater.Server.Configuration;

/// <summary>One setting of the program: the single place that says its name, default, range and reason.</summary>
/// <param name="Name">Name on the command line without dashes; in <c>headwater.json</c> the same; in the environment <c>HEADWATER_</c> and upper case with underscores.</param>
/// <param name="Default">Default as text; null for none.</param>
/// <param name="Reason">Why that default; shown on the Administration page.</param>
/// <param name="Judge">A sentence when the text is not right, else null.</param>
/// <param name="IsFlag">True: stands alone on the command line and means true.</param>
/// <param name="IsSecret">True: its value is never shown.</param>
internal sealed record SettingDefinition(string Name, string? Default, string Reason, Func<string, string?> Judge, bool IsFlag = false, bool IsSecret = false)
{
    internal string EnvironmentName => "HEADWATER_" + Name.ToUpperInvariant().Replace('-', '_');
}
