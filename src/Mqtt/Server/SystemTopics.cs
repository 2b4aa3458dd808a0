using System.Globalization;
using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Server;

/// <summary>Figures of the server as messages under <c>$SYS/broker/</c>, for operators' sessions only.</summary>
internal static class SystemTopics
{
    internal static void Publish(MqttServer server)
    {
        var figures = server.Figures();

        Put("clients/connected", figures.ConnectedSessions);
        Put("clients/total", figures.Sessions);
        Put("connections", figures.Connections);
        Put("messages/received", figures.MessagesIn.Sum());
        Put("messages/sent", figures.MessagesOut.Sum());
        Put("messages/acknowledged", figures.Acknowledged);
        Put("messages/dropped", figures.Dropped.Values.Sum());
        Put("messages/queued", figures.Queued);
        Put("messages/refused", figures.RefusedPublishes);
        Put("bytes/received", figures.BytesIn);
        Put("bytes/sent", figures.BytesOut);
        Put("retained/count", figures.Retained);
        Put("subscriptions/count", figures.Subscriptions);
        Put("acknowledgement/p50us", figures.Latency.Percentile(0.5));
        Put("acknowledgement/p99us", figures.Latency.Percentile(0.99));

        void Put(string name, IFormattable value)
        {
            var topic = "$SYS/broker/" + name;
            var plan = DeliveryPlan.For(server.Subscriptions, System.Text.Encoding.UTF8.GetBytes(topic), durableLane: false);
            if (plan.IsEmpty) { return; }
            var content = EncodedPublish.Encode(topic, System.Text.Encoding.UTF8.GetBytes(value.ToString(null, CultureInfo.InvariantCulture)));
            var message = Message.From(content, topic, QualityOfService.AtMostOnce, false, "", server.Time.GetUtcNow());
            var batch = DeliveryBatch.Rent();
            FanOut.Deliver(server, message, plan, null, batch);
            batch.FlushAndReturn();
        }
    }
}
