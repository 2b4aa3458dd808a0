namespace Headwater.Storage;

/// <summary>Checks settings against their documented ranges and reports all mistakes at once.</summary>
internal sealed class OptionRanges
{
    private readonly List<string> _mistakes = [];

    internal OptionRanges Within<T>(string name, T value, T least, T most)
        where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0) { _mistakes.Add(FormattableString.Invariant($"{name} is {value}, it must be {least} to {most}")); }
        return this;
    }

    /// <exception cref="StoreRefusedException">At least one setting is out of its range.</exception>
    internal void ThrowIfAny()
    {
        if (_mistakes.Count > 0) { throw new StoreRefusedException("Settings of the store are out of their ranges: " + string.Join("; ", _mistakes) + "."); }
    }
}
