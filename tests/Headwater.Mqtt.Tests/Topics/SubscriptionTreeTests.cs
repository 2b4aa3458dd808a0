using System.Collections.Concurrent;
using System.Text;
using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Tests.Topics;

public sealed class SubscriptionTreeTests
{
    private static readonly string[] Levels = ["a", "b", "c", "", "$x", "é"];

    internal static List<Subscription<object>> Matches(SubscriptionTree<object> tree, string topic)
    {
        var collector = new Collector { Own = [], Groups = [] };
        tree.Match(Encoding.UTF8.GetBytes(topic), ref collector);
        return collector.Own;
    }

    private static List<ShareGroup<object>> Groups(SubscriptionTree<object> tree, string topic)
    {
        var collector = new Collector { Own = [], Groups = [] };
        tree.Match(Encoding.UTF8.GetBytes(topic), ref collector);
        return collector.Groups;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20261120)]
    [InlineData(77)]
    public void Tree_agrees_with_a_naive_model_when_changed_at_random(int seed)
    {
        var random = new Random(seed);
        var tree = new SubscriptionTree<object>();
        var subscribers = Enumerable.Range(0, 12).Select(i => (object)$"s{i}").ToArray();
        var model = new Dictionary<(object, string), TopicSubscription>();
        for (var round = 0; round < 6_000; round++)
        {
            var subscriber = subscribers[random.Next(subscribers.Length)];
            var filter = RandomFilter(random);
            var version = tree.Version;
            switch (random.Next(10))
            {
                case < 6:
                    var granted = new TopicSubscription(filter, (QualityOfService)random.Next(3));
                    tree.Subscribe(subscriber, granted).ShouldBe(
                        model.ContainsKey((subscriber, filter)) ? SubscribeOutcome.Replaced : SubscribeOutcome.Added);
                    model[(subscriber, filter)] = granted;
                    tree.Version.ShouldBeGreaterThan(version);
                    break;
                case < 9:
                    if (model.Count > 0 && random.Next(2) == 0)
                    {
                        (subscriber, filter) = model.Keys.ElementAt(random.Next(model.Count));
                    }

                    tree.Unsubscribe(subscriber, filter).ShouldBe(model.Remove((subscriber, filter)));
                    break;
                default:
                    var mine = model.Keys.Where(key => key.Item1 == subscriber).ToList();
                    tree.SubscriptionsOf(subscriber).Select(s => s.Filter).ShouldBe(mine.Select(key => key.Item2), ignoreOrder: true);
                    tree.RemoveAll(subscriber).ShouldBe(mine.Count);
                    mine.ForEach(key => model.Remove(key));
                    break;
            }

            tree.Count.ShouldBe(model.Count);
            var topic = string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Levels[random.Next(Levels.Length)]));
            if (topic.Length > 0)
            {
                var expected = model.Where(pair => TopicFilter.Matches(pair.Key.Item2, topic))
                    .Select(pair => $"{pair.Key.Item1} {pair.Key.Item2} {pair.Value.QualityOfService}");
                Matches(tree, topic).Select(s => $"{s.Subscriber} {s.Filter} {s.QualityOfService}").ShouldBe(expected, ignoreOrder: true);
            }
        }

        foreach (var subscriber in subscribers)
        {
            tree.RemoveAll(subscriber);
        }

        tree.Count.ShouldBe(0);
        tree.NodeCount.ShouldBe(0);
    }

    [Fact]
    public void Subscription_carries_its_options_when_matched()
    {
        var tree = new SubscriptionTree<object>();
        tree.Subscribe("s", new("a/+", QualityOfService.ExactlyOnce, NoLocal: true, RetainAsPublished: true, RetainHandling.DoNotSend), 268_435_455);
        var found = Matches(tree, "a/b").ShouldHaveSingleItem();
        found.QualityOfService.ShouldBe(QualityOfService.ExactlyOnce);
        found.NoLocal.ShouldBeTrue();
        found.RetainAsPublished.ShouldBeTrue();
        found.Granted.RetainHandling.ShouldBe(RetainHandling.DoNotSend);
        found.Identifier.ShouldBe(268_435_455u);
        tree.Subscribe("s", new("a/+", QualityOfService.AtMostOnce)).ShouldBe(SubscribeOutcome.Replaced);
        Matches(tree, "a/b").ShouldHaveSingleItem().Identifier.ShouldBeNull();
    }

    [Fact]
    public void Filter_is_refused_when_too_deep_or_badly_formed()
    {
        var tree = new SubscriptionTree<object>(maximumLevels: 4);
        tree.Subscribe("s", new("a/b/c/d")).ShouldBe(SubscribeOutcome.Added);
        tree.Subscribe("s", new("a/b/c/d/e")).ShouldBe(SubscribeOutcome.TooManyLevels);
        tree.Subscribe("s", new("$share/g/a/b/c/#")).ShouldBe(SubscribeOutcome.Added);
        tree.Subscribe("s", new("a#")).ShouldBe(SubscribeOutcome.Invalid);
        tree.Count.ShouldBe(2);
    }

    [Fact]
    public void Deepest_topics_are_matched_when_levels_are_not_limited()
    {
        var deepest = new string('/', 65_535);
        var tree = new SubscriptionTree<object>(maximumLevels: 65_536);
        tree.Subscribe("exact", new(deepest));
        tree.Subscribe("plus", new("+" + deepest[1..]));
        tree.Subscribe("hash", new(deepest[1..] + "#"));
        Matches(tree, deepest).Count.ShouldBe(2); // "+///..." has one level less
        tree.RemoveAll("exact");
        tree.RemoveAll("plus");
        tree.RemoveAll("hash");
        tree.NodeCount.ShouldBe(0);

        var retained = new RetainedTree<string>();
        retained.Set(Encoding.UTF8.GetBytes(deepest), "deep", 4);
        RetainedTreeTests.Matches(retained, "#").Count.ShouldBe(1);
        retained.Remove(Encoding.UTF8.GetBytes(deepest)).ShouldBe("deep");
        retained.NodeCount.ShouldBe(0);
    }

    [Fact]
    public void Shared_messages_go_round_when_all_members_are_connected()
    {
        var tree = new SubscriptionTree<object>();
        foreach (var member in new[] { "m1", "m2", "m3" })
        {
            tree.Subscribe(member, new("$share/g/a/#", QualityOfService.AtLeastOnce));
        }

        tree.Subscribe("other", new("$share/h/a/#"));
        tree.Subscribe("own", new("a/#"));
        var groups = Groups(tree, "a/b");
        groups.Select(group => group.Name).ShouldBe(["g", "h"], ignoreOrder: true);
        Matches(tree, "a/b").ShouldHaveSingleItem().Subscriber.ShouldBe("own");
        var group = groups.Single(found => found.Name == "g");
        var picks = Enumerable.Range(0, 9).Select(_ => (string)group.Pick(_ => true)!.Subscriber).ToList();
        picks.GroupBy(name => name, StringComparer.Ordinal).Select(times => times.Count()).ShouldBe([3, 3, 3]);
    }

    [Fact]
    public void Shared_messages_avoid_members_when_they_are_not_connected()
    {
        var tree = new SubscriptionTree<object>();
        foreach (var member in new[] { "m1", "m2", "m3", "m4" })
        {
            tree.Subscribe(member, new("$share/g/a"));
        }

        tree.Unsubscribe("m2", "$share/g/a").ShouldBeTrue();
        var group = Groups(tree, "a").ShouldHaveSingleItem();
        var picks = Enumerable.Range(0, 12).Select(_ => (string)group.Pick(member => (string)member != "m4")!.Subscriber).ToList();
        picks.Count(name => name == "m1").ShouldBe(6);
        picks.Count(name => name == "m3").ShouldBe(6);
        group.Pick(_ => false).ShouldNotBeNull();
        tree.RemoveAll("m1");
        tree.RemoveAll("m3");
        tree.RemoveAll("m4");
        group.Pick(_ => true).ShouldBeNull();
        tree.NodeCount.ShouldBe(0);
    }

    [Fact]
    public void Matching_allocates_nothing_when_the_stack_is_warm()
    {
        var tree = new SubscriptionTree<object>();
        tree.Subscribe("s", new("hw/v1/+/up/read"));
        tree.Subscribe("t", new("hw/v1/meter_1/up/read"));
        tree.Subscribe("u", new("$share/g/hw/#"));
        var topic = "hw/v1/meter_1/up/read"u8;
        var counter = default(Counter);
        tree.Match(topic, ref counter);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            tree.Match(topic, ref counter);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
        counter.Found.ShouldBe(3 * 1_001);
    }

    [Fact]
    public async Task Standing_subscriptions_are_always_found_when_others_come_and_go()
    {
        var tree = new SubscriptionTree<object>();
        tree.Subscribe("stays", new("a/+/c"));
        tree.Subscribe("stays", new("a/b/c"));
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var missed = new ConcurrentQueue<int>();
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                var found = Matches(tree, "a/b/c").Count(s => (string)s.Subscriber == "stays");
                if (found != 2)
                {
                    missed.Enqueue(found);
                }
            }
        })).ToArray();
        var random = new Random(4);
        for (var i = 0; i < 60_000; i++)
        {
            var subscriber = "s" + random.Next(40);
            if (random.Next(3) == 0)
            {
                tree.RemoveAll(string.Intern(subscriber));
            }
            else
            {
                tree.Subscribe(string.Intern(subscriber), new(random.Next(3) switch { 0 => "a/+/c", 1 => "a/b/c", _ => "a/b/#" }));
            }
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers).WaitAsync(TimeSpan.FromSeconds(30));
        missed.ShouldBeEmpty();
    }

    [Fact]
    public void A_hundred_thousand_subscribers_of_one_filter_come_and_go_when_a_fleet_connects()
    {
        var tree = new SubscriptionTree<object>();
        var fleet = Enumerable.Range(0, 100_000).Select(i => (object)i).ToArray();
        foreach (var device in fleet)
        {
            tree.Subscribe(device, new("hw/v1/group/all/down/#"));
        }

        Matches(tree, "hw/v1/group/all/down/command").Count.ShouldBe(100_000);
        foreach (var device in fleet)
        {
            tree.RemoveAll(device).ShouldBe(1);
        }

        tree.NodeCount.ShouldBe(0);
    }

    private static string RandomFilter(Random random)
    {
        while (true)
        {
            var levels = Enumerable.Range(0, random.Next(1, 5))
                .Select(_ => random.Next(4) == 0 ? "+" : Levels[random.Next(Levels.Length)]).ToList();
            if (random.Next(4) == 0)
            {
                levels[^1] = "#";
            }

            var filter = string.Join('/', levels);
            if (filter.Length > 0)
            {
                return filter;
            }
        }
    }

    private struct Collector : ISubscriptionCollector<object>
    {
        public required List<Subscription<object>> Own;
        public required List<ShareGroup<object>> Groups;

        public readonly void Add(Subscription<object> subscription) => Own.Add(subscription);

        public readonly void Add(ShareGroup<object> group) => Groups.Add(group);
    }

    private struct Counter : ISubscriptionCollector<object>
    {
        public int Found;

        public void Add(Subscription<object> subscription) => Found++;

        public void Add(ShareGroup<object> group) => Found++;
    }
}
