namespace Headwater.Devices;

/// <summary>What kind of thing a device is. Persisted as its number; append-only.</summary>
public enum DeviceClass : short
{
    /// <summary>Meter of electric energy.</summary>
    ElectricityMeter = 1,

    /// <summary>Meter of cold or hot water.</summary>
    WaterMeter = 2,

    /// <summary>Meter of gas.</summary>
    GasMeter = 3,

    /// <summary>Meter of thermal energy.</summary>
    HeatMeter = 4,

    /// <summary>Data concentrator (DCU): speaks for the meters registered under it, has no registers of its own.</summary>
    Concentrator = 5,

    /// <summary>Edge gateway of a battery site.</summary>
    Gateway = 6,
}
