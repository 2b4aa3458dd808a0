using System.Text;
using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Tests.Topics;

public sealed class RetainedTreeTests
{
    private static readonly string[] Levels = ["a", "b", "", "$x"];

    internal static List<string> Matches(RetainedTree<string> tree, string filter)
    {
        var collector = new Collector { Found = [], Limit = int.MaxValue };
        tree.Match(Encoding.UTF8.GetBytes(filter), ref collector);
        return collector.Found;
    }

    [Fact]
    public void Tree_agrees_with_a_naive_model_when_changed_at_random()
    {
        const int Seed = 11;
        var random = new Random(Seed);
        var tree = new RetainedTree<string>();
        var model = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var round = 0; round < 6_000; round++)
        {
            var topic = string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Levels[random.Next(Levels.Length)]));
            if (topic.Length == 0)
            {
                continue;
            }

            var utf8 = Encoding.UTF8.GetBytes(topic);
            model.TryGetValue(topic, out var before);
            if (random.Next(3) == 0)
            {
                tree.Remove(utf8).ShouldBe(before);
                model.Remove(topic);
            }
            else
            {
                var value = topic + "=" + round;
                tree.Set(utf8, value, value.Length).ShouldBe(before);
                model[topic] = value;
            }

            tree.Get(utf8).ShouldBe(model.GetValueOrDefault(topic));
            tree.Count.ShouldBe(model.Count);
            tree.Bytes.ShouldBe(model.Sum(pair => pair.Key.Length + pair.Value.Length));
            var filter = string.Join('/', topic.Split('/').Select(level => random.Next(3) == 0 ? "+" : level));
            filter = random.Next(3) switch { 0 => filter + "/#", 1 => "#", _ => filter };
            var expected = model.Where(pair => TopicFilter.Matches(filter, pair.Key)).Select(pair => pair.Value).Order(StringComparer.Ordinal);
            string.Join('\n', Matches(tree, filter).Order(StringComparer.Ordinal)).ShouldBe(string.Join('\n', expected), filter);
        }

        foreach (var topic in model.Keys)
        {
            tree.Remove(Encoding.UTF8.GetBytes(topic));
        }

        (tree.Count, tree.Bytes, tree.NodeCount).ShouldBe((0, 0L, 0));
    }

    [Fact]
    public void Match_stops_when_the_collector_has_enough()
    {
        var tree = new RetainedTree<string>();
        for (var i = 0; i < 100; i++)
        {
            tree.Set(Encoding.UTF8.GetBytes($"a/{i}"), "v", 1);
        }

        var collector = new Collector { Found = [], Limit = 7 };
        tree.Match("a/#"u8, ref collector);
        collector.Found.Count.ShouldBe(7);
    }

    private struct Collector : IRetainedCollector<string>
    {
        public required List<string> Found;
        public required int Limit;

        public readonly bool Add(ReadOnlyMemory<byte> topic, string value)
        {
            Found.Add(value);
            return Found.Count < Limit;
        }
    }
}
