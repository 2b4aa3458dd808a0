using System.Text;
using Headwater.Mqtt.Topics;

namespace Headwater.Mqtt.Server;

/// <summary>Retained messages with their bounds.</summary>
internal sealed class RetainedStore(MqttServer server)
{
    private readonly RetainedTree<Message> _tree = new();

    internal int Count => _tree.Count;

    internal long Bytes => _tree.Bytes;

    /// <summary>Keeps or, when the payload is empty, forgets [MQTT-3.3.1-6]. False when a bound refuses it.</summary>
    internal bool Set(Message message)
    {
        var topic = message.Content.Topic.Span;
        if (message.Content.Payload.IsEmpty)
        {
            _tree.Remove(topic);
            return true;
        }

        if (!Takes(message))
        {
            server.Statistics.Dropped(DropReason.RetainedFull);
            if (server.LogBudget.Allows("retained full", out var suppressed)) { server.Logger.RetainedFull(_tree.Count, suppressed); }
            return false;
        }

        _tree.Set(topic, message, message.Weight);
        return true;
    }

    /// <summary>False when a bound refuses the message; a topic that is kept already is always taken.</summary>
    internal bool Takes(Message message) => message.Content.Payload.IsEmpty
        || (_tree.Count < server.Options.RetainedMessages && _tree.Bytes + message.Weight <= server.Options.RetainedBytes)
        || _tree.Get(message.Content.Topic.Span) is not null;

    internal Message? Get(string topic) => _tree.Get(Encoding.UTF8.GetBytes(topic));

    /// <summary>True while exactly this message is the retained one of its topic.</summary>
    internal bool Holds(Message message) => ReferenceEquals(_tree.Get(message.Content.Topic.Span), message);

    internal List<Message> Match(string filter, int atMost)
    {
        var found = new Collector { Found = [], AtMost = atMost, Now = server.Time.GetUtcNow() };
        _tree.Match(Encoding.UTF8.GetBytes(filter), ref found);
        return found.Found;
    }

    private struct Collector : IRetainedCollector<Message>
    {
        internal required List<Message> Found;
        internal required int AtMost;
        internal required DateTimeOffset Now;

        public readonly bool Add(ReadOnlyMemory<byte> topic, Message value)
        {
            if (Found.Count >= AtMost) { return false; }
            if (!value.IsExpired(Now)) { Found.Add(value); }
            return true;
        }
    }
}
