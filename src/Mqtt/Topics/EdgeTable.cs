using System.Collections.Concurrent;

namespace Headwater.Mqtt.Topics;

/// <summary>The literal steps of a topic tree, all nodes together: (parent, level) leads to a child.</summary>
/// <remarks>
/// One table instead of one dictionary a node: a node with a million children and a million nodes with one child
/// cost the same per edge, a reader takes no lock, and a level is looked up as UTF-8 without making a string.
/// The hash is seeded per process, so that a peer cannot choose colliding levels.
/// </remarks>
internal sealed class EdgeTable<TNode>
    where TNode : class
{
    private readonly ConcurrentDictionary<Edge, TNode> _edges = new(concurrencyLevel: 1, capacity: 31, EdgeComparer.Instance);
    private readonly ConcurrentDictionary<Edge, TNode>.AlternateLookup<Probe> _lookup;

    internal EdgeTable() => _lookup = _edges.GetAlternateLookup<Probe>();

    internal TNode? Find(long parent, ReadOnlySpan<byte> level) => _lookup.TryGetValue(new Probe(parent, level), out var child) ? child : null;

    internal void Add(long parent, byte[] level, TNode child) => _edges[new Edge(parent, level)] = child;

    internal void Remove(long parent, byte[] level) => _edges.TryRemove(new Edge(parent, level), out _);

    private readonly record struct Edge(long Parent, byte[] Level);

    private readonly ref struct Probe(long parent, ReadOnlySpan<byte> level)
    {
        internal long Parent { get; } = parent;

        internal ReadOnlySpan<byte> Level { get; } = level;
    }

    private sealed class EdgeComparer : IEqualityComparer<Edge>, IAlternateEqualityComparer<Probe, Edge>
    {
        internal static readonly EdgeComparer Instance = new();

        public bool Equals(Edge x, Edge y) => x.Parent == y.Parent && x.Level.AsSpan().SequenceEqual(y.Level);

        public int GetHashCode(Edge obj) => Hash(obj.Parent, obj.Level);

        public bool Equals(Probe alternate, Edge other) => alternate.Parent == other.Parent && alternate.Level.SequenceEqual(other.Level);

        public int GetHashCode(Probe alternate) => Hash(alternate.Parent, alternate.Level);

        public Edge Create(Probe alternate) => new(alternate.Parent, alternate.Level.ToArray());

        private static int Hash(long parent, ReadOnlySpan<byte> level)
        {
            var hash = new HashCode();
            hash.Add(parent);
            hash.AddBytes(level);
            return hash.ToHashCode();
        }
    }
}
