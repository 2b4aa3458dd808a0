using System.Text;
using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Server;

/// <summary>A topic as one connection knows it: its route, and who subscribes to it.</summary>
internal sealed class CachedRoute(byte[] topicBytes, TopicRoute route, int rightsVersion)
{
    internal byte[] TopicBytes { get; } = topicBytes;

    internal TopicRoute Route { get; set; } = route;

    internal int RightsVersion { get; set; } = rightsVersion;

    /// <summary>Who gets a message on it, as of <see cref="PlanVersion"/> of the subscriptions.</summary>
    internal DeliveryPlan? Plan { get; set; }

    internal long PlanVersion { get; set; } = -1;
}

/// <summary>The routes of one connection's topics, by their bytes. The common case, the topic of the message before, is one comparison.</summary>
/// <remarks>Used by the connection's read loop only. Bounded: when full it is emptied, which costs the next messages one look-up each.</remarks>
internal sealed class RouteCache(MqttServer server, MqttIdentity identity)
{
    private CachedRoute? _last;
    private Dictionary<byte[], CachedRoute>? _others;
    private CachedRoute?[]? _aliases;

    /// <summary>Finds or asks for the route of a topic.</summary>
    /// <param name="topic">Topic name, valid UTF-8 without wildcards.</param>
    /// <returns>Null when the topic is longer or deeper than the limits.</returns>
    internal CachedRoute? Find(ReadOnlySpan<byte> topic)
    {
        var last = _last;
        if (last is not null && topic.SequenceEqual(last.TopicBytes)) { return Fresh(last); }
        if (_others is not null && _others.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(topic, out var known))
        {
            _last = known;
            return Fresh(known);
        }

        return Learn(topic);
    }

    internal CachedRoute? FindAlias(ushort alias)
    {
        var route = _aliases is not null && alias <= _aliases.Length ? _aliases[alias - 1] : null;
        return route is null ? null : Fresh(route);
    }

    internal void SetAlias(ushort alias, CachedRoute route)
    {
        _aliases ??= new CachedRoute?[server.Options.TopicAliasMaximum];
        _aliases[alias - 1] = route;
    }

    private CachedRoute Fresh(CachedRoute route)
    {
        var version = identity.RightsVersion;
        if (route.RightsVersion != version)
        {
            route.RightsVersion = version;
            route.Route = server.RoutePublish(identity, route.Route.Topic);
        }

        return route;
    }

    private CachedRoute? Learn(ReadOnlySpan<byte> topic)
    {
        if (topic.Length > server.Options.TopicLength || TopicName.CountLevels(topic) > server.Options.TopicLevels) { return null; }
        var bytes = topic.ToArray();
        var version = identity.RightsVersion;
        var route = new CachedRoute(bytes, server.RoutePublish(identity, Encoding.UTF8.GetString(bytes)), version);
        if (_last is null)
        {
            _last = route;
            return route;
        }

        _others ??= new Dictionary<byte[], CachedRoute>(TopicBytesComparer.Instance) { [_last.TopicBytes] = _last };
        if (_others.Count >= server.Options.CachedRoutes) { _others.Clear(); }
        _others[bytes] = route;
        _last = route;
        return route;
    }

    /// <summary>Compares topics by their bytes; a span is looked up without an allocation.</summary>
    private sealed class TopicBytesComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        internal static readonly TopicBytesComparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }
    }
}
