namespace Headwater.Simulator.Scenarios;

/// <summary>A register the simulated meters can show.</summary>
/// <param name="Obis">OBIS code.</param>
/// <param name="Exponent">A value is an integer x 10^exponent in the unit.</param>
/// <param name="SenmlUnit">Unit in SenML packs (RFC 8428 section 12.1 and RFC 8798).</param>
internal sealed record RegisterKind(string Obis, int Exponent, string SenmlUnit)
{
    /// <summary>Active energy import, total, in Wh.</summary>
    internal static RegisterKind EnergyImport { get; } = new("1-0:1.8.0", 0, "Wh");

    /// <summary>Active energy export, total, in Wh.</summary>
    internal static RegisterKind EnergyExport { get; } = new("1-0:2.8.0", 0, "Wh");

    /// <summary>Active power import in W.</summary>
    internal static RegisterKind PowerImport { get; } = new("1-0:1.7.0", 0, "W");

    /// <summary>Current of phase 1 in 0.01 A.</summary>
    internal static RegisterKind Current { get; } = new("1-0:31.7.0", -2, "A");

    /// <summary>Voltage of phase 1 in 0.1 V.</summary>
    internal static RegisterKind Voltage { get; } = new("1-0:32.7.0", -1, "V");

    /// <summary>Active energy import per interval in Wh: the channel of load profiles.</summary>
    internal const string ImportChannel = "1-0:1.29.0";

    /// <summary>All of them.</summary>
    internal static IReadOnlyList<RegisterKind> All { get; } = [EnergyImport, EnergyExport, PowerImport, Current, Voltage];
}
