using System.Buffers;
using Headwater.Devices.Uplink;
using Headwater.Mqtt;
using Headwater.Simulator.Faults;
using Headwater.Simulator.Scenarios;
using NodaTime;

namespace Headwater.Simulator.Fleet;

/// <summary>Packs the readings of one station and instant into messages.</summary>
internal sealed class MessageComposer(MeterGroup group, string stationId)
{
    /// <summary>Most reads in one message: about 40 kB of JSON, well under any server's packet limit.</summary>
    private const int MostReads = 500;

    /// <summary>Most profile values in one message: about 40 kB of JSON.</summary>
    private const int MostValues = 8_000;

    private readonly List<MeterRead> _reads = [];
    private readonly List<MeterRead> _again = [];
    private readonly List<ProfileEntry> _profiles = [];
    private readonly List<ProfileEntry> _profilesAgain = [];
    private readonly bool _namesDevices = group.Concentrator is not null;
    private Instant _due;
    private bool _cut;

    /// <summary>Starts the report of an instant.</summary>
    internal void Begin(Instant due)
    {
        _due = due;
        _cut = false;
        _reads.Clear();
        _again.Clear();
        _profiles.Clear();
        _profilesAgain.Clear();
    }

    /// <summary>Adds what one meter reports.</summary>
    internal void Add(VirtualMeter meter, ReadingFaults faults)
    {
        _cut |= faults.Malformed;
        var again = faults.Duplicate || faults.Conflict;
        if (group.Payload == PayloadForm.Profile)
        {
            // Gaps and spikes of a profile lie in its intervals, not in the message.
            var device = _namesDevices ? meter.Id : null;
            _profiles.Add(meter.Profile(_due, differing: false, device));
            if (again) { _profilesAgain.Add(meter.Profile(_due, faults.Conflict, device)); }
            return;
        }

        if (faults.Gap) { return; }
        meter.Read(_due, faults, differing: false, _reads);
        if (again) { meter.Read(_due, faults, faults.Conflict, _again); }
    }

    /// <summary>The messages of the instant.</summary>
    internal List<OutgoingMessage> End()
    {
        var messages = new List<OutgoingMessage>(1);
        Pack(_reads, messages);
        Pack(_again, messages);
        Pack(_profiles, messages);
        Pack(_profilesAgain, messages);
        if (_cut && messages.Count > 0)
        {
            var whole = messages[0];
            messages[0] = whole with { Payload = whole.Payload[..(whole.Payload.Length / 2)] };
        }

        return messages;
    }

    /// <summary>An event of the station itself.</summary>
    internal OutgoingMessage MeterEvent(string code, Instant at, long sequence)
    {
        var output = new ArrayBufferWriter<byte>(128);
        UplinkWriter.WriteMeterEvent(output, code, at, sequence);
        return new OutgoingMessage(TopicScheme.MeterEvent(stationId), output.WrittenMemory, QualityOfService.AtLeastOnce, false);
    }

    /// <summary>A retained word on the station's state topic.</summary>
    internal OutgoingMessage State(ReadOnlySpan<byte> word) =>
        new(TopicScheme.State(stationId), word.ToArray(), QualityOfService.AtLeastOnce, true);

    private void Pack(List<MeterRead> reads, List<OutgoingMessage> messages)
    {
        if (group.Payload == PayloadForm.Plain)
        {
            foreach (var read in reads)
            {
                messages.Add(Message(TopicScheme.Plain, 96, output => UplinkWriter.WritePlain(output, read.Device, read.Value, read.At)));
            }

            return;
        }

        for (var from = 0; from < reads.Count; from += MostReads)
        {
            var part = reads.Slice(from, Math.Min(MostReads, reads.Count - from));
            messages.Add(Message(TopicScheme.Read(stationId), 96 * part.Count, output =>
            {
                if (group.Payload == PayloadForm.Senml)
                {
                    UplinkWriter.WriteSenml(output, [.. part.Select(r => new SenmlEntry(r.Device, r.Register.Obis, r.At, r.Value, r.Register.Exponent, r.Register.SenmlUnit))]);
                }
                else
                {
                    UplinkWriter.WriteReads(output, _due, [.. part.Select(r => new ReadEntry(r.Register.Obis, r.At, r.Value, _namesDevices ? r.Device : null))]);
                }
            }));
        }
    }

    private void Pack(List<ProfileEntry> profiles, List<OutgoingMessage> messages)
    {
        if (profiles.Count == 0) { return; }
        if (!_namesDevices)
        {
            messages.AddRange(profiles.Select(profile =>
                Message(TopicScheme.Profile(stationId), 128 + (profile.Values.Count * 5), output => UplinkWriter.WriteProfile(output, profile))));
            return;
        }

        var perMessage = Math.Max(1, MostValues / group.ProfileIntervals);
        for (var from = 0; from < profiles.Count; from += perMessage)
        {
            var part = profiles.Slice(from, Math.Min(perMessage, profiles.Count - from));
            messages.Add(Message(TopicScheme.Profile(stationId), part.Count * group.ProfileIntervals * 5, output => UplinkWriter.WriteProfiles(output, part)));
        }
    }

    private OutgoingMessage Message(string topic, int expectedLength, Action<IBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>(expectedLength);
        write(output);
        return new OutgoingMessage(topic, output.WrittenMemory, group.QualityOfService, false);
    }
}
