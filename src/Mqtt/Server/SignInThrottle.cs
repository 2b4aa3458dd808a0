using System.Net;

namespace Headwater.Mqtt.Server;

/// <summary>Slows sign-ins per address and per account after failures, and bounds how many are judged at once.</summary>
/// <remarks>Who guesses is delayed, never the others: an address or account without failures is not looked at twice. The table is bounded;
/// when it is full the entries that have calmed down go first, then the oldest.</remarks>
internal sealed class SignInThrottle : IDisposable
{
    private const int MaximumEntries = 20_000;
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan HalfLife = TimeSpan.FromMinutes(1);
    private readonly MqttServerOptions _options;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Failures> _failures = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _concurrency;

    internal SignInThrottle(MqttServerOptions options, TimeProvider time)
    {
        _options = options;
        _time = time;
        _concurrency = new SemaphoreSlim(options.SignInConcurrency);
    }

    public void Dispose() => _concurrency.Dispose();

    internal Task EnterAsync(CancellationToken cancellationToken) => _concurrency.WaitAsync(cancellationToken);

    internal void Leave() => _concurrency.Release();

    /// <summary>How long this sign-in has to wait before it is judged.</summary>
    internal TimeSpan DelayFor(IPAddress remote, string account)
    {
        lock (_gate)
        {
            if (_failures.Count == 0) { return TimeSpan.Zero; }
            var byAddress = Delay("a:" + remote);
            var byAccount = Delay("n:" + account);
            return byAddress > byAccount ? byAddress : byAccount;
        }
    }

    internal void Failed(IPAddress remote, string account)
    {
        lock (_gate)
        {
            Count("a:" + remote);
            Count("n:" + account);
        }
    }

    /// <summary>A right credential clears the account; the address stays, else a guesser would clear it with an account of its own.</summary>
    internal void Succeeded(string account)
    {
        lock (_gate)
        {
            if (_failures.Count > 0) { _failures.Remove("n:" + account); }
        }
    }

    private TimeSpan Delay(string key)
    {
        if (!_failures.TryGetValue(key, out var failures)) { return TimeSpan.Zero; }
        var steps = Decayed(failures) / _options.SignInFailuresBeforeDelay;
        if (steps < 1) { return TimeSpan.Zero; }
        var delay = FirstDelay * Math.Pow(2, Math.Min(steps - 1, 16));
        return delay < _options.SignInDelayCap ? delay : _options.SignInDelayCap;
    }

    private double Decayed(Failures failures) =>
        failures.Count * Math.Pow(0.5, Math.Floor(_time.GetElapsedTime(failures.LastAt) / HalfLife));

    private void Count(string key)
    {
        if (!_failures.TryGetValue(key, out var failures))
        {
            if (_failures.Count >= MaximumEntries) { MakeRoom(); }
            _failures[key] = failures = new Failures();
        }

        // Capped so that a long attack is forgiven in minutes once it ends.
        failures.Count = Math.Min(Decayed(failures) + 1, _options.SignInFailuresBeforeDelay * 20.0);
        failures.LastAt = _time.GetTimestamp();
    }

    private void MakeRoom()
    {
        foreach (var entry in _failures.Where(f => Decayed(f.Value) < 1).Select(f => f.Key).ToList()) { _failures.Remove(entry); }
        if (_failures.Count < MaximumEntries) { return; }
        foreach (var entry in _failures.OrderBy(f => f.Value.LastAt).Take(MaximumEntries / 10).Select(f => f.Key).ToList())
        {
            _failures.Remove(entry);
        }
    }

    private sealed class Failures
    {
        internal double Count;
        internal long LastAt;
    }
}
