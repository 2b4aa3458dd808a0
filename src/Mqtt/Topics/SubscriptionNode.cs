namespace Headwater.Mqtt.Topics;

/// <summary>One level of a filter in the subscription tree, or (outside the tree) one filter without wildcards.</summary>
internal sealed class SubscriptionNode<TSubscriber>
    where TSubscriber : class
{
    /// <summary>Read without lock by matching; written under the tree's lock.</summary>
    private SubscriptionNode<TSubscriber>? _plus;
    private SubscriptionNode<TSubscriber>? _hash;
    private SubscriptionSlots<TSubscriber>? _own;
    private ShareGroup<TSubscriber>[]? _groups;

    internal SubscriptionNode(long id, SubscriptionNode<TSubscriber>? parent, byte[] level)
    {
        Id = id;
        Parent = parent;
        Level = level;
    }

    internal long Id { get; }

    internal SubscriptionNode<TSubscriber>? Parent { get; }

    internal byte[] Level { get; }

    /// <summary>Children of all three kinds.</summary>
    internal int ChildCount { get; set; }

    internal SubscriptionNode<TSubscriber>? Plus
    {
        get => Volatile.Read(ref _plus);
        set => Volatile.Write(ref _plus, value);
    }

    internal SubscriptionNode<TSubscriber>? Hash
    {
        get => Volatile.Read(ref _hash);
        set => Volatile.Write(ref _hash, value);
    }

    internal SubscriptionSlots<TSubscriber>? Own
    {
        get => Volatile.Read(ref _own);
        set => Volatile.Write(ref _own, value);
    }

    internal ShareGroup<TSubscriber>[]? Groups
    {
        get => Volatile.Read(ref _groups);
        set => Volatile.Write(ref _groups, value);
    }

    internal bool IsEmpty => ChildCount == 0 && Own is null && Groups is null;

    internal SubscriptionSlots<TSubscriber> SlotsOf(string? group)
    {
        if (group is null)
        {
            return Own ??= new SubscriptionSlots<TSubscriber>();
        }

        var groups = Groups ?? [];
        foreach (var known in groups)
        {
            if (string.Equals(known.Name, group, StringComparison.Ordinal))
            {
                return known.Members;
            }
        }

        var made = new ShareGroup<TSubscriber>(group);
        Groups = [.. groups, made];
        return made.Members;
    }

    /// <summary>Forgets slots whose last subscription went.</summary>
    internal void Drop(SubscriptionSlots<TSubscriber> slots)
    {
        if (ReferenceEquals(slots, Own))
        {
            Own = null;
            return;
        }

        var left = Array.FindAll(Groups ?? [], group => !ReferenceEquals(group.Members, slots));
        Groups = left.Length == 0 ? null : left;
    }

    internal void CollectInto<TCollector>(ref TCollector collector)
        where TCollector : ISubscriptionCollector<TSubscriber>, allows ref struct
    {
        if (Own is { } own)
        {
            var slots = own.Snapshot;
            for (var i = 0; i < slots.Length; i++)
            {
                if (Volatile.Read(ref slots[i]) is { } subscription)
                {
                    collector.Add(subscription);
                }
            }
        }

        if (Groups is { } groups)
        {
            foreach (var group in groups)
            {
                collector.Add(group);
            }
        }
    }
}
