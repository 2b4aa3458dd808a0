using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Headwater.Devices.Uplink;
using Headwater.Mqtt;
using Headwater.Mqtt.Packets;
using NodaTime;
using NodaTime.Text;

namespace Headwater.Simulator.Load;

/// <summary>A PUBLISH packet of one connection, built once; of each copy only packet id, time, value and meter number are written anew.</summary>
/// <remarks>All of these have a fixed number of digits, so every copy has the same length.</remarks>
internal sealed class PublishTemplate
{
    private const int TimeLength = 24; // 2026-11-20T10:15:00.000Z
    private const long FirstValue = 10_000_000; // eight digits, as Wh or as 10000.000 kWh
    private const int MeterDigits = 3;

    private static readonly InstantPattern Milliseconds = InstantPattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm':'ss'.'fff'Z'");

    private readonly byte[] _packet;
    private readonly int _packetIdAt;
    private readonly int _timeAt;
    private readonly int _valueAt;
    private readonly int _valueDigits;
    private readonly bool _valueHasPoint;
    private readonly int _meterAt;
    private readonly int _meters;
    private readonly long _startMilliseconds;
    private readonly long _stepMilliseconds;

    private long _day = long.MinValue; // days since 1970 whose date stands in the packet

    internal PublishTemplate(LoadPlan plan, int connection)
    {
        var client = plan.ClientId(connection);
        _meters = plan.MetersPerConnection;
        var device = _meters == 1 ? client : client + "-000";
        var time = Milliseconds.Format(plan.Start);
        _startMilliseconds = plan.Start.ToUnixTimeMilliseconds();
        _stepMilliseconds = (long)plan.Step.TotalMilliseconds * (plan.Form == LoadForm.Profile ? 96 : 1);
        var names = plan.MetersPerConnection > 1 ? $"\"device\":\"{device}\"," : "";
        var (topic, payload, value) = plan.Form switch
        {
            LoadForm.Plain => (TopicScheme.Plain, $$"""{"meter_id":"{{device}}","reading":10000.000,"created_at":"{{time}}"}""", "10000.000"),
            LoadForm.Read => (TopicScheme.Read(client), $$"""{"sentAt":"{{Milliseconds.Format(plan.Start)[..19]}}Z","reads":[{{{names}}"obis":"1-0:1.8.0","at":"{{time}}","value":10000000}]}""", "10000000"),
            _ => (TopicScheme.Profile(client), Profile(plan, names, time), "1000"),
        };
        if (plan.Mode == LoadMode.Fanout) { topic = FanoutTopic; }
        topic = plan.Topic ?? topic;
        var output = new ArrayBufferWriter<byte>();
        EncodedPublish.Encode(topic, Encoding.UTF8.GetBytes(payload)).Write(output, new PublishStamp
        {
            Version = ProtocolVersion.V311,
            QualityOfService = plan.QualityOfService,
            PacketId = plan.QualityOfService == QualityOfService.AtMostOnce ? (ushort)0 : (ushort)1,
        });
        _packet = output.WrittenSpan.ToArray();
        var payloadAt = _packet.Length - Encoding.UTF8.GetByteCount(payload);
        _packetIdAt = plan.QualityOfService == QualityOfService.AtMostOnce ? -1 : payloadAt - 2;
        var body = _packet.AsSpan(payloadAt);
        _timeAt = payloadAt + body.IndexOf(Encoding.UTF8.GetBytes(time));
        _valueAt = payloadAt + body.LastIndexOf(Encoding.UTF8.GetBytes(value));
        _valueDigits = value.Length;
        _valueHasPoint = value.Contains('.', StringComparison.Ordinal);
        _meterAt = _meters == 1 ? -1 : payloadAt + body.IndexOf(Encoding.UTF8.GetBytes(device)) + device.Length - MeterDigits;
    }

    /// <summary>Topic of fan-out runs: no uplink, so that a broker's delivery alone is measured.</summary>
    internal const string FanoutTopic = "bench/fanout";

    /// <summary>Bytes of each copy.</summary>
    internal int Length => _packet.Length;

    /// <summary>Writes the copy with a number; the caller made sure that it fits.</summary>
    internal void Write(Span<byte> output, ushort packetId, long number)
    {
        _packet.CopyTo(output);
        if (_packetIdAt >= 0) { BinaryPrimitives.WriteUInt16BigEndian(output[_packetIdAt..], packetId); }
        var turn = number;
        if (_meterAt >= 0)
        {
            (turn, var meter) = Math.DivRem(number, _meters);
            WriteDigits(output.Slice(_meterAt, MeterDigits), meter);
        }

        WriteTime(output.Slice(_timeAt, TimeLength), _startMilliseconds + (turn * _stepMilliseconds));
        WriteValue(output.Slice(_valueAt, _valueDigits), turn);
    }

    private void WriteTime(Span<byte> output, long milliseconds)
    {
        var (day, rest) = Math.DivRem(milliseconds, 86_400_000L);
        if (day != _day)
        {
            _day = day;
            Encoding.ASCII.GetBytes(Milliseconds.Format(Instant.FromUnixTimeMilliseconds(milliseconds)).AsSpan(0, 10), _packet.AsSpan(_timeAt, 10));
            _packet.AsSpan(_timeAt, 10).CopyTo(output);
        }

        var (seconds, fraction) = Math.DivRem((int)rest, 1_000);
        WriteDigits(output.Slice(11, 2), seconds / 3_600);
        WriteDigits(output.Slice(14, 2), seconds / 60 % 60);
        WriteDigits(output.Slice(17, 2), seconds % 60);
        WriteDigits(output.Slice(20, 3), fraction);
    }

    private void WriteValue(Span<byte> output, long turn)
    {
        if (_valueHasPoint)
        {
            var value = FirstValue + (turn % FirstValue);
            WriteDigits(output[..5], value / 1_000);
            WriteDigits(output[6..], value % 1_000);
        }
        else if (_valueDigits == 8)
        {
            WriteDigits(output, FirstValue + (turn % FirstValue));
        }
        else
        {
            WriteDigits(output, 1_000 + (turn % 9_000));
        }
    }

    private static void WriteDigits(Span<byte> output, long value)
    {
        for (var i = output.Length - 1; i >= 0; i--)
        {
            (value, var digit) = Math.DivRem(value, 10);
            output[i] = (byte)('0' + digit);
        }
    }

    private static string Profile(LoadPlan plan, string names, string start)
    {
        var every = System.Xml.XmlConvert.ToString(plan.Step.ToTimeSpan());
        var values = string.Join(',', Enumerable.Range(0, 95).Select(i => (100 + (i * 7 % 400)).ToString(CultureInfo.InvariantCulture)));
        return $$"""{{{names}}"channel":"1-0:1.29.0","start":"{{start}}","every":"{{every}}","values":[{{values}},1000]}""";
    }
}
