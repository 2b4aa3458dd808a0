using System.Globalization;
using System.Text;
using Headwater.Mqtt;
using Headwater.Mqtt.Client;

namespace EndToEnd.Tests.Faults;

/// <summary>Meters that report without pause and remember exactly what was acknowledged. They reconnect by themselves, as devices do.</summary>
internal sealed class Reporters : IAsyncDisposable
{
    private const int InFlight = 20;

    private readonly List<Reporter> _reporters = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _running = [];
    private readonly List<string> _words = [];
    private long _acknowledged;

    internal Reporters(int port, int count)
    {
        for (var i = 0; i < count; i++)
        {
            _reporters.Add(new Reporter(this, port, i, i % 2 == 0 ? QualityOfService.AtLeastOnce : QualityOfService.ExactlyOnce));
        }
    }

    internal static DateTimeOffset Begin { get; } = new(TimeProvider.System.GetUtcNow().UtcDateTime.Date.AddDays(-30), TimeSpan.Zero);

    /// <summary>Readings acknowledged so far, over all reporters.</summary>
    internal long Acknowledged => Interlocked.Read(ref _acknowledged);

    internal IEnumerable<(string Device, IReadOnlyCollection<int> Numbers)> AcknowledgedByDevice =>
        _reporters.Select(static r => (r.Device, r.Numbers));

    /// <summary>What the reporters saw of their connections, for a failing test.</summary>
    internal string Words
    {
        get { lock (_words) { return string.Join('\n', _words.TakeLast(30)); } }
    }

    internal void Start()
    {
        foreach (var reporter in _reporters) { _running.Add(reporter.RunAsync(_stop.Token)); }
    }

    /// <summary>Waits for an acknowledgement of something sent from now on: beyond all that may be on its way already.</summary>
    internal async Task NextAcknowledgementAsync(TimeSpan bound)
    {
        var before = Acknowledged + (_reporters.Count * InFlight);
        await Headwater.TestKit.Eventually.TrueAsync(() => Acknowledged > before, bound);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running).WaitAsync(TimeSpan.FromSeconds(30));
        foreach (var reporter in _reporters) { await reporter.DisposeAsync(); }
        _stop.Dispose();
    }

    private sealed class Reporter : IAsyncDisposable
    {
        private readonly Reporters _all;
        private readonly MqttClient _client;
        private readonly QualityOfService _quality;
        private readonly HashSet<int> _numbers = [];
        private int _next;

        internal Reporter(Reporters all, int port, int index, QualityOfService quality)
        {
            _all = all;
            _quality = quality;
            Device = string.Create(CultureInfo.InvariantCulture, $"fault-{index}-qos{(int)quality}");
            _client = new MqttClient(new MqttClientOptions
            {
                Port = port,
                ClientId = "reporter-" + Device,
                CleanStart = false,
                SessionExpiryInterval = 3600,
                MaximumInFlight = InFlight,
                ReconnectDelay = TimeSpan.FromMilliseconds(50),
                MaximumReconnectDelay = TimeSpan.FromMilliseconds(400),
                KeepAlive = 10,
            })
            {
                StateChanged = (_, state, reason) =>
                {
                    lock (all._words) { all._words.Add($"{Device}: {state} {reason}"); }
                },
            };
        }

        internal string Device { get; }

        internal IReadOnlyCollection<int> Numbers
        {
            get { lock (_numbers) { return [.. _numbers]; } }
        }

        internal async Task RunAsync(CancellationToken stop)
        {
            _client.Start();
            var lanes = Enumerable.Range(0, InFlight).Select(_ => LaneAsync(stop));
            await Task.WhenAll(lanes);
        }

        public ValueTask DisposeAsync() => _client.DisposeAsync();

        private async Task LaneAsync(CancellationToken stop)
        {
            await Task.Yield();
            while (!stop.IsCancellationRequested)
            {
                var number = Interlocked.Increment(ref _next);
                var payload = string.Create(
                    CultureInfo.InvariantCulture,
                    $$"""{"meter_id":"{{Device}}","reading":{{number}},"created_at":"{{Begin.AddSeconds(number):yyyy-MM-ddTHH:mm:ssZ}}"}""");
                try
                {
                    var result = await _client.PublishAsync("smart_meter/meter_readings", Encoding.UTF8.GetBytes(payload), _quality, cancellationToken: stop);
                    if (!result.IsSuccess) { throw new InvalidOperationException($"{Device}: {result.Reason} {result.ReasonString}"); }
                }
                catch (OperationCanceledException)
                {
                    return; // stopped while waiting: this one was not acknowledged
                }

                lock (_numbers) { _numbers.Add(number); }
                Interlocked.Increment(ref _all._acknowledged);
            }
        }
    }
}
