using System.Collections.Frozen;

namespace Headwater.Devices.Profiles;

/// <summary>The registers a device of each class may have without anybody entering them. A code that is not here goes to quarantine.</summary>
/// <remarks>
/// Scales are chosen so that the plain JSON forms fit: the plain form carries kWh with decimals, which is a whole number of Wh.
/// Codes: IEC 62056-61 (electricity, A = 1), EN 13757-1 (heat A = 6, gas A = 7, water A = 8).
/// Ceilings are what no such device can show: 10^12 Wh is 100 years at 1 MW.
/// </remarks>
public static class DeviceProfiles
{
    private const long MostEnergy = 1_000_000_000_000;
    private const int QuarterHour = 900;

    private static readonly RegisterProfile[] Electricity =
    [
        new("1-0:1.8.0", "Active energy import", "Wh", 0, 0, MostEnergy),
        new("1-0:2.8.0", "Active energy export", "Wh", 0, 0, MostEnergy),
        new("1-0:1.8.1", "Active energy import, tariff 1", "Wh", 0, 0, MostEnergy),
        new("1-0:1.8.2", "Active energy import, tariff 2", "Wh", 0, 0, MostEnergy),
        new("1-0:1.8.3", "Active energy import, tariff 3", "Wh", 0, 0, MostEnergy),
        new("1-0:1.8.4", "Active energy import, tariff 4", "Wh", 0, 0, MostEnergy),
        new("1-0:3.8.0", "Reactive energy import", "varh", 0, 0, MostEnergy),
        new("1-0:4.8.0", "Reactive energy export", "varh", 0, 0, MostEnergy),
        new("1-0:1.7.0", "Active power import", "W", 0, 0, 1_000_000_000),
        new("1-0:2.7.0", "Active power export", "W", 0, 0, 1_000_000_000),
        new("1-0:16.7.0", "Active power, net", "W", 0, -1_000_000_000, 1_000_000_000),
        new("1-0:32.7.0", "Voltage L1", "V", -1, 0, 10_000_000),
        new("1-0:52.7.0", "Voltage L2", "V", -1, 0, 10_000_000),
        new("1-0:72.7.0", "Voltage L3", "V", -1, 0, 10_000_000),
        new("1-0:31.7.0", "Current L1", "A", -2, 0, 10_000_000),
        new("1-0:51.7.0", "Current L2", "A", -2, 0, 10_000_000),
        new("1-0:71.7.0", "Current L3", "A", -2, 0, 10_000_000),
        new("1-0:13.7.0", "Power factor", "1", -3, -1_000, 1_000),
        new("1-0:14.7.0", "Frequency", "Hz", -2, 0, 10_000),
        new("1-0:1.29.0", "Load profile, import", "Wh", 0, 0, int.MaxValue, QuarterHour),
        new("1-0:2.29.0", "Load profile, export", "Wh", 0, 0, int.MaxValue, QuarterHour),
    ];

    private static readonly RegisterProfile[] Water =
    [
        new("8-0:1.0.0", "Water volume", "m3", -3, 0, MostEnergy),
        new("8-0:2.0.0", "Water flow", "m3/h", -3, -1_000_000_000, 1_000_000_000),
    ];

    private static readonly RegisterProfile[] Gas =
    [
        new("7-0:3.0.0", "Gas volume", "m3", -3, 0, MostEnergy),
        new("7-0:43.0.0", "Gas flow", "m3/h", -3, 0, 1_000_000_000),
    ];

    private static readonly RegisterProfile[] Heat =
    [
        new("6-0:1.0.0", "Heat energy", "Wh", 3, 0, MostEnergy),
        new("6-0:2.0.0", "Heat carrier volume", "m3", -3, 0, MostEnergy),
        new("6-0:8.0.0", "Heat power", "W", 0, -1_000_000_000, 1_000_000_000),
        new("6-0:10.0.0", "Flow temperature", "Cel", -2, -10_000, 50_000),
        new("6-0:11.0.0", "Return temperature", "Cel", -2, -10_000, 50_000),
    ];

    private static readonly FrozenDictionary<(DeviceClass, string), RegisterProfile> ByClassAndObis = Enum.GetValues<DeviceClass>()
        .SelectMany(static c => Of(c).Select(r => KeyValuePair.Create((c, r.Obis), r)))
        .ToFrozenDictionary();

    private static readonly FrozenDictionary<string, string> Names = new[] { Electricity, Water, Gas, Heat }.SelectMany(static t => t)
        .ToFrozenDictionary(static r => r.Obis, static r => r.Name, StringComparer.Ordinal);

    /// <summary>All registers a class may have; empty for concentrators and gateways.</summary>
    public static IReadOnlyList<RegisterProfile> Of(DeviceClass deviceClass) => deviceClass switch
    {
        DeviceClass.ElectricityMeter => Electricity,
        DeviceClass.WaterMeter => Water,
        DeviceClass.GasMeter => Gas,
        DeviceClass.HeatMeter => Heat,
        _ => [],
    };

    /// <summary>The register of a class by its code, or null when the class has none such.</summary>
    public static RegisterProfile? Find(DeviceClass deviceClass, string obis) =>
        ByClassAndObis.TryGetValue((deviceClass, obis), out var found) ? found : null;

    /// <summary>The quantity's name in words, or the code itself when unknown.</summary>
    public static string NameOf(string obis) => Names.GetValueOrDefault(obis, obis);
}
