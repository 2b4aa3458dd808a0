using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace Headwater.Simulator.Shapes;

/// <summary>Interval data of a real meter from a CSV file, made into the register a meter would show, repeated for ever.</summary>
/// <remarks>
/// Lines are <c>start,kWh</c>, times in UTC or with an offset. A start that stands twice is taken once; an absent interval stays absent.
/// Energy is carried exactly as decimals and cut to whole Wh only on the register, so the remainder of one interval goes into the next:
/// 1.4529999 kWh is never rounded by itself, and the register is off by less than 1 Wh at any time.
/// The file repeats with a period of 52 weeks (of its length rounded up to weeks when shorter), anchored at its own dates: weekdays and
/// seasons keep their place, and the register of an instant is the same in every run.
/// </remarks>
internal sealed class IntervalFile
{
    private static readonly Duration Year = Duration.FromDays(364);
    private static readonly LocalDateTimePattern WithoutOffset = LocalDateTimePattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd' 'HH':'mm':'ss");

    private readonly Instant _first;
    private readonly long[] _ends; // seconds after _first
    private readonly long[] _registers; // Wh after that interval
    private readonly Duration _period;
    private readonly long _periodWattHours;

    private IntervalFile(Instant first, Duration interval, List<long> ends, List<long> registers, int repeatedRows)
    {
        _first = first;
        Interval = interval;
        RepeatedRows = repeatedRows;
        var length = Duration.FromSeconds(ends[^1]);
        _period = length >= Year ? Year : Duration.FromDays(7 * (int)Math.Ceiling(length.TotalDays / 7));
        var kept = ends.FindLastIndex(end => end <= _period.TotalSeconds) + 1;
        _ends = [.. ends[..kept]];
        _registers = [.. registers[..kept]];
        _periodWattHours = _registers[^1];
    }

    /// <summary>Length of one interval: the most frequent step of the file.</summary>
    internal Duration Interval { get; }

    /// <summary>Intervals of one period.</summary>
    internal int Count => _ends.Length;

    /// <summary>Rows whose start stood already in an earlier row.</summary>
    internal int RepeatedRows { get; }

    /// <summary>Reads the lines of a file.</summary>
    /// <param name="lines">The file, heading first.</param>
    /// <param name="mistakes">Receives what is wrong, with line numbers; at most 10.</param>
    /// <returns>Null when anything is wrong.</returns>
    internal static IntervalFile? TryRead(IEnumerable<string> lines, List<string> mistakes)
    {
        var starts = new List<Instant>();
        var values = new List<decimal>();
        var repeated = 0;
        var number = 0;
        foreach (var line in lines)
        {
            number++;
            if (number == 1 || line.Length == 0) { continue; }
            var comma = line.IndexOf(',', StringComparison.Ordinal);
            if (comma < 0 || !TryInstant(line[..comma], out var start)
                || !decimal.TryParse(line.AsSpan(comma + 1), NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var value))
            {
                if (mistakes.Count < 10) { mistakes.Add(string.Create(CultureInfo.InvariantCulture, $"line {number} is not start,kWh: {Cut(line)}")); }
                continue;
            }

            if (starts.Count > 0 && start <= starts[^1])
            {
                if (start == starts[^1]) { repeated++; }
                else if (mistakes.Count < 10) { mistakes.Add(string.Create(CultureInfo.InvariantCulture, $"line {number} goes back in time")); }
                continue;
            }

            starts.Add(start);
            values.Add(value);
        }

        if (starts.Count < 2 && mistakes.Count == 0) { mistakes.Add("has fewer than two intervals"); }
        if (mistakes.Count > 0) { return null; }
        var interval = starts.Zip(starts.Skip(1), (a, b) => b - a).GroupBy(step => step).MaxBy(steps => steps.Count())!.Key;
        var ends = new List<long>(starts.Count);
        var registers = new List<long>(starts.Count);
        var sum = 0m;
        for (var i = 0; i < starts.Count; i++)
        {
            sum += values[i] * 1_000;
            ends.Add((long)(starts[i] + interval - starts[0]).TotalSeconds);
            registers.Add((long)Math.Floor(sum));
        }

        return new IntervalFile(starts[0], interval, ends, registers, repeated);
    }

    /// <summary>The first interval that ends at or after an instant.</summary>
    /// <returns>When it ends and what the register then shows, in Wh, and the energy of that interval alone.</returns>
    internal (Instant End, long RegisterWattHours, int IntervalWattHours) Next(Instant notBefore)
    {
        var cycle = (long)Math.Floor((notBefore - _first) / _period);
        while (true)
        {
            var cycleStart = _first + (_period * cycle);
            var wanted = (long)Math.Ceiling((notBefore - cycleStart).TotalSeconds);
            var index = Array.BinarySearch(_ends, wanted);
            if (index < 0) { index = ~index; }
            if (index == _ends.Length)
            {
                cycle++;
                continue;
            }

            var before = index == 0 ? 0 : _registers[index - 1];
            // Cycles count from the file's own, so that the register is positive for every instant after it.
            return (cycleStart + Duration.FromSeconds(_ends[index]), (cycle * _periodWattHours) + _registers[index], (int)(_registers[index] - before));
        }
    }

    private static bool TryInstant(string text, out Instant instant)
    {
        var local = WithoutOffset.Parse(text);
        if (local.Success)
        {
            instant = local.Value.InUtc().ToInstant();
            return true;
        }

        var withOffset = OffsetDateTimePattern.ExtendedIso.Parse(text);
        instant = withOffset.Success ? withOffset.Value.ToInstant() : default;
        return withOffset.Success;
    }

    private static string Cut(string line) => line.Length <= 40 ? line : line[..40] + "...";
}
