namespace Headwater.Simulator;

/// <summary>A small random stream that gives the same numbers for the same seed on every machine and version.</summary>
/// <remarks>SplitMix64 (Steele, Lea, Flood 2014). A struct of 8 bytes: a fleet holds one per meter, and shapes make one per day on the fly.
/// <see cref="System.Random"/> does not promise its sequence across versions.</remarks>
internal struct SeededRandom
{
    private ulong _state;

    internal SeededRandom(ulong seed) => _state = seed;

    /// <summary>A stream of its own for each combination of keys.</summary>
    internal static SeededRandom Of(ulong seed, ulong first, ulong second = 0)
    {
        var mixed = Mix(seed + 0x9E37_79B9_7F4A_7C15);
        mixed = Mix(mixed ^ (first * 0xBF58_476D_1CE4_E5B9));
        return new SeededRandom(Mix(mixed ^ (second * 0x94D0_49BB_1331_11EB)));
    }

    /// <summary>A stable 64-bit number for a text (FNV-1a), so that a meter keeps its behaviour when the fleet grows.</summary>
    internal static ulong Hash(string text)
    {
        var hash = 0xCBF2_9CE4_8422_2325;
        foreach (var c in text)
        {
            hash = (hash ^ c) * 0x0000_0100_0000_01B3;
        }

        return Mix(hash);
    }

    /// <summary>The next 64 bits.</summary>
    internal ulong Next() => Mix(_state += 0x9E37_79B9_7F4A_7C15);

    /// <summary>Uniform in [0, 1).</summary>
    internal double NextUnit() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [low, high).</summary>
    internal double NextBetween(double low, double high) => low + ((high - low) * NextUnit());

    /// <summary>Uniform in [0, bound).</summary>
    internal long NextBelow(long bound) => (long)Math.BigMul(Next(), (ulong)bound, out _);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }
}
