namespace House.Tests;

/// <summary>Says a broken rule once and then every place that breaks it, so that one run shows all there is to mend.</summary>
internal static class Rule
{
    internal static void Holds(string rule, IEnumerable<string> violations)
    {
        var places = violations.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        if (places.Count > 0)
        {
            Assert.Fail($"{rule}{Environment.NewLine}  {string.Join(Environment.NewLine + "  ", places)}");
        }
    }
}
