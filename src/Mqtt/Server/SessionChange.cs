namespace Headwater.Mqtt.Server;

/// <summary>One durable change to the broker's own state: sessions, queues, retained messages. Committed by the lane in submission order.</summary>
public abstract record SessionChange;

/// <summary>A session came to be or changed: its head data, replaced as a whole.</summary>
public sealed record SessionSaved(StoredSession Session) : SessionChange;

/// <summary>A session ended: everything under this client id goes.</summary>
/// <param name="ClientId">Client identifier.</param>
public sealed record SessionRemoved(string ClientId) : SessionChange;

/// <summary>Subscriptions of a session, replaced as a whole.</summary>
/// <param name="ClientId">Client identifier.</param>
/// <param name="Subscriptions">All subscriptions now in force.</param>
public sealed record SubscriptionsSaved(string ClientId, IReadOnlyList<StoredSubscription> Subscriptions) : SessionChange;

/// <summary>How far a session has come, packed by the server: acknowledged-through cursor, in-flight packet ids and phases, incoming QoS 2 ids.</summary>
/// <param name="ClientId">Client identifier.</param>
/// <param name="AcknowledgedThrough">Every queued message up to and including this number is done with.</param>
/// <param name="State">Opaque packed state; its first byte is a format version.</param>
public sealed record ProgressSaved(string ClientId, long AcknowledgedThrough, byte[] State) : SessionChange;

/// <summary>A retained message was set, or cleared when <see cref="Message"/> is null.</summary>
/// <param name="Topic">Topic name.</param>
/// <param name="Message">The message, or null to clear.</param>
public sealed record RetainedSaved(string Topic, StoredMessage? Message) : SessionChange;

/// <summary>A message was put into the queues of persistent sessions: stored once, referred to by number.</summary>
/// <param name="Message">The message; its number is larger than any before it.</param>
/// <param name="ClientIds">The sessions whose queues hold it.</param>
/// <param name="Grants">Per session the QoS (bits 0-1), retain-as-published flag (bit 2) and subscription identifiers to stamp.</param>
public sealed record MessageQueued(StoredMessage Message, IReadOnlyList<string> ClientIds, IReadOnlyList<StoredGrant> Grants) : SessionChange;

/// <summary>What a queue entry says besides the message.</summary>
/// <param name="QualityOfService">Level it is delivered at: the lower of publish and subscription.</param>
/// <param name="Retain">RETAIN flag to send.</param>
/// <param name="SubscriptionIdentifiers">MQTT 5 subscription identifiers; empty when none.</param>
public sealed record StoredGrant(QualityOfService QualityOfService, bool Retain, IReadOnlyList<int> SubscriptionIdentifiers);

/// <summary>A message as kept in queues and the retained store.</summary>
/// <param name="Number">Grows by one per stored message over the life of the database; 0 for retained-only messages.</param>
/// <param name="Topic">Topic name.</param>
/// <param name="Payload">Payload bytes.</param>
/// <param name="Properties">Raw MQTT 5 properties to pass on, without message expiry.</param>
/// <param name="QualityOfService">Level it was published at.</param>
/// <param name="Publisher">Client id that published it.</param>
/// <param name="PublishedAt">Arrival.</param>
/// <param name="ExpiresAt">When it is no longer to be delivered, or null.</param>
public sealed record StoredMessage(
    long Number, string Topic, ReadOnlyMemory<byte> Payload, ReadOnlyMemory<byte> Properties, QualityOfService QualityOfService,
    string Publisher, DateTimeOffset PublishedAt, DateTimeOffset? ExpiresAt);

/// <summary>Head data of a session.</summary>
/// <param name="ClientId">Client identifier.</param>
/// <param name="Owner">Owner of the identity that made it (<see cref="MqttIdentity.Owner"/>).</param>
/// <param name="Version">Protocol version of the latest connection.</param>
/// <param name="ExpiryInterval">Session expiry interval in seconds; <see cref="uint.MaxValue"/> never expires; 0 lives as long as the connection.</param>
/// <param name="IsConnected">True while a connection is live: found true after a restart, the server crashed under it.</param>
/// <param name="DisconnectedAt">When the last connection ended; null while connected.</param>
/// <param name="Will">The will message of the live connection or the one still delayed, or null. Wills of sessions that expire with their
/// connection are stored too, so that a retained <c>online</c> cannot lie for ever.</param>
/// <param name="WillDelay">Will delay interval in seconds.</param>
/// <param name="WillRetain">RETAIN flag of the will.</param>
public sealed record StoredSession(
    string ClientId, string Owner, ProtocolVersion Version, uint ExpiryInterval, bool IsConnected, DateTimeOffset? DisconnectedAt,
    StoredMessage? Will, uint WillDelay, bool WillRetain);

/// <summary>One subscription of a session.</summary>
/// <param name="Filter">Topic filter, with <c>$share/group/</c> where shared.</param>
/// <param name="QualityOfService">Granted maximum level.</param>
/// <param name="NoLocal">MQTT 5 No Local.</param>
/// <param name="RetainAsPublished">MQTT 5 Retain As Published.</param>
/// <param name="RetainHandling">MQTT 5 Retain Handling 0 to 2.</param>
/// <param name="SubscriptionIdentifier">MQTT 5 subscription identifier, 0 when none.</param>
public sealed record StoredSubscription(
    string Filter, QualityOfService QualityOfService, bool NoLocal, bool RetainAsPublished, byte RetainHandling, int SubscriptionIdentifier);

/// <summary>A queue entry as it survived.</summary>
/// <param name="ClientId">The session whose queue holds it.</param>
/// <param name="Message">The message.</param>
/// <param name="Grant">How it is to be delivered.</param>
public sealed record StoredQueueEntry(string ClientId, StoredMessage Message, StoredGrant Grant);

/// <summary>The broker's state as it survived a restart.</summary>
/// <param name="Sessions">Head data of all sessions.</param>
/// <param name="Subscriptions">Per client id.</param>
/// <param name="Progress">Per client id.</param>
/// <param name="Queue">Queue entries not yet acknowledged, by client id and message number.</param>
/// <param name="Retained">Retained messages.</param>
/// <param name="LastMessageNumber">Highest message number ever given out.</param>
public sealed record StoredSessions(
    IReadOnlyList<StoredSession> Sessions,
    IReadOnlyDictionary<string, IReadOnlyList<StoredSubscription>> Subscriptions,
    IReadOnlyDictionary<string, ProgressSaved> Progress,
    IReadOnlyList<StoredQueueEntry> Queue,
    IReadOnlyList<StoredMessage> Retained,
    long LastMessageNumber)
{
    /// <summary>Nothing survived, or nothing is kept.</summary>
    public static StoredSessions Empty { get; } = new(
        [], new Dictionary<string, IReadOnlyList<StoredSubscription>>(StringComparer.Ordinal),
        new Dictionary<string, ProgressSaved>(StringComparer.Ordinal), [], [], 0);
}
