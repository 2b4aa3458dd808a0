namespace Headwater.Mqtt.Topics;

/// <summary>Takes retained values that a filter matches.</summary>
/// <typeparam name="TValue">What is kept for a topic.</typeparam>
public interface IRetainedCollector<in TValue>
    where TValue : class
{
    /// <summary>One match.</summary>
    /// <param name="topic">UTF-8.</param>
    /// <param name="value">Kept for it.</param>
    /// <returns>False to stop.</returns>
    bool Add(ReadOnlyMemory<byte> topic, TValue value);
}

/// <summary>Topic to value, found by topic or by wildcard filter: the index of retained messages.</summary>
/// <typeparam name="TValue">What is kept for a topic.</typeparam>
/// <remarks>
/// Any number of threads read while one changes it. Children hang in a list that grows at its head; a node taken
/// out keeps its link to the next, so a reader standing on it goes on. Nothing recurses; empty nodes go.
/// MQTT 3.1.1 and 5.0 section 3.3.1.3 and 4.7.
/// </remarks>
public sealed class RetainedTree<TValue>
    where TValue : class
{
    private readonly Lock _changes = new();
    private readonly Node _root = new(0, parent: null, []);
    private readonly EdgeTable<Node> _edges = new();
    private long _lastNodeId;
    private long _bytes;
    private int _count;
    private int _nodeCount;

    /// <summary>Topics that have a value.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Sum of the sizes given with the values, plus their topics, in bytes.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Nodes held, the root not counted: 0 when empty.</summary>
    public int NodeCount => Volatile.Read(ref _nodeCount);

    /// <summary>Keeps a value.</summary>
    /// <param name="topic">Valid topic name, UTF-8.</param>
    /// <param name="value">Replaces the one before.</param>
    /// <param name="size">Bytes it counts.</param>
    /// <returns>The value before, or null.</returns>
    public TValue? Set(ReadOnlySpan<byte> topic, TValue value, int size)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        lock (_changes)
        {
            var node = Reach(topic);
            var before = node.Entry;
            node.Entry = new Entry(before?.Topic ?? topic.ToArray(), value, size);
            _bytes += size - (before?.Size ?? -topic.Length);
            if (before is null)
            {
                _count++;
            }

            return before?.Value;
        }
    }

    /// <summary>Forgets a topic.</summary>
    /// <param name="topic">UTF-8.</param>
    /// <returns>The value it had, or null.</returns>
    public TValue? Remove(ReadOnlySpan<byte> topic)
    {
        lock (_changes)
        {
            if (Find(topic) is not { Entry: { } entry } node)
            {
                return null;
            }

            node.Entry = null;
            _count--;
            _bytes -= entry.Size + entry.Topic.Length;
            Prune(node);
            return entry.Value;
        }
    }

    /// <summary>The value of a topic, or null.</summary>
    /// <param name="topic">UTF-8.</param>
    public TValue? Get(ReadOnlySpan<byte> topic) => Find(topic)?.Entry?.Value;

    /// <summary>Gives the collector every value whose topic the filter reaches; a value set meanwhile may be missed or found.</summary>
    /// <typeparam name="TCollector">A struct.</typeparam>
    /// <param name="filter">Valid filter, UTF-8, without share prefix.</param>
    /// <param name="collector">Takes the matches.</param>
    public void Match<TCollector>(ReadOnlySpan<byte> filter, ref TCollector collector)
        where TCollector : IRetainedCollector<TValue>, allows ref struct
    {
        if (filter.IsEmpty)
        {
            return;
        }

        if (!TopicFilter.HasWildcard(filter))
        {
            if (Find(filter)?.Entry is { } entry)
            {
                collector.Add(entry.Topic, entry.Value);
            }

            return;
        }

        var steps = new Stack<Step>();
        steps.Push(new Step(_root, 0, AndSiblings: false));
        while (steps.TryPop(out var step))
        {
            var (node, at, andSiblings) = step;
            if (andSiblings && node.NextSibling is { } sibling)
            {
                steps.Push(step with { Node = sibling });
            }

            // Leading wildcards do not reach topics that begin with $ [MQTT-4.7.2-1].
            if (andSiblings && ReferenceEquals(node.Parent, _root) && node.Level is [(byte)'$', ..])
            {
                continue;
            }

            if (at > filter.Length)
            {
                if (node.Entry is { } entry && !collector.Add(entry.Topic, entry.Value))
                {
                    return;
                }

                continue;
            }

            var rest = filter[at..];
            if (rest.Length == 1 && rest[0] == '#')
            {
                // '#' stands for this node and all below it.
                if (node.Entry is { } entry && !collector.Add(entry.Topic, entry.Value))
                {
                    return;
                }

                if (node.FirstChild is { } below)
                {
                    steps.Push(new Step(below, at, AndSiblings: true));
                }

                continue;
            }

            var slash = rest.IndexOf((byte)'/');
            var level = slash < 0 ? rest : rest[..slash];
            var next = at + level.Length + 1;
            if (level.Length == 1 && level[0] == '+')
            {
                if (node.FirstChild is { } first)
                {
                    steps.Push(new Step(first, next, AndSiblings: true));
                }
            }
            else if (_edges.Find(node.Id, level) is { } child)
            {
                steps.Push(new Step(child, next, AndSiblings: false));
            }
        }
    }

    private Node? Find(ReadOnlySpan<byte> topic)
    {
        var node = _root;
        while (true)
        {
            var slash = topic.IndexOf((byte)'/');
            var child = _edges.Find(node.Id, slash < 0 ? topic : topic[..slash]);
            if (child is null || slash < 0)
            {
                return child;
            }

            node = child;
            topic = topic[(slash + 1)..];
        }
    }

    private Node Reach(ReadOnlySpan<byte> topic)
    {
        var node = _root;
        while (true)
        {
            var slash = topic.IndexOf((byte)'/');
            var level = slash < 0 ? topic : topic[..slash];
            var child = _edges.Find(node.Id, level);
            if (child is null)
            {
                child = new Node(++_lastNodeId, node, level.ToArray());
                _nodeCount++;
                node.Insert(child);
                _edges.Add(node.Id, child.Level, child);
            }

            node = child;
            if (slash < 0)
            {
                return node;
            }

            topic = topic[(slash + 1)..];
        }
    }

    private void Prune(Node node)
    {
        while (node.Parent is { } parent && node.Entry is null && node.FirstChild is null)
        {
            _nodeCount--;
            _edges.Remove(parent.Id, node.Level);
            parent.TakeOut(node);
            node = parent;
        }
    }

    private sealed record Entry(byte[] Topic, TValue Value, int Size);

    private readonly record struct Step(Node Node, int At, bool AndSiblings);

    private sealed class Node(long id, Node? parent, byte[] level)
    {
        private Node? _firstChild;
        private Node? _nextSibling;
        private Node? _previousSibling;
        private Entry? _entry;

        internal long Id { get; } = id;

        internal Node? Parent { get; } = parent;

        internal byte[] Level { get; } = level;

        internal Node? FirstChild => Volatile.Read(ref _firstChild);

        internal Node? NextSibling => Volatile.Read(ref _nextSibling);

        internal Entry? Entry
        {
            get => Volatile.Read(ref _entry);
            set => Volatile.Write(ref _entry, value);
        }

        internal void Insert(Node child)
        {
            child._nextSibling = _firstChild;
            _firstChild?._previousSibling = child;
            Volatile.Write(ref _firstChild, child);
        }

        /// <summary>The child keeps its own link to the next: a reader may stand on it.</summary>
        internal void TakeOut(Node child)
        {
            if (child._previousSibling is { } previous)
            {
                Volatile.Write(ref previous._nextSibling, child._nextSibling);
            }
            else
            {
                Volatile.Write(ref _firstChild, child._nextSibling);
            }

            child._nextSibling?._previousSibling = child._previousSibling;
        }
    }
}
