namespace Headwater.Mqtt.Topics;

/// <summary>Takes what a topic matches; a struct, so that matching allocates nothing.</summary>
/// <typeparam name="TSubscriber">Session or other receiver.</typeparam>
public interface ISubscriptionCollector<TSubscriber>
    where TSubscriber : class
{
    /// <summary>A subscription of its own. One subscriber comes once for each of its filters that match.</summary>
    /// <param name="subscription">May be kept.</param>
    void Add(Subscription<TSubscriber> subscription);

    /// <summary>A shared subscription: one member is picked for each message, so the group, not the member, is cached.</summary>
    /// <param name="group">May be kept while the tree's version stays.</param>
    void Add(ShareGroup<TSubscriber> group);
}
