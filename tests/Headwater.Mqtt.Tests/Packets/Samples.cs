namespace Headwater.Mqtt.Tests.Packets;

/// <summary>One or more right packets of every type: the ground that cuts, segments and mutations start from.</summary>
internal static class Samples
{
    internal static readonly (ProtocolVersion Version, byte[] Packet)[] All = Build();

    private static (ProtocolVersion Version, byte[] Packet)[] Build()
    {
        (byte Version, string Notation)[] notations =
        [
            (4, "10 * s:MQTT 04 02 003C s:meter_3105"),
            (4, "10 * s:MQTT 04 EE 003C s:meter_3105 s:hw/v1/m/up/state s:offline s:user s:secret"),
            (5, "10 * s:MQTT 05 F6 003C p( 11 00000E10 21 0014 27 00010000 22 000A 19 01 17 00 26 s:a s:b 15 s:SCRAM 16 0002 0102 ) s:c p( 18 00000005 01 01 02 00000010 03 s:text 08 s:r 09 0001 FF 26 s:k s:v ) s:w s:gone s:user s:pass"),
            (4, "20 02 01 00"),
            (5, "20 * 00 00 p( 11 00000001 21 000A 24 01 25 00 27 00001000 12 s:id 22 0005 1F s:why 26 s:a s:b 28 00 29 00 2A 00 13 001E 1A s:info 1C s:other 15 s:m 16 0001 00 )"),
            (4, "30 * s:a/b 'hello'"),
            (4, "3B * s:smart_meter/meter_readings 1234 '{}'"),
            (5, "3D * s:a/b FFFF p( 01 01 02 00000E10 23 0001 08 s:r/t 09 0003 010203 26 s:a s:b 26 s:ключ s:값 0B 01 0B FFFFFF7F 03 s:json ) 'hello'"),
            (4, "40 02 0001"),
            (5, "40 * 0001 87 p( 1F s:no 26 s:a s:b )"),
            (5, "50 03 0001 10"),
            (5, "62 * FFFF 92 p( 1F s:gone )"),
            (4, "70 02 0001"),
            (4, "82 * 0001 s:a/b 01 s:c/# 02"),
            (5, "82 * 0001 p( 0B 8001 26 s:a s:b ) s:a/+ 2E s:$share/g/x/# 00"),
            (4, "90 * 0001 00 01 02 80"),
            (5, "90 * 0001 p( 1F s:why ) 00 01 02 87 8F"),
            (4, "A2 * 0001 s:a/b s:#"),
            (5, "A2 * 0001 p( 26 s:a s:b ) s:a s:b/#"),
            (4, "B0 02 0001"),
            (5, "B0 * 0001 p( 1F s:x ) 00 11"),
            (4, "C0 00"),
            (5, "D0 00"),
            (4, "E0 00"),
            (5, "E0 * 8E p( 11 00000000 1F s:why 26 s:a s:b 1C s:there )"),
            (5, "F0 * 18 p( 15 s:SCRAM 16 0001 FF 1F s:go 26 s:a s:b )"),
        ];
        return [.. notations.Select(sample => ((ProtocolVersion)sample.Version, RawPacket.Assemble(sample.Notation)))];
    }
}
