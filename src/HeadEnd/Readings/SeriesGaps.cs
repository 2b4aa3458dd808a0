namespace Headwater.HeadEnd.Readings;

/// <summary>Finds where a series has no values though its own pace says there should be some.</summary>
internal static class SeriesGaps
{
    /// <summary>A pause of more than this many usual distances is a gap; one missed report is not yet a hole in a chart.</summary>
    private const int UsualDistances = 3;

    internal static IReadOnlyList<(long From, long To)> Find(List<SeriesPoint> points, long step)
    {
        if (points.Count < 3) { return []; }
        var distances = new long[points.Count - 1];
        for (var i = 0; i < distances.Length; i++) { distances[i] = points[i + 1].At - points[i].At; }
        var sorted = (long[])distances.Clone();
        Array.Sort(sorted);
        var usual = Math.Max(sorted[sorted.Length / 2], step);
        var gaps = new List<(long, long)>();
        for (var i = 0; i < distances.Length; i++)
        {
            if (distances[i] > usual * UsualDistances) { gaps.Add((points[i].At, points[i + 1].At)); }
        }
        return gaps;
    }
}
