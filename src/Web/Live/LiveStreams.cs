using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Headwater.HeadEnd.Registry;
using Headwater.Mqtt.Server;
using Headwater.Web.Flow;
using Headwater.Web.Security;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Headwater.Web.Live;

/// <summary>What is pushed to open pages: each topic is made once a second for all who look, and only if it changed.</summary>
/// <remarks>A slow page gets the newest state, never a backlog: one slot a topic. Memory: streams x topics x one event.</remarks>
internal sealed class LiveStreams(
    FlowMonitor flow, BrokerFigures broker, DeviceRegistry registry, MqttServer server, WebOptions options, TimeProvider time, ILogger<LiveStreams> logger) : BackgroundService
{
    internal const int MostTopics = 32;
    private readonly ConcurrentDictionary<LiveStream, bool> _streams = new();

    /// <summary>Opens a stream; null when too many are open.</summary>
    internal LiveStream? Open(Caller caller, IReadOnlyList<string> topics)
    {
        if (_streams.Count >= options.LiveStreams) { return null; }
        var stream = new LiveStream(caller, topics);
        _streams[stream] = true;
        foreach (var topic in topics) { Offer(stream, topic, MakeSafely(topic, caller.OrganizationId)); }
        return stream;
    }

    internal void Close(LiveStream stream)
    {
        _streams.TryRemove(stream, out _);
        stream.Tap?.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        try
        {
            while (await tick.WaitForNextTickAsync(stoppingToken)) { Tick(); }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops; the streams end with their requests.
        }
    }

    private void Tick()
    {
        var made = new Dictionary<(string Topic, long Organization), string?>();
        foreach (var stream in _streams.Keys)
        {
            foreach (var topic in stream.Topics)
            {
                if (topic == "messages")
                {
                    OfferMessages(stream);
                    continue;
                }
                var key = (topic, stream.Caller.OrganizationId);
                if (!made.TryGetValue(key, out var data)) { made[key] = data = MakeSafely(topic, key.OrganizationId); }
                Offer(stream, topic, data);
            }
        }
    }

    private static void Offer(LiveStream stream, string topic, string? data)
    {
        if (data is not null) { stream.Offer(topic, data); }
    }

    private void OfferMessages(LiveStream stream)
    {
        stream.Tap ??= server.Tap.Watch();
        var passed = server.Tap.After(stream.LastMessage);
        if (passed.Count == 0) { return; }
        stream.LastMessage = passed[^1].Number;
        stream.Offer("messages", JsonSerializer.Serialize(
            new
            {
                items = passed.TakeLast(100).Select(static m => new
                {
                    at = m.At,
                    clientId = m.ClientId,
                    topic = m.Topic,
                    qos = (int)m.QualityOfService,
                    retain = m.Retain,
                    bytes = m.PayloadLength,
                    payloadText = Words.TextOf(m.Beginning.Span),
                }),
            }, ApiJson.Options));
    }

    private string? MakeSafely(string topic, long organizationId)
    {
        try
        {
            return topic switch
            {
                "overview" => JsonSerializer.Serialize(flow.Latest, ApiJson.Options),
                "broker" => JsonSerializer.Serialize(broker.Read(), ApiJson.Options),
                "quarantine" => JsonSerializer.Serialize(flow.Latest.Quarantine, ApiJson.Options),
                _ when topic.StartsWith("devices:", StringComparison.Ordinal) => Device(topic["devices:".Length..], organizationId),
                _ => null,
            };
        }
        catch (Exception e) when (e is InvalidOperationException or JsonException)
        {
            WebLog.LiveTopicFailed(logger, e, topic);
            return null;
        }
    }

    private string? Device(string id, long organizationId) =>
        registry.TryGetDevice(id, out var device) && device.OrganizationId == organizationId
            ? JsonSerializer.Serialize(
                new { id, connected = device.IsConnected, lastSeenAt = Api.DevicesApi.At(device.LastSeenAt), lastReadingAt = Api.DevicesApi.At(device.LastReadingAt), registersCount = device.Registers.Count, status = device.Status },
                ApiJson.Options)
            : null;
}

/// <summary>One browser's stream.</summary>
internal sealed class LiveStream(Caller caller, IReadOnlyList<string> topics)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, string> _waiting = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _sent = new(StringComparer.Ordinal);
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    internal Caller Caller { get; } = caller;

    internal IReadOnlyList<string> Topics { get; } = topics;

    internal IDisposable? Tap { get; set; }

    internal long LastMessage { get; set; }

    internal void Offer(string topic, string data)
    {
        lock (_gate)
        {
            if (_sent.TryGetValue(topic, out var last) && string.Equals(last, data, StringComparison.Ordinal)) { return; }
            _waiting[topic] = data;
        }
        _signal.Writer.TryWrite(true);
    }

    /// <summary>Waits for something to send; empty when the time ran out.</summary>
    internal async Task<string> NextAsync(TimeSpan longest, TimeProvider time, CancellationToken cancellationToken)
    {
        using var bound = new CancellationTokenSource(longest, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(bound.Token, cancellationToken);
        try
        {
            await _signal.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return string.Empty;
        }
        var text = new StringBuilder();
        lock (_gate)
        {
            foreach (var (topic, data) in _waiting)
            {
                _sent[topic] = data;
                text.Append("event: ").Append(topic).Append("\ndata: ").Append(data).Append("\n\n");
            }
            _waiting.Clear();
        }
        return text.ToString();
    }
}
