using System.Globalization;
using Headwater.Mqtt.Packets;
using Xunit.Abstractions;

namespace Headwater.Mqtt.Tests.Packets;

public sealed class MutationTests(ITestOutputHelper output)
{
    private const int Mutations = 200_000;

    /// <summary>Bytes that hurt: ends of ranges, separators, wildcards, property identifiers.</summary>
    private static readonly byte[] Sharp = [0, 1, 2, 0x0B, 0x23, 0x26, 0x7F, 0x80, 0x81, 0xC0, 0xED, 0xF4, 0xFF, (byte)'/', (byte)'+', (byte)'#', (byte)'$'];

    [Fact]
    public void No_bytes_throw_when_packets_are_mutated()
    {
        // HEADWATER_FUZZ_SEED repeats a failure.
        var seed = int.TryParse(Environment.GetEnvironmentVariable("HEADWATER_FUZZ_SEED"), NumberStyles.Integer, CultureInfo.InvariantCulture, out var given)
            ? given
            : Environment.TickCount;
        output.WriteLine($"HEADWATER_FUZZ_SEED={seed}");
        var random = new Random(seed);
        var verdicts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < Mutations; i++)
        {
            var (version, packet) = Samples.All[random.Next(Samples.All.Length)];
            var bytes = Mutate(random, packet);
            var spoken = random.Next(4) == 0 ? (version == ProtocolVersion.V5 ? ProtocolVersion.V311 : ProtocolVersion.V5) : version;
            string verdict;
            try
            {
                verdict = RawPacket.Judge(bytes, spoken);
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"seed {seed}, mutation {i}, {spoken}: {Convert.ToHexString(bytes)}", failure);
            }

            verdicts[verdict] = verdicts.GetValueOrDefault(verdict) + 1;
        }

        output.WriteLine(string.Join(", ", verdicts.Select(pair => $"{pair.Key}: {pair.Value}")));

        // The mutations reach all outcomes, else they prove nothing.
        foreach (var expected in new[] { "ok", "more", "81", "82", "84" })
        {
            verdicts.ShouldContainKey(expected);
        }
    }

    private static byte[] Mutate(Random random, byte[] packet)
    {
        // Half of the time the body is changed and the length is right, so that the mutation reaches the packet's own parser.
        var bytes = random.Next(2) == 0 ? [.. packet] : new List<byte>(RawPacket.BodyOf(packet).ToArray());
        var isBody = bytes.Count != packet.Length;
        for (var changes = random.Next(1, 5); changes > 0; changes--)
        {
            var at = bytes.Count == 0 ? 0 : random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0 when bytes.Count > 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when bytes.Count > 0:
                    bytes[at] = Sharp[random.Next(Sharp.Length)];
                    break;
                case 2:
                    bytes.Insert(at, Sharp[random.Next(Sharp.Length)]);
                    break;
                case 3 when bytes.Count > 0:
                    bytes.RemoveRange(at, random.Next(1, bytes.Count - at + 1));
                    break;
                case 4 when bytes.Count > 0:
                    bytes.InsertRange(at, bytes.GetRange(at, random.Next(1, Math.Min(40, bytes.Count - at) + 1)));
                    break;
                default:
                    var other = Samples.All[random.Next(Samples.All.Length)].Packet;
                    bytes.AddRange(other.AsSpan(random.Next(other.Length)).ToArray());
                    break;
            }
        }

        return isBody ? RawPacket.WithBody(packet[0], [.. bytes]) : [.. bytes];
    }
}
