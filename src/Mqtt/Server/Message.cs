using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Server;

/// <summary>One application message on its way to subscribers, queues and the retained store; shared by all of them.</summary>
internal sealed class Message
{
    /// <summary>What a queued message costs besides its bytes: objects and references, rounded up.</summary>
    private const int Overhead = 128;

    internal required EncodedPublish Content { get; init; }

    internal required string Topic { get; init; }

    internal required QualityOfService QualityOfService { get; init; }

    internal required string Publisher { get; init; }

    internal required bool Retain { get; init; }

    internal required DateTimeOffset PublishedAt { get; init; }

    /// <summary>When it is no longer to be delivered; null: never.</summary>
    internal DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Number in the durable queues; 0 while no queue that survives a restart holds it.</summary>
    internal long Number { get; set; }

    /// <summary>What it counts against queue limits.</summary>
    internal int Weight => Content.Size + Overhead;

    internal static Message From(EncodedPublish content, string topic, QualityOfService level, bool retain, string publisher, DateTimeOffset now) => new()
    {
        Content = content,
        Topic = topic,
        QualityOfService = level,
        Publisher = publisher,
        Retain = retain,
        PublishedAt = now,
        ExpiresAt = content.MessageExpiryInterval is { } seconds ? now.AddSeconds(seconds) : null,
    };

    internal static Message From(StoredMessage stored, bool retain)
    {
        var topic = System.Text.Encoding.UTF8.GetBytes(stored.Topic);
        return new Message
        {
            Content = EncodedPublish.From(topic, stored.Properties.Span, stored.Payload.Span, null),
            Topic = stored.Topic,
            QualityOfService = stored.QualityOfService,
            Publisher = stored.Publisher,
            Retain = retain,
            PublishedAt = stored.PublishedAt,
            ExpiresAt = stored.ExpiresAt,
            Number = stored.Number,
        };
    }

    internal StoredMessage ToStored() =>
        new(Number, Topic, Content.Payload, Content.Properties, QualityOfService, Publisher, PublishedAt, ExpiresAt);

    internal bool IsExpired(DateTimeOffset now) => ExpiresAt is { } end && now >= end;

    /// <summary>Message Expiry Interval to send: what is left, whole seconds, at least 1 [MQTT-3.3.2-6].</summary>
    internal uint? SecondsLeft(TimeProvider time) =>
        ExpiresAt is { } end ? (uint)Math.Clamp(Math.Ceiling((end - time.GetUtcNow()).TotalSeconds), 1, uint.MaxValue) : null;
}
