using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Server;

/// <summary>How one session gets a message: its overlapping subscriptions made one delivery, at the highest granted QoS, with all their
/// identifiers [MQTT-3.3.4-2].</summary>
internal sealed class DeliveryTarget(Session session, QualityOfService level, bool retainAsPublished, bool noLocal, uint[] identifiers)
{
    internal Session Session { get; } = session;

    internal QualityOfService QualityOfService { get; } = level;

    internal bool RetainAsPublished { get; } = retainAsPublished;

    /// <summary>All of the session's matching subscriptions say No Local.</summary>
    internal bool NoLocal { get; } = noLocal;

    internal uint[] Identifiers { get; } = identifiers;

    /// <summary>What the session gets of its own messages when only some of its subscriptions say No Local; else null.</summary>
    internal DeliveryTarget? Own { get; private init; }

    internal static DeliveryTarget From(Subscription<Session> subscription) => new(
        subscription.Subscriber, subscription.QualityOfService, subscription.RetainAsPublished, subscription.NoLocal,
        subscription.Identifier is { } identifier ? [identifier] : []);

    internal static DeliveryTarget From(IReadOnlyList<Subscription<Session>> overlapping)
    {
        if (overlapping.Count == 1) { return From(overlapping[0]); }
        var own = overlapping.Where(s => !s.NoLocal).ToList();
        return new DeliveryTarget(
            overlapping[0].Subscriber,
            overlapping.Max(s => s.QualityOfService),
            overlapping.Any(s => s.RetainAsPublished),
            own.Count == 0,
            [.. overlapping.Where(s => s.Identifier is not null).Select(s => s.Identifier!.Value)])
        {
            Own = own.Count > 0 && own.Count < overlapping.Count ? From(own) : null,
        };
    }
}

/// <summary>Who gets a message on one topic; immutable, made once per topic and version of the subscriptions.</summary>
internal sealed class DeliveryPlan(DeliveryTarget[] targets, ShareGroup<Session>[] groups, bool durableLane)
{
    internal static DeliveryPlan Nobody { get; } = new([], [], durableLane: false);

    internal DeliveryTarget[] Targets { get; } = targets;

    internal ShareGroup<Session>[] Groups { get; } = groups;

    internal bool IsEmpty => Targets.Length == 0 && Groups.Length == 0;

    /// <summary>True when a queue that survives a restart may be among the targets.</summary>
    internal bool MayBeDurable { get; } = durableLane && (groups.Length > 0 || targets.Any(t => t.QualityOfService != QualityOfService.AtMostOnce && t.Session.IsPersistent));

    internal static DeliveryPlan For(SubscriptionTree<Session> tree, ReadOnlySpan<byte> topic, bool durableLane)
    {
        var found = new Collector();
        tree.Match(topic, ref found);
        if (found.Single is null && found.Many is null && found.Groups is null) { return Nobody; }
        DeliveryTarget[] targets = found.Single is null ? []
            : found.Many is null ? [DeliveryTarget.From(found.Single)]
            : [.. found.Many.GroupBy(s => s.Subscriber, ReferenceEqualityComparer.Instance).Select(g => DeliveryTarget.From(g.ToList()))];
        return new DeliveryPlan(targets, found.Groups is null ? [] : [.. found.Groups], durableLane);
    }

    private struct Collector : ISubscriptionCollector<Session>
    {
        internal Subscription<Session>? Single;
        internal List<Subscription<Session>>? Many;
        internal List<ShareGroup<Session>>? Groups;

        public void Add(Subscription<Session> subscription)
        {
            if (Single is null)
            {
                Single = subscription;
                return;
            }

            (Many ??= [Single]).Add(subscription);
        }

        public void Add(ShareGroup<Session> group) => (Groups ??= []).Add(group);
    }
}
