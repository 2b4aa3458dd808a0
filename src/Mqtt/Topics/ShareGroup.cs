namespace Headwater.Mqtt.Topics;

/// <summary>Members of one shared subscription, of which each message goes to one.</summary>
/// <typeparam name="TSubscriber">Session or other receiver; compared by reference.</typeparam>
/// <remarks>MQTT 5.0 section 4.8.2.</remarks>
public sealed class ShareGroup<TSubscriber>
    where TSubscriber : class
{
    private readonly SubscriptionSlots<TSubscriber> _members = new();
    private int _turn;

    internal ShareGroup(string name) => Name = name;

    /// <summary>Share name.</summary>
    public string Name { get; }

    /// <summary>Members at this moment.</summary>
    public int Count => _members.Count;

    internal SubscriptionSlots<TSubscriber> Members => _members;

    /// <summary>Picks the member for one message: round robin over those the predicate takes, else over all.</summary>
    /// <param name="isPreferred">True for a member that can receive at once, e.g. is connected.</param>
    /// <returns>Null when there is no member any more.</returns>
    public Subscription<TSubscriber>? Pick(Func<TSubscriber, bool> isPreferred)
    {
        ArgumentNullException.ThrowIfNull(isPreferred);
        var slots = _members.Snapshot;
        var start = (int)((uint)Interlocked.Increment(ref _turn) % (uint)slots.Length);
        Subscription<TSubscriber>? fallback = null;
        for (var i = 0; i < slots.Length; i++)
        {
            var at = start + i;
            var member = Volatile.Read(ref slots[at < slots.Length ? at : at - slots.Length]);
            if (member is null)
            {
                continue;
            }

            if (isPreferred(member.Subscriber))
            {
                // The turn passes to the one after: a hole must not give its successor two turns in every round.
                if (i > 0)
                {
                    Interlocked.Add(ref _turn, i);
                }

                return member;
            }

            fallback ??= member;
        }

        return fallback;
    }
}
