using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Topics;

/// <summary>A subscriber's granted subscription to one filter. Never changed: a new SUBSCRIBE replaces it.</summary>
/// <typeparam name="TSubscriber">Session or other receiver; compared by reference.</typeparam>
/// <remarks>MQTT 5.0 section 3.8.3.1 and 4.8.</remarks>
public sealed class Subscription<TSubscriber>
    where TSubscriber : class
{
    internal Subscription(TSubscriber subscriber, TopicSubscription granted, uint? identifier)
    {
        Subscriber = subscriber;
        Granted = granted;
        Identifier = identifier;
    }

    /// <summary>Who receives.</summary>
    public TSubscriber Subscriber { get; }

    /// <summary>Filter (the share prefix included) and options as granted.</summary>
    public TopicSubscription Granted { get; }

    /// <summary>Filter, the share prefix included.</summary>
    public string Filter => Granted.Filter;

    /// <summary>Highest QoS to deliver with.</summary>
    public QualityOfService QualityOfService => Granted.QualityOfService;

    /// <summary>Not to be sent what the subscriber itself published.</summary>
    public bool NoLocal => Granted.NoLocal;

    /// <summary>The RETAIN flag stays as published.</summary>
    public bool RetainAsPublished => Granted.RetainAsPublished;

    /// <summary>Subscription Identifier; null: none.</summary>
    public uint? Identifier { get; }

    /// <summary>Where it hangs; all four are the tree's, under its write lock.</summary>
    internal SubscriptionNode<TSubscriber>? Node { get; set; }

    internal SubscriptionSlots<TSubscriber>? Slots { get; set; }

    internal int Slot { get; set; }

    internal Subscription<TSubscriber>? Previous { get; set; }

    internal Subscription<TSubscriber>? Next { get; set; }
}
