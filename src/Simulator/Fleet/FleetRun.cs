using System.Diagnostics;
using System.Globalization;
using Headwater.Simulator.Scenarios;
using NodaTime;

namespace Headwater.Simulator.Fleet;

/// <summary>Runs all stations of a scenario in one process and says every ten seconds how they fare.</summary>
internal sealed class FleetRun(Scenario scenario, ConnectionMaker connect, FleetCounters counters, TimeProvider time, TextWriter output)
{
    private static readonly TimeSpan ProgressEvery = TimeSpan.FromSeconds(10);

    /// <summary>Runs until every station has ended or until cancelled.</summary>
    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        var runs = new List<Task>(scenario.Connections);
        using var progressEnds = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var progress = ReportAsync(progressEnds.Token);
        var now = Instant.FromDateTimeOffset(time.GetUtcNow());
        var clocks = scenario.Groups.ToDictionary(group => group, group => group.Clock.StartedAt(now));
        var pause = TimeSpan.FromSeconds(1.0 / scenario.ConnectsPerSecond);
        var started = time.GetTimestamp();
        foreach (var station in Station.Of(scenario))
        {
            // Paced by the time that should have passed, not by one timer per station, which would be too coarse.
            var early = (pause * runs.Count) - time.GetElapsedTime(started);
            if (early >= TimeSpan.FromMilliseconds(5))
            {
                try { await Task.Delay(early, time, cancellationToken); }
                catch (OperationCanceledException) { break; }
            }

            runs.Add(LiveAsync(station, clocks[station.Group], cancellationToken));
        }

        await Task.WhenAll(runs);
        await progressEnds.CancelAsync();
        await progress;
        await output.WriteLineAsync(Line(counters.Sent, counters.Acknowledged, time.GetElapsedTime(started)) + ", ended");
    }

    private async Task LiveAsync(Station station, FleetClock clock, CancellationToken cancellationToken)
    {
        // Not on the caller's thread: composing the first message of thousands of stations would hold up the rest.
        await Task.Yield();
        await using var connection = connect(station);
        await new StationRun(station, clock, connection, time).RunAsync(cancellationToken);
    }

    private async Task ReportAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(ProgressEvery, time);
        var (sent, acknowledged, at) = (0L, 0L, time.GetTimestamp());
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                var elapsed = time.GetElapsedTime(at);
                var line = Line(counters.Sent - sent, counters.Acknowledged - acknowledged, elapsed);
                (sent, acknowledged, at) = (counters.Sent, counters.Acknowledged, time.GetTimestamp());
                var trouble = counters.TakeTrouble();
                await output.WriteLineAsync(trouble is null ? line : $"{line}; last trouble: {trouble}");
                await output.FlushAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over.
        }
    }

    private string Line(long sent, long acknowledged, TimeSpan elapsed)
    {
        var seconds = Math.Max(elapsed.TotalSeconds, 0.001);
        return string.Create(CultureInfo.InvariantCulture, $"{time.GetUtcNow():HH:mm:ss}Z {counters.Connected:N0} of {scenario.Connections:N0} connected, {sent / seconds:N1}/s sent, {acknowledged / seconds:N1}/s acknowledged, {counters.Acknowledged:N0} acknowledged in all, {counters.Refused:N0} refused, {counters.Lost:N0} connections lost, {Process.GetCurrentProcess().WorkingSet64 / 1_048_576:N0} MB");
    }
}
