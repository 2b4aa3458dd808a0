namespace EndToEnd.Tests.Browser;

/// <summary>How a visitor's browser is set.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Theme"><c>light</c> or <c>dark</c>, as the person chose it before.</param>
internal sealed record Look(int Width, int Height, string Theme)
{
    internal static readonly Look Wide = new(1440, 900, "light");
    internal static readonly Look WideDark = new(1440, 900, "dark");
    internal static readonly Look Phone = new(390, 844, "light");

    public override string ToString() => $"{Width} px, {Theme}";
}
