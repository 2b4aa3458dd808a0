using System.Globalization;

namespace Headwater.Simulator.Load;

/// <summary>Runs a load plan and says what came of it in one line of <c>key=value</c>.</summary>
internal static class LoadRun
{
    /// <summary>Runs to the end of the plan.</summary>
    /// <returns>0 when everything asked for happened; 1 when connections failed or publishes stayed unacknowledged.</returns>
    internal static async Task<int> RunAsync(LoadPlan plan, TextWriter output, TextWriter errors, CancellationToken cancellationToken)
    {
        var processorBefore = Environment.CpuUsage.TotalTime;
        void Ready(TimeSpan elapsed)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ready connections={plan.Connections} seconds={elapsed.TotalSeconds:F3}"));
            output.Flush();
        }

        var shares = plan.IsSecure ? [await new SecureLoad(plan).RunAsync(Ready, cancellationToken)] : await RunThreadsAsync(plan, Ready, cancellationToken);
        var processor = Environment.CpuUsage.TotalTime - processorBefore;
        var failures = shares.SelectMany(share => share.Tally.Failures).GroupBy(f => f.Key, f => f.Value, StringComparer.Ordinal).ToList();
        foreach (var failure in failures) { await errors.WriteLineAsync($"{failure.Sum()} x {failure.Key}"); }
        await output.WriteLineAsync(Line(plan, shares, processor, failures.Sum(f => f.Sum())));
        return failures.Count == 0 ? 0 : 1;
    }

    private static async Task<LoadShare[]> RunThreadsAsync(LoadPlan plan, Action<TimeSpan> ready, CancellationToken cancellationToken)
    {
        using var gate = new LoadGate(plan, plan.Threads) { Ready = ready };
        var total = plan.Mode == LoadMode.Fanout ? plan.Connections + 1 : plan.Connections;
        var threads = Enumerable.Range(0, plan.Threads).Select(thread =>
        {
            var indexes = Enumerable.Range(0, total).Where(index => index % plan.Threads == thread);
            return Task.Factory.StartNew(
                () => RunShare(plan, indexes, gate, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        });
        return await Task.WhenAll(threads.ToList());
    }

    private static LoadShare RunShare(LoadPlan plan, IEnumerable<int> indexes, LoadGate gate, CancellationToken cancellationToken)
    {
        using var loop = new LoadLoop(plan, indexes, gate, cancellationToken);
        return loop.Run();
    }

    private static string Line(LoadPlan plan, LoadShare[] shares, TimeSpan processor, int failures)
    {
        var latencies = new LatencyHistogram();
        foreach (var share in shares) { latencies.Add(share.Tally.Latencies); }
        var seconds = shares.Max(share => share.Elapsed.TotalSeconds);
        var measured = shares.Sum(share => share.Measured);
        var rate = seconds > 0 ? measured / seconds : 0;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"load mode={Word(plan.Mode)} connections={plan.Connections} window={plan.Window} qos={(int)plan.QualityOfService} form={Word(plan.Form)} threads={plan.Threads} measured={measured} seconds={seconds:F3} per_second={rate:F0} sent={shares.Sum(s => s.Tally.Sent)} acknowledged={shares.Sum(s => s.Tally.Acknowledged)} delivered={shares.Sum(s => s.Tally.Delivered)} connected={shares.Sum(s => s.Tally.Connected)} p50_ms={latencies.Quantile(0.5) / 1_000.0:F3} p99_ms={latencies.Quantile(0.99) / 1_000.0:F3} p999_ms={latencies.Quantile(0.999) / 1_000.0:F3} max_ms={latencies.Largest / 1_000.0:F3} generator_cpu_seconds={processor.TotalSeconds:F2} failed={failures}");
    }

    private static string Word<T>(T value)
        where T : struct, Enum => System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(value.ToString());
}
