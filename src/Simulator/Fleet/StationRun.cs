using Headwater.Simulator.Links;
using Headwater.Simulator.Scenarios;
using NodaTime;

namespace Headwater.Simulator.Fleet;

/// <summary>Lives one station: waits for its readings, carries them over its link, keeps or opens its connection.</summary>
internal sealed class StationRun(Station station, FleetClock clock, IMeterConnection connection, TimeProvider time)
{
    private readonly List<OutgoingMessage> _gathered = [];
    private SeededRandom _random = SeededRandom.Of(station.Seed, 400);
    private bool _isConnected;

    /// <summary>Runs until the simulated end or until cancelled, then leaves with a DISCONNECT.</summary>
    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (station.Group.Connection == ConnectionHabit.Permanent) { await ConnectAsync(cancellationToken); }
            await LiveAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Asked to stop: leave in order below.
        }
        finally
        {
            await LeaveAsync();
        }
    }

    private async Task LiveAsync(CancellationToken cancellationToken)
    {
        var due = station.NextAfter(clock.Start);
        var nextContact = clock.Start + station.Group.ContactInterval;
        while (!clock.HasEnded(due))
        {
            await UntilAsync(due + station.SendOffset, cancellationToken);
            var report = station.ReportAt(due);
            if (station.Group.Connection == ConnectionHabit.Permanent)
            {
                foreach (var message in report.Messages) { await SendAsync(message, cancellationToken); }
            }
            else
            {
                _gathered.AddRange(report.Messages);
                if (due >= nextContact || report.Outage > Duration.Zero)
                {
                    await HandOverAsync(cancellationToken);
                    nextContact = due + station.Group.ContactInterval;
                }
            }

            var lastSeen = due;
            if (report.Outage > Duration.Zero)
            {
                await FailAsync(due + report.Outage, cancellationToken);
                lastSeen = due + report.Outage;
            }

            due = station.NextAfter(lastSeen);
        }

        if (_gathered.Count > 0) { await HandOverAsync(cancellationToken); }
        if (_isConnected) { await connection.WhenAcknowledgedAsync(cancellationToken); }
    }

    /// <summary>The mains fail: what was sent is on its way, the connection dies, and nothing happens until they are back.</summary>
    private async Task FailAsync(Instant back, CancellationToken cancellationToken)
    {
        if (_isConnected)
        {
            // A last gasp runs on a capacitor: long enough for the event to be acknowledged.
            await connection.WhenAcknowledgedAsync(cancellationToken);
            await connection.CutAsync();
            _isConnected = false;
        }

        await UntilAsync(back, cancellationToken);
        if (station.Group.Connection == ConnectionHabit.Permanent)
        {
            await ConnectAsync(cancellationToken);
            await SendAsync(station.Restoration(back), cancellationToken);
        }
        else
        {
            _gathered.Add(station.Restoration(back));
        }
    }

    private async Task HandOverAsync(CancellationToken cancellationToken)
    {
        await ConnectAsync(cancellationToken);
        foreach (var message in _gathered) { await SendAsync(message, cancellationToken); }
        _gathered.Clear();
        await connection.WhenAcknowledgedAsync(cancellationToken);
        if (station.Group.ReportsState)
        {
            await SendAsync(station.Offline, cancellationToken);
            await connection.WhenAcknowledgedAsync(cancellationToken);
        }

        await connection.DisconnectAsync(cancellationToken);
        _isConnected = false;
    }

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        await connection.ConnectAsync(cancellationToken);
        _isConnected = true;
        if (station.Group.ReportsState) { await SendAsync(station.Online, cancellationToken); }
    }

    private async Task SendAsync(OutgoingMessage message, CancellationToken cancellationToken)
    {
        var link = station.Group.Link;
        if (link != LinkProfile.None)
        {
            // In fast time the link is as much faster as everything else.
            var travel = link.SendTime(message.Topic.Length + message.Payload.Length + 8, ref _random) / clock.Factor;
            if (travel > TimeSpan.Zero) { await Task.Delay(travel, time, cancellationToken); }
        }

        await connection.PublishAsync(message, cancellationToken);
    }

    private async Task UntilAsync(Instant simulated, CancellationToken cancellationToken)
    {
        while (true)
        {
            var wait = clock.RealTimeOf(simulated) - Instant.FromDateTimeOffset(time.GetUtcNow());
            // Timers take whole milliseconds; below one there is nothing to wait for.
            if (wait < Duration.FromMilliseconds(1)) { return; }
            await Task.Delay(wait < LongestWait ? wait.ToTimeSpan() : LongestWait.ToTimeSpan(), time, cancellationToken);
        }
    }

    // A timer takes at most 49 days; waiting in steps also follows a clock that was set.
    private static readonly Duration LongestWait = Duration.FromHours(1);

    private async Task LeaveAsync()
    {
        if (!_isConnected) { return; }
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(3), time);
        try
        {
            // A clean leave publishes no will, so the word offline is said by hand.
            if (station.Group.ReportsState) { await connection.PublishAsync(station.Offline, patience.Token); }
            await connection.WhenAcknowledgedAsync(patience.Token);
            await connection.DisconnectAsync(patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The server is gone or busy; its own will handling says offline.
        }

        _isConnected = false;
    }
}
