using Headwater.Devices.Uplink;
using Headwater.HeadEnd.Registry;

namespace Headwater.HeadEnd.Ingest;

/// <summary>A row of <c>headend.profile_block</c> to be. <see cref="Ordinal"/> is relative to its run until it joins a batch.</summary>
internal sealed class ProfileRow
{
    internal required RegisteredRegister Register { get; init; }
    internal required long StartAt { get; init; }
    internal required int EverySeconds { get; init; }
    internal required int Count { get; init; }
    internal required byte[] Hash { get; init; }
    internal required byte[] Values { get; init; }
    internal required byte[]? Statuses { get; init; }
    internal required int Ordinal { get; set; }
}

/// <summary>A row of <c>headend.meter_event</c> to be.</summary>
internal sealed class MeterEventRow
{
    internal required long DeviceId { get; init; }
    internal required long At { get; init; }
    internal required string Code { get; init; }
    internal required long Sequence { get; init; }
    internal required string Data { get; init; }
    internal required int Ordinal { get; set; }
}

/// <summary>A row of <c>headend.quarantine</c> to be.</summary>
internal sealed class QuarantineRow
{
    internal required long ArrivedAt { get; init; }
    internal required string ClientId { get; init; }
    internal required string Owner { get; init; }
    internal required long? DeviceId { get; init; }
    internal required string Topic { get; init; }
    internal required byte[] Payload { get; init; }
    internal required QuarantineReason Reason { get; init; }
    internal required string Detail { get; init; }
    internal required int Ordinal { get; set; }
}

/// <summary>The rows and log bytes one run makes, gathered on the connection's thread without any lock, then copied into the growing batch.</summary>
internal sealed class RunRows
{
    internal ByteBuffer Readings { get; } = new(keep: 1 << 16);

    internal List<RegisteredRegister> Registers { get; } = [];

    internal List<ProfileRow> Profiles { get; } = [];

    internal List<MeterEventRow> MeterEvents { get; } = [];

    internal List<QuarantineRow> Quarantine { get; } = [];

    internal ByteBuffer Log { get; } = new(keep: 1 << 16);

    /// <summary>Ordinals handed out so far.</summary>
    internal int Ordinals { get; set; }

    /// <summary>Uplinks in the log bytes.</summary>
    internal int Messages { get; set; }

    /// <summary>What must be registered before the run can be decoded; null when nothing is missing.</summary>
    internal List<Task>? Missing { get; set; }

    internal void Clear()
    {
        Readings.Clear();
        Registers.Clear();
        Profiles.Clear();
        MeterEvents.Clear();
        Quarantine.Clear();
        Log.Clear();
        Ordinals = 0;
        Messages = 0;
        Missing = null;
    }
}
