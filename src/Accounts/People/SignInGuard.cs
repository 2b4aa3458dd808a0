namespace Headwater.Accounts.People;

/// <summary>Slows guesses: after a few failures an address, or an account, has to wait before the next try is even looked at.</summary>
/// <remarks>The wait doubles from one second. An account waits only for addresses other than the one it last signed in from, so nobody is
/// locked out by a stranger's guesses. The table is bounded; when full, the entries longest at rest are dropped.</remarks>
/// <param name="options">Settings.</param>
/// <param name="time">Clock.</param>
public sealed class SignInGuard(AccountsOptions options, TimeProvider time)
{
    private const int MostEntries = 20_000;
    private static readonly TimeSpan Forgiven = TimeSpan.FromMinutes(15);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Failures> _failures = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> _lastGoodRemote = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>How long this try has to wait; zero when it may be judged now.</summary>
    public TimeSpan WaitFor(string remote, string account)
    {
        lock (_gate)
        {
            var byAddress = Wait("a:" + remote, options.LongestAddressWait);
            var isKnown = _lastGoodRemote.TryGetValue(account, out var good) && string.Equals(good, remote, StringComparison.Ordinal);
            var byAccount = isKnown ? TimeSpan.Zero : Wait("n:" + account, options.LongestAccountWait);
            return byAddress > byAccount ? byAddress : byAccount;
        }
    }

    /// <summary>A try failed.</summary>
    public void Failed(string remote, string account)
    {
        lock (_gate)
        {
            Count("a:" + remote);
            Count("n:" + account);
        }
    }

    /// <summary>A try succeeded: the account is clear. The address stays, else a guesser would clear it with an account of their own.</summary>
    public void Succeeded(string remote, string account)
    {
        lock (_gate)
        {
            _failures.Remove("n:" + account);
            if (_lastGoodRemote.Count >= MostEntries) { _lastGoodRemote.Clear(); }
            _lastGoodRemote[account] = remote;
        }
    }

    private TimeSpan Wait(string key, TimeSpan longest)
    {
        if (!_failures.TryGetValue(key, out var failures)) { return TimeSpan.Zero; }
        var since = time.GetElapsedTime(failures.LastAt);
        if (since >= Forgiven)
        {
            _failures.Remove(key);
            return TimeSpan.Zero;
        }
        if (failures.Count < options.FreeFailures) { return TimeSpan.Zero; }
        var wait = TimeSpan.FromSeconds(Math.Min(Math.Pow(2, Math.Min(failures.Count - options.FreeFailures, 16)), longest.TotalSeconds));
        return wait > since ? wait - since : TimeSpan.Zero;
    }

    private void Count(string key)
    {
        if (!_failures.TryGetValue(key, out var failures))
        {
            if (_failures.Count >= MostEntries)
            {
                foreach (var old in _failures.OrderBy(static f => f.Value.LastAt).Take(MostEntries / 10).Select(static f => f.Key).ToList()) { _failures.Remove(old); }
            }
            _failures[key] = failures = new Failures();
        }
        failures.Count++;
        failures.LastAt = time.GetTimestamp();
    }

    private sealed class Failures
    {
        internal int Count;
        internal long LastAt;
    }
}
