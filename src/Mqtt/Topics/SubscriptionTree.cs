using System.Runtime.CompilerServices;
using System.Text;
using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Topics;

/// <summary>Who subscribes to what. Any number of threads match while one changes it; changes wait for each other.</summary>
/// <typeparam name="TSubscriber">Session or other receiver; compared by reference.</typeparam>
/// <remarks>
/// <code>
/// filters without wildcard   one entry each, keyed by the whole filter
/// filters with wildcards     a tree by level: edges (parent, level) in one table, '+' and '#' as fields of the node
/// </code>
/// Invariants: a node without subscription and children does not exist; nothing recurses, so depth costs no stack;
/// a change is visible before <see cref="Version"/> grows, so a match cached under the version read before it is never stale.
/// </remarks>
public sealed class SubscriptionTree<TSubscriber>
    where TSubscriber : class
{
    /// <summary>Levels taken unless told otherwise: far above any topic scheme, far below what makes one filter cost megabytes.</summary>
    public const int DefaultMaximumLevels = 128;

    /// <summary>Larger stacks of a match are not kept for the next one.</summary>
    private const int KeptStackLength = 1024;

    [ThreadStatic]
    private static Step[]? spareStack;

    private readonly Lock _changes = new();
    private readonly int _maximumLevels;
    private readonly SubscriptionNode<TSubscriber> _root = new(0, parent: null, []);
    private readonly EdgeTable<SubscriptionNode<TSubscriber>> _edges = new();
    private readonly EdgeTable<SubscriptionNode<TSubscriber>> _exact = new();
    private readonly Dictionary<(TSubscriber Subscriber, string Filter), Subscription<TSubscriber>> _bySubscriberAndFilter = new(KeyComparer.Instance);
    private readonly Dictionary<TSubscriber, Subscription<TSubscriber>> _firstBySubscriber = new(ReferenceEqualityComparer.Instance);
    private long _version;
    private long _lastNodeId;
    private int _nodeCount;

    /// <summary>An empty tree.</summary>
    /// <param name="maximumLevels">Filters with more levels are refused; 1 to 65,536.</param>
    public SubscriptionTree(int maximumLevels = DefaultMaximumLevels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maximumLevels);
        _maximumLevels = maximumLevels;
    }

    /// <summary>Grows with every change. Read it before <see cref="Match"/> when caching what that gives.</summary>
    public long Version => Volatile.Read(ref _version);

    /// <summary>Subscriptions held.</summary>
    public int Count
    {
        get
        {
            lock (_changes)
            {
                return _bySubscriberAndFilter.Count;
            }
        }
    }

    /// <summary>Nodes held, the root not counted: 0 when there is no subscription.</summary>
    public int NodeCount => Volatile.Read(ref _nodeCount);

    /// <summary>Adds a subscription or replaces the one to the same filter.</summary>
    /// <param name="subscriber">Who receives.</param>
    /// <param name="granted">Filter and options, the QoS as granted.</param>
    /// <param name="identifier">Subscription Identifier; null: none.</param>
    public SubscribeOutcome Subscribe(TSubscriber subscriber, TopicSubscription granted, uint? identifier = null)
    {
        ArgumentNullException.ThrowIfNull(subscriber);
        ArgumentNullException.ThrowIfNull(granted);
        if (!TopicFilter.IsValid(granted.Filter))
        {
            return SubscribeOutcome.Invalid;
        }

        TopicFilter.Split(granted.Filter, out var group, out var inner);
        var filter = Encoding.UTF8.GetBytes(inner);
        if (TopicName.CountLevels(filter) > _maximumLevels)
        {
            return SubscribeOutcome.TooManyLevels;
        }

        var subscription = new Subscription<TSubscriber>(subscriber, granted, identifier);
        lock (_changes)
        {
            var outcome = SubscribeOutcome.Added;
            if (_bySubscriberAndFilter.TryGetValue((subscriber, granted.Filter), out var old))
            {
                outcome = SubscribeOutcome.Replaced;
                subscription.Node = old.Node;
                old.Slots!.Replace(old, subscription);
                Unlink(old);
            }
            else
            {
                var node = TopicFilter.HasWildcard(filter) ? Reach(filter) : ReachExact(filter);
                subscription.Node = node;
                node.SlotsOf(group).Add(subscription);
            }

            _bySubscriberAndFilter[(subscriber, granted.Filter)] = subscription;
            Link(subscription);
            Interlocked.Increment(ref _version);
            return outcome;
        }
    }

    /// <summary>Removes one subscription.</summary>
    /// <param name="subscriber">Whose.</param>
    /// <param name="filter">As subscribed, the share prefix included.</param>
    /// <returns>False when there was none.</returns>
    public bool Unsubscribe(TSubscriber subscriber, string filter)
    {
        lock (_changes)
        {
            if (!_bySubscriberAndFilter.TryGetValue((subscriber, filter), out var subscription))
            {
                return false;
            }

            Remove(subscription);
            Interlocked.Increment(ref _version);
            return true;
        }
    }

    /// <summary>Removes all of a subscriber's subscriptions.</summary>
    /// <param name="subscriber">Whose.</param>
    /// <returns>How many there were.</returns>
    public int RemoveAll(TSubscriber subscriber)
    {
        lock (_changes)
        {
            var removed = 0;
            while (_firstBySubscriber.TryGetValue(subscriber, out var subscription))
            {
                Remove(subscription);
                removed++;
            }

            if (removed > 0)
            {
                Interlocked.Increment(ref _version);
            }

            return removed;
        }
    }

    /// <summary>A subscriber's subscriptions, newest first.</summary>
    /// <param name="subscriber">Whose.</param>
    public IReadOnlyList<Subscription<TSubscriber>> SubscriptionsOf(TSubscriber subscriber)
    {
        lock (_changes)
        {
            var found = new List<Subscription<TSubscriber>>();
            _firstBySubscriber.TryGetValue(subscriber, out var subscription);
            for (; subscription is not null; subscription = subscription.Next)
            {
                found.Add(subscription);
            }

            return found;
        }
    }

    /// <summary>Gives the collector every subscription and share group that the topic reaches. Takes no lock and allocates nothing.</summary>
    /// <typeparam name="TCollector">A struct.</typeparam>
    /// <param name="topicUtf8">Valid topic name.</param>
    /// <param name="collector">Takes the matches.</param>
    public void Match<TCollector>(ReadOnlySpan<byte> topicUtf8, ref TCollector collector)
        where TCollector : ISubscriptionCollector<TSubscriber>, allows ref struct
    {
        if (topicUtf8.IsEmpty)
        {
            return;
        }

        _exact.Find(0, topicUtf8)?.CollectInto(ref collector);
        if (_root.ChildCount == 0)
        {
            return;
        }

        // Taken out of the spare place: a collector that matches again on this thread gets a stack of its own.
        var stack = spareStack ?? new Step[16];
        spareStack = null;
        Walk(topicUtf8, ref stack, ref collector);
        if (stack.Length <= KeptStackLength)
        {
            spareStack = stack;
        }
    }

    /// <summary>Depth first. A step pushes at most two more, so the stack holds at most one more than the topic has levels.</summary>
    private void Walk<TCollector>(ReadOnlySpan<byte> topic, ref Step[] stack, ref TCollector collector)
        where TCollector : ISubscriptionCollector<TSubscriber>, allows ref struct
    {
        var depth = 0;
        stack[depth++] = new Step(_root, 0);
        var reserved = topic[0] == '$';
        while (depth > 0)
        {
            var (node, at) = stack[--depth];
            stack[depth] = default;

            // Leading wildcards do not reach topics that begin with $ [MQTT-4.7.2-1].
            var wildcardsReach = !(reserved && at == 0);
            if (wildcardsReach)
            {
                node.Hash?.CollectInto(ref collector);
            }

            if (at > topic.Length)
            {
                node.CollectInto(ref collector);
                continue;
            }

            var slash = topic[at..].IndexOf((byte)'/');
            var end = slash < 0 ? topic.Length : at + slash;
            if (depth + 2 > stack.Length)
            {
                Array.Resize(ref stack, stack.Length * 2);
            }

            if (wildcardsReach && node.Plus is { } plus)
            {
                stack[depth++] = new Step(plus, end + 1);
            }

            if (_edges.Find(node.Id, topic[at..end]) is { } literal)
            {
                stack[depth++] = new Step(literal, end + 1);
            }
        }
    }

    private SubscriptionNode<TSubscriber> ReachExact(byte[] filter)
    {
        var node = _exact.Find(0, filter);
        if (node is null)
        {
            node = new SubscriptionNode<TSubscriber>(-1, parent: null, filter);
            _exact.Add(0, filter, node);
            _nodeCount++;
        }

        return node;
    }

    private SubscriptionNode<TSubscriber> Reach(ReadOnlySpan<byte> filter)
    {
        var node = _root;
        while (true)
        {
            var slash = filter.IndexOf((byte)'/');
            var level = slash < 0 ? filter : filter[..slash];
            node = Child(node, level);
            if (slash < 0)
            {
                return node;
            }

            filter = filter[(slash + 1)..];
        }
    }

    private SubscriptionNode<TSubscriber> Child(SubscriptionNode<TSubscriber> parent, ReadOnlySpan<byte> level)
    {
        var isPlus = level.SequenceEqual("+"u8);
        var isHash = level.SequenceEqual("#"u8);
        var child = isPlus ? parent.Plus : isHash ? parent.Hash : _edges.Find(parent.Id, level);
        if (child is not null)
        {
            return child;
        }

        child = new SubscriptionNode<TSubscriber>(++_lastNodeId, parent, level.ToArray());
        _nodeCount++;
        parent.ChildCount++;
        if (isPlus)
        {
            parent.Plus = child;
        }
        else if (isHash)
        {
            parent.Hash = child;
        }
        else
        {
            _edges.Add(parent.Id, child.Level, child);
        }

        return child;
    }

    private void Remove(Subscription<TSubscriber> subscription)
    {
        _bySubscriberAndFilter.Remove((subscription.Subscriber, subscription.Filter));
        Unlink(subscription);
        var node = subscription.Node!;
        var slots = subscription.Slots!;
        slots.Remove(subscription);
        if (slots.Count == 0)
        {
            node.Drop(slots);
            Prune(node);
        }
    }

    /// <summary>Takes empty nodes away, from the leaf towards the root.</summary>
    private void Prune(SubscriptionNode<TSubscriber> node)
    {
        while (node.IsEmpty && !ReferenceEquals(node, _root))
        {
            _nodeCount--;
            if (node.Parent is not { } parent)
            {
                _exact.Remove(0, node.Level);
                return;
            }

            parent.ChildCount--;
            if (ReferenceEquals(parent.Plus, node))
            {
                parent.Plus = null;
            }
            else if (ReferenceEquals(parent.Hash, node))
            {
                parent.Hash = null;
            }
            else
            {
                _edges.Remove(parent.Id, node.Level);
            }

            node = parent;
        }
    }

    private void Link(Subscription<TSubscriber> subscription)
    {
        if (_firstBySubscriber.TryGetValue(subscription.Subscriber, out var first))
        {
            first.Previous = subscription;
            subscription.Next = first;
        }

        _firstBySubscriber[subscription.Subscriber] = subscription;
    }

    private void Unlink(Subscription<TSubscriber> subscription)
    {
        if (subscription.Next is { } next)
        {
            next.Previous = subscription.Previous;
        }

        if (subscription.Previous is { } previous)
        {
            previous.Next = subscription.Next;
        }
        else if (subscription.Next is { } second)
        {
            _firstBySubscriber[subscription.Subscriber] = second;
        }
        else
        {
            _firstBySubscriber.Remove(subscription.Subscriber);
        }
    }

    private readonly record struct Step(SubscriptionNode<TSubscriber> Node, int At);

    /// <summary>Subscribers are one when they are the same object, whatever their own equality says.</summary>
    private sealed class KeyComparer : IEqualityComparer<(TSubscriber Subscriber, string Filter)>
    {
        internal static readonly KeyComparer Instance = new();

        public bool Equals((TSubscriber Subscriber, string Filter) x, (TSubscriber Subscriber, string Filter) y) =>
            ReferenceEquals(x.Subscriber, y.Subscriber) && string.Equals(x.Filter, y.Filter, StringComparison.Ordinal);

        public int GetHashCode((TSubscriber Subscriber, string Filter) obj) =>
            HashCode.Combine(RuntimeHelpers.GetHashCode(obj.Subscriber), StringComparer.Ordinal.GetHashCode(obj.Filter));
    }
}
