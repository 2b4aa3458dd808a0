namespace Headwater.TestKit;

/// <summary>A clock that moves only when told. Timers and <c>Task.Delay</c> with this provider fire inside <see cref="Advance"/>, in the order they are due.</summary>
public sealed class FakeTimeProvider : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<FakeTimer> _timers = [];
    private DateTimeOffset _now;

    /// <summary>A clock at 2026-11-20 00:00 UTC, or at another start.</summary>
    public FakeTimeProvider(DateTimeOffset? start = null) => _now = start ?? new DateTimeOffset(2026, 11, 20, 0, 0, 0, TimeSpan.Zero);

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>Timers waiting: to see that something has come to wait before the clock is moved.</summary>
    public int ActiveTimers
    {
        get
        {
            lock (_gate) { return _timers.Count; }
        }
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate) { return _now; }
    }

    /// <inheritdoc/>
    public override long GetTimestamp() => GetUtcNow().UtcTicks;

    /// <summary>Moves the clock; every timer due on the way fires at its own instant.</summary>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        AdvanceTo(GetUtcNow() + by);
    }

    /// <summary>Moves the clock to an instant not before now.</summary>
    public void AdvanceTo(DateTimeOffset instant)
    {
        while (true)
        {
            FakeTimer? due;
            lock (_gate)
            {
                due = _timers.Where(t => t.DueAt <= instant).MinBy(static t => t.DueAt);
                if (due is null)
                {
                    _now = instant > _now ? instant : _now;
                    return;
                }
                _now = due.DueAt > _now ? due.DueAt : _now;
                due.Reschedule();
            }
            due.Fire(); // outside the lock: the callback may make timers
        }
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new FakeTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class FakeTimer(FakeTimeProvider clock, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period = Timeout.InfiniteTimeSpan;
        private bool _disposed;

        internal DateTimeOffset DueAt { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var now = false;
            lock (clock._gate)
            {
                if (_disposed) { return false; }
                clock._timers.Remove(this);
                _period = period;
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    DueAt = clock._now + dueTime;
                    now = dueTime == TimeSpan.Zero;
                    if (!now) { clock._timers.Add(this); }
                    else if (HasPeriod) { DueAt += _period; clock._timers.Add(this); }
                }
            }
            if (now) { ThreadPool.QueueUserWorkItem(_ => Fire()); }
            return true;
        }

        public void Dispose()
        {
            lock (clock._gate)
            {
                _disposed = true;
                clock._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        internal void Fire() => callback(state);

        /// <summary>Called under the clock's lock.</summary>
        internal void Reschedule()
        {
            clock._timers.Remove(this);
            if (!HasPeriod) { return; }
            DueAt += _period;
            clock._timers.Add(this);
        }

        private bool HasPeriod => _period != Timeout.InfiniteTimeSpan && _period > TimeSpan.Zero;
    }
}
