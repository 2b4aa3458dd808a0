using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Headwater.Devices;
using Headwater.Devices.Profiles;
using Headwater.Devices.Uplink;
using Headwater.HeadEnd.Registry;
using Headwater.Metering;
using Headwater.Mqtt.Server;

namespace Headwater.HeadEnd.Ingest;

/// <summary>Turns the uplinks of one run into rows, on the thread that read them. One instance a thread; the result is valid until the next run.</summary>
internal sealed class RunDecoder(
    DeviceRegistry registry, QuarantineBudget budget, IngestOptions options, IngestStatistics statistics, IStoreWindow window)
{
    private readonly UplinkReader _reader = new();
    private readonly RunRows _rows = new();
    private readonly ByteBuffer _messages = new(keep: 1 << 16);
    private PublishRun _run = null!;
    private long _oldest;
    private long _newest;
    private long _ahead;
    private long _spentBytes;
    private int _overQuota;

    /// <summary>Decodes a run. When <see cref="RunRows.Missing"/> is set, something has to be registered first and the run decoded again.</summary>
    internal RunRows Decode(PublishRun run)
    {
        _run = run;
        _rows.Clear();
        _spentBytes = 0;
        _overQuota = 0;
        var arrived = run.ArrivedAtMicroseconds;
        _oldest = Math.Max(arrived - (options.OldestReading.Ticks / 10), window.EarliestMicroseconds);
        _newest = Math.Min(arrived + (options.NewestReading.Ticks / 10), window.LatestMicroseconds);
        _ahead = arrived + (options.ClockAheadAfter.Ticks / 10);
        var items = run.Items;
        var uplinks = 0;
        foreach (ref var item in items)
        {
            if (item.Kind == PublishItemKind.Publish && item.Route is { Verdict: not TopicVerdict.Broker }) { uplinks++; }
        }

        if (uplinks == 0) { return _rows; }
        _messages.Clear();
        string? topic = null;
        long bytes = 0;
        foreach (ref var item in items)
        {
            if (item.Kind != PublishItemKind.Publish || item.Route is not { Verdict: not TopicVerdict.Broker } route) { continue; }
            var payload = run.Bytes.Slice(item.PayloadOffset, item.PayloadLength);
            bytes += payload.Length;
            var first = _rows.Ordinals;
            DecodeItem(ref item, route, payload);
            if (_rows.Ordinals == first)
            {
                // What is beyond the sender's quarantine budget is neither acknowledged nor kept, here as little as there.
                if (item.Outcome == PublishOutcome.OverQuota) { continue; }
                _rows.Ordinals++;
            }

            UplinkLogFormat.WriteMessage(
                _messages, ReferenceEquals(topic, route.Topic) ? null : route.Topic, item.QualityOfService, item.Retain, item.Duplicate, run.Version,
                _rows.Ordinals - first, payload);
            topic = route.Topic;
            _rows.Messages++;
        }

        if (_rows.Missing is not null)
        {
            budget.Adjust(run.Identity.Owner, -_rows.Quarantine.Count, -_spentBytes);
            return _rows;
        }

        if (_rows.Messages > 0)
        {
            UplinkLogFormat.WriteRun(_rows.Log, run.ClientId, run.ConnectionNumber, arrived, _rows.Messages);
            _rows.Log.Append(_messages.Written);
        }

        foreach (var row in _rows.Quarantine) { statistics.AddQuarantined(row.Reason); }
        statistics.AddOverQuota(_overQuota);
        statistics.AddReceived(uplinks, bytes);
        return _rows;
    }

    /// <summary>Asks for a device or register that may be made automatically; the run then waits and is decoded anew.</summary>
    private void Require(UplinkRoute route, string? textId, RegisteredDevice? device, ObisCode? obis)
    {
        if (device is null)
        {
            // A meter speaks for itself only; a concentrator, or a sender bound to no device, may bring new ones.
            if (!options.RegisterUnknownDevices || textId is null || route.Sender is { Class: not DeviceClass.Concentrator }
                || registry.TryGetDevice(textId, out _))
            {
                return;
            }

            Wait(registry.RegisterAutomaticallyAsync(textId, DeviceClass.ElectricityMeter, route.Sender, CancellationToken.None));
        }
        else if (obis is { } code && DeviceProfiles.Find(device.Class, code.ToString()) is { } profile)
        {
            Wait(registry.AddRegisterAsync(device, profile, CancellationToken.None));
        }
    }

    private void Wait(Task task)
    {
        _rows.Missing ??= [];
        if (_rows.Missing.Count == 0 || !ReferenceEquals(_rows.Missing[^1], task)) { _rows.Missing.Add(task); }
    }

    /// <summary>The device an entry speaks of, if this sender may speak for it.</summary>
    private RegisteredDevice? Find(UplinkRoute route, ReadOnlySpan<byte> named, out string? textId)
    {
        textId = null;
        if (named.Length == 0)
        {
            if (LatestOf(route) is { } latest) { return latest; }
            textId = route.DeviceId;
            if (textId.Length == 0)
            {
                textId = null;
                return null;
            }
        }
        else
        {
            if (LatestOf(route) is { } latest && Matches(latest.TextId, named)) { return latest; }
            if (named.Length > UplinkTopic.LongestDeviceId) { return null; }
            Span<char> characters = stackalloc char[UplinkTopic.LongestDeviceId];
            if (!TryAscii(named, characters, out var count) || !UplinkTopic.IsDeviceId(characters[..count])) { return null; }
            textId = characters[..count].ToString();
        }

        RegisteredDevice? device;
        if (route.Sender is { } sender)
        {
            if (!sender.MaySpeakFor(textId, out device)) { return null; }
        }
        else if (!registry.TryGetDevice(textId, out device)) { return null; }

        route.Latest = named.Length == 0 || route.Form == UplinkForm.Plain ? device : route.Latest;
        return device;
    }

    /// <summary>The device last found on a route, unless it has been moved to another carrier since.</summary>
    private static RegisteredDevice? LatestOf(UplinkRoute route) =>
        route.Latest is { } latest && (route.Sender is null || ReferenceEquals(latest, route.Sender) || ReferenceEquals(latest.Carrier, route.Sender)) ? latest : null;

    private static bool TryAscii(ReadOnlySpan<byte> utf8, Span<char> characters, out int count) =>
        Ascii.ToUtf16(utf8, characters, out count) == System.Buffers.OperationStatus.Done;

    private static bool Matches(string textId, ReadOnlySpan<byte> utf8) => Ascii.Equals(utf8, textId);

    private void DecodeItem(ref PublishItem item, TopicRoute topicRoute, ReadOnlySpan<byte> payload)
    {
        item.Outcome = PublishOutcome.Committed;
        item.OutcomeText = null;
        if (topicRoute is not UplinkRoute route || route.Verdict == TopicVerdict.Refused)
        {
            Quarantine(ref item, topicRoute.Topic, null, payload, QuarantineReason.NotAuthorized, "topic: the sender has no right to publish here");
            return;
        }

        if (route.Form > UplinkForm.MeterEvent) { return; } // kept in the log, made into rows by later stages
        var message = _reader.Decode(route.Form, payload);
        var fault = message.Fault;
        RegisteredDevice? device = null;
        for (var i = 0; i < message.ReadCount; i++)
        {
            ref readonly var read = ref message.Reads[i];
            var wrong = AddReading(route, message, in read, i, ref device);
            fault ??= wrong;
        }

        for (var i = 0; i < message.ProfileCount; i++)
        {
            ref readonly var profile = ref message.Profiles[i];
            var wrong = AddProfile(route, message, in profile, i, ref device);
            fault ??= wrong;
        }

        for (var i = 0; i < message.MeterEventCount; i++)
        {
            ref readonly var meterEvent = ref message.MeterEvents[i];
            var wrong = AddMeterEvent(route, message, in meterEvent, ref device);
            fault ??= wrong;
        }

        if (fault is not null) { Quarantine(ref item, route.Topic, device ?? route.Latest ?? route.Sender, payload, fault.Reason, fault.Text); }
    }

    private UplinkFault? AddReading(UplinkRoute route, UplinkMessage message, in SentRead read, int index, ref RegisteredDevice? device)
    {
        var found = Find(route, message.Text(read.Device), out var textId);
        if (found is null)
        {
            Require(route, textId, null, null);
            return Unknown(route, index, "reads");
        }

        device = found;
        if (found.Status != DeviceStatus.Active) { return new UplinkFault(QuarantineReason.DeviceNotActive, $"device: {found.TextId} is {found.Status}"); }
        var register = found.FindRegister(read.Obis);
        if (register is null)
        {
            Require(route, null, found, read.Obis);
            return new UplinkFault(QuarantineReason.UnknownRegister, $"reads[{index}].obis: {found.TextId} has no register {read.Obis}");
        }

        if (JudgeTime(read.At, $"reads[{index}].at") is { } late) { return late; }
        var number = read.Value;
        if (read.Unit != SentUnit.Register && !SentUnits.TryConvert(read.Unit, number, register.Unit, out number))
        {
            return new UplinkFault(QuarantineReason.WrongUnit, $"reads[{index}].u: {read.Unit} does not fit the register's {register.Unit}");
        }

        // Without a unit the number is the register's own integer; with one it is a quantity that the exponent turns into that integer.
        if (!number.TryToInteger(read.Unit == SentUnit.Register ? 0 : register.Exponent, out var value))
        {
            return new UplinkFault(QuarantineReason.NotExact, $"reads[{index}].value: {read.Value} is not a whole number of 10^{register.Exponent} {register.Unit}");
        }

        if (value < register.Minimum || value > register.Maximum)
        {
            return new UplinkFault(QuarantineReason.OutOfRange, $"reads[{index}].value: {value} is outside {register.Minimum} to {register.Maximum}");
        }

        var suspicion = read.At > _ahead ? Suspicion.ClockAhead : Suspicion.None;
        ReadingRow.Write(_rows.Readings.Extend(ReadingRow.Size), found.DeviceId, register.RegisterId, read.At, value, _rows.Ordinals++, (short)suspicion);
        _rows.Registers.Add(register);
        return null;
    }

    private UplinkFault? AddProfile(UplinkRoute route, UplinkMessage message, in SentProfile profile, int index, ref RegisteredDevice? device)
    {
        var found = Find(route, message.Text(profile.Device), out var textId);
        if (found is null)
        {
            Require(route, textId, null, null);
            return Unknown(route, index, "blocks");
        }

        device = found;
        if (found.Status != DeviceStatus.Active) { return new UplinkFault(QuarantineReason.DeviceNotActive, $"device: {found.TextId} is {found.Status}"); }
        var register = found.FindRegister(profile.Channel);
        if (register is null)
        {
            Require(route, null, found, profile.Channel);
            return new UplinkFault(QuarantineReason.UnknownRegister, $"channel: {found.TextId} has no channel {profile.Channel}");
        }

        var end = profile.StartAt + (profile.Count * profile.EverySeconds * UplinkTime.Second);
        if ((JudgeTime(profile.StartAt, "start") ?? JudgeTime(end, "end of the last interval")) is { } late) { return late; }
        var values = message.Values.Slice(profile.FirstValue, profile.Count);
        var packed = new byte[values.Length * 4];
        for (var i = 0; i < values.Length; i++)
        {
            if (values[i] < register.Minimum || values[i] > register.Maximum)
            {
                return new UplinkFault(QuarantineReason.OutOfRange, $"values[{i}]: {values[i]} is outside {register.Minimum} to {register.Maximum}");
            }

            BinaryPrimitives.WriteInt32BigEndian(packed.AsSpan(i * 4), values[i]);
        }

        var statuses = profile.HasStatus ? message.Statuses.Slice(profile.FirstValue, profile.Count).ToArray() : null;
        Span<byte> digest = stackalloc byte[32];
        if (statuses is null) { SHA256.HashData(packed, digest); }
        else { SHA256.HashData([.. packed, .. statuses], digest); }

        _rows.Profiles.Add(new ProfileRow
        {
            Register = register,
            StartAt = profile.StartAt,
            EverySeconds = profile.EverySeconds,
            Count = profile.Count,
            Hash = digest[..16].ToArray(),
            Values = packed,
            Statuses = statuses,
            Ordinal = _rows.Ordinals++,
        });
        return null;
    }

    private UplinkFault? AddMeterEvent(UplinkRoute route, UplinkMessage message, in SentMeterEvent sent, ref RegisteredDevice? device)
    {
        device = Find(route, default, out var textId);
        if (device is null)
        {
            Require(route, textId, null, null);
            return Unknown(route, 0, "event");
        }

        if (device.Status != DeviceStatus.Active) { return new UplinkFault(QuarantineReason.DeviceNotActive, $"device: {device.TextId} is {device.Status}"); }
        if (JudgeTime(sent.At, "at") is { } late) { return late; }
        _rows.MeterEvents.Add(new MeterEventRow
        {
            DeviceId = device.DeviceId,
            At = sent.At,
            Code = Encoding.UTF8.GetString(message.Text(sent.Code)),
            Sequence = sent.Sequence,
            Data = Encoding.UTF8.GetString(message.Text(sent.Data)),
            Ordinal = _rows.Ordinals++,
        });
        return null;
    }

    private UplinkFault? JudgeTime(long at, string field)
    {
        if (at >= _oldest && at <= _newest) { return null; }
        var arrived = _run.ArrivedAtMicroseconds;
        var inWindow = at >= arrived - (options.OldestReading.Ticks / 10) && at <= arrived + (options.NewestReading.Ticks / 10);
        return inWindow
            ? new UplinkFault(QuarantineReason.OutsideRetention, $"{field}: {UplinkTime.Format(at)} is outside what the store keeps")
            : new UplinkFault(
                QuarantineReason.TimeOutsideWindow,
                $"{field}: {Describe(at)} is more than {options.OldestReading.TotalDays:F0} days before or {options.NewestReading.TotalHours:F0} h after its arrival");
    }

    // A time far outside what a calendar holds must not make the message about it fail.
    private static string Describe(long at) => at is > -62_000_000_000_000_000 and < 250_000_000_000_000_000 ? UplinkTime.Format(at) : "the time";

    private static UplinkFault Unknown(UplinkRoute route, int index, string field) => new(
        QuarantineReason.UnknownDevice,
        route.Form == UplinkForm.Plain
            ? "meter_id: not a device, or not one this sender may report for"
            : $"{field}[{index}].device: not a device, or not one this sender may report for");

    private void Quarantine(ref PublishItem item, string topic, RegisteredDevice? device, ReadOnlySpan<byte> payload, QuarantineReason reason, string detail)
    {
        if (_run is ReplayRun)
        {
            item.Outcome = PublishOutcome.Quarantined;
            item.OutcomeText = detail;
            return; // it is held already
        }

        if (!budget.TrySpend(_run.Identity.Owner, payload.Length))
        {
            item.Outcome = PublishOutcome.OverQuota;
            item.OutcomeText = "The quarantine of this sender is full";
            _overQuota++;
            return;
        }

        item.Outcome = PublishOutcome.Quarantined;
        item.OutcomeText = detail;
        _spentBytes += payload.Length;
        _rows.Quarantine.Add(new QuarantineRow
        {
            ArrivedAt = _run.ArrivedAtMicroseconds,
            ClientId = _run.ClientId,
            Owner = _run.Identity.Owner,
            DeviceId = device?.DeviceId,
            Topic = topic,
            Payload = payload.ToArray(),
            Reason = reason,
            Detail = detail,
            Ordinal = _rows.Ordinals++,
        });
    }
}

/// <summary>The span of time that the store has partitions for, known without asking it.</summary>
public interface IStoreWindow
{
    /// <summary>Earliest time that can be stored, microseconds since 1970.</summary>
    long EarliestMicroseconds { get; }

    /// <summary>Latest time that can be stored, microseconds since 1970.</summary>
    long LatestMicroseconds { get; }
}
