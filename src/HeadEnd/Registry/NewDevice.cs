using Headwater.Devices;

namespace Headwater.HeadEnd.Registry;

/// <summary>A device to be added by hand.</summary>
/// <param name="TextId">Text id, see <see cref="DeviceTextId"/>.</param>
/// <param name="Name">What people call it; may be empty.</param>
/// <param name="Class">What kind of thing it is.</param>
/// <param name="TimeZone">IANA time zone of its site.</param>
/// <param name="Carrier">The concentrator it is read through, or null.</param>
public sealed record NewDevice(string TextId, string Name, DeviceClass Class, string TimeZone, RegisteredDevice? Carrier = null);

/// <summary>What is to be changed of a device; null members stay as they are.</summary>
/// <param name="Name">New name.</param>
/// <param name="Status">New status.</param>
/// <param name="TimeZone">New IANA time zone.</param>
public sealed record DeviceChange(string? Name, DeviceStatus? Status, string? TimeZone);

/// <summary>A row of <c>headend.device</c> with its last contact.</summary>
internal sealed record DeviceRow(
    long DeviceId, string TextId, long OrganizationId, DeviceClass Class, DeviceStatus Status, string Name, string TimeZone,
    long LastSeenAt, long LastReadingAt, string? Remote);

/// <summary>A register with one of its versions.</summary>
internal sealed record RegisterRow(
    long DeviceId, long RegisterId, int Version, string Obis, string Unit, short Exponent, long? Minimum, long? Maximum, int? IntervalSeconds);
