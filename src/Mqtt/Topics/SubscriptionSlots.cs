namespace Headwater.Mqtt.Topics;

/// <summary>Subscriptions to one filter: readers walk a snapshot without a lock, the tree's single writer adds and removes in O(1) amortised.</summary>
/// <remarks>
/// A removed one leaves a hole (null) that readers skip. Nothing is moved inside an array readers may be walking, else
/// one could be missed; holes are closed only by copying into a new array, after at least half of the slots were freed.
/// </remarks>
internal sealed class SubscriptionSlots<TSubscriber>
    where TSubscriber : class
{
    private Subscription<TSubscriber>?[] _slots = new Subscription<TSubscriber>?[1];
    private int _end;

    internal int Count { get; private set; }

    internal Subscription<TSubscriber>?[] Snapshot => Volatile.Read(ref _slots);

    internal void Add(Subscription<TSubscriber> subscription)
    {
        if (_end == _slots.Length)
        {
            CopyTo(Count <= _slots.Length / 2 ? _slots.Length : _slots.Length * 2);
        }

        subscription.Slots = this;
        subscription.Slot = _end;
        Volatile.Write(ref _slots[_end++], subscription);
        Count++;
    }

    internal void Replace(Subscription<TSubscriber> old, Subscription<TSubscriber> subscription)
    {
        subscription.Slots = this;
        subscription.Slot = old.Slot;
        Volatile.Write(ref _slots[old.Slot], subscription);
    }

    internal void Remove(Subscription<TSubscriber> subscription)
    {
        Volatile.Write(ref _slots[subscription.Slot], null);
        Count--;
        if (_slots.Length > 8 && Count < _slots.Length / 4)
        {
            CopyTo(_slots.Length / 2);
        }
    }

    private void CopyTo(int length)
    {
        var copy = new Subscription<TSubscriber>?[length];
        var end = 0;
        foreach (var subscription in _slots)
        {
            if (subscription is not null)
            {
                subscription.Slot = end;
                copy[end++] = subscription;
            }
        }

        _end = end;
        Volatile.Write(ref _slots, copy);
    }
}
