namespace Headwater.HeadEnd.Access;

/// <summary>Whether one topic filter takes in everything another one asks for.</summary>
/// <remarks>MQTT 5.0 section 4.7: <c>+</c> is one level, <c>#</c> the rest and the parent; neither matches a first level that begins with <c>$</c>
/// (4.7.2). A topic name is a filter without wildcards, so the same answer serves publishing.</remarks>
public static class TopicCover
{
    /// <summary>Whether every topic that <paramref name="asked"/> matches is matched by <paramref name="granted"/> too.</summary>
    public static bool Covers(ReadOnlySpan<char> granted, ReadOnlySpan<char> asked)
    {
        if (granted.IsEmpty || asked.IsEmpty) { return false; }
        if (asked[0] == '$' && granted[0] is ('+' or '#')) { return false; }
        while (true)
        {
            var (grantedLevel, grantedRest) = Cut(granted);
            if (grantedLevel is "#") { return true; }
            var (askedLevel, askedRest) = Cut(asked);
            if (askedLevel is "#") { return false; }
            if (grantedLevel is not "+")
            {
                // A wildcard in the request is wider than a literal; a literal must be the same.
                if (askedLevel is "+" || !grantedLevel.SequenceEqual(askedLevel)) { return false; }
            }
            if (askedRest.IsNone) { return grantedRest.IsNone || grantedRest.Text is "#"; }
            if (grantedRest.IsNone) { return false; }
            granted = grantedRest.Text;
            asked = askedRest.Text;
        }
    }

    /// <summary>Whether any of the filters granted takes in what is asked for.</summary>
    public static bool Covers(IReadOnlyList<string> granted, string asked)
    {
        ArgumentNullException.ThrowIfNull(granted);
        for (var i = 0; i < granted.Count; i++)
        {
            if (Covers(granted[i].AsSpan(), asked)) { return true; }
        }
        return false;
    }

    private static Levels Cut(ReadOnlySpan<char> text)
    {
        var slash = text.IndexOf('/');
        return slash < 0 ? new Levels(text, new Rest(default, IsNone: true)) : new Levels(text[..slash], new Rest(text[(slash + 1)..], IsNone: false));
    }

    // An empty level is a level: "a/" has two. So the end is told apart from an empty rest.
    private readonly ref struct Rest(ReadOnlySpan<char> text, bool IsNone)
    {
        public ReadOnlySpan<char> Text { get; } = text;

        public bool IsNone { get; } = IsNone;
    }

    private readonly ref struct Levels(ReadOnlySpan<char> first, Rest rest)
    {
        private readonly ReadOnlySpan<char> _first = first;
        private readonly Rest _rest = rest;

        public void Deconstruct(out ReadOnlySpan<char> first, out Rest rest)
        {
            first = _first;
            rest = _rest;
        }
    }
}
