using NodaTime;

namespace Headwater.Simulator.Shapes;

/// <summary>How one simulated household uses energy: a function of time and seed alone, so that a restarted fleet goes on where it was.</summary>
/// <remarks>
/// The curves are ours, drawn to look like published averages of homes: a base load, a morning and an evening peak on working days, a later
/// morning and more use at noon on weekends, more in winter and summer than between, days away, a few appliances of 15 to 45 minutes.
/// They are made for demonstration and load, not for studies; a study replays real interval data.
/// A day's energy is drawn first and then spread over the day's quarter hours, so that the register of any instant is a sum over days
/// (cheap) plus one day's curve. All sums are in mWh as integers.
/// </remarks>
internal sealed class HouseholdShape
{
    /// <summary>Before this instant nothing is simulated; registers start here with what the meter had counted until then.</summary>
    internal static readonly LocalDate Epoch = new(2024, 1, 1);

    private const int SlotMinutes = 15;
    private const int MilliwattHoursPerWattHour = 1_000;

    private readonly ulong _seed;
    private readonly DateTimeZone _zone;
    private readonly double _typicalDay;
    private readonly double _peakShiftHours;
    private readonly double _baseShare;
    private readonly double _solarPeakWatts;
    private readonly long _startImport;

    private LocalDate _day;
    private Instant _dayStart;
    private long _importBefore;
    private long _exportBefore;
    private long[] _import = [];
    private long[] _export = [];

    /// <param name="seed">The meter's own seed.</param>
    /// <param name="zone">Where the household lives; its days may have 23 or 25 hours.</param>
    /// <param name="lowestDailyWattHours">A household's typical day is drawn between this and the next.</param>
    /// <param name="highestDailyWattHours">Upper end of a typical day.</param>
    /// <param name="solarPeakWatts">Peak of the panels on the roof, 0 for none.</param>
    internal HouseholdShape(ulong seed, DateTimeZone zone, double lowestDailyWattHours, double highestDailyWattHours, double solarPeakWatts)
    {
        _seed = seed;
        _zone = zone;
        _solarPeakWatts = solarPeakWatts;
        var random = SeededRandom.Of(seed, 1);
        _typicalDay = random.NextBetween(lowestDailyWattHours, highestDailyWattHours);
        _peakShiftHours = random.NextBetween(-0.9, 0.9);
        _baseShare = random.NextBetween(0.22, 0.45);
        _startImport = random.NextBelow(30_000_000) * MilliwattHoursPerWattHour; // up to 30 MWh on the register already
        Open(Epoch, _startImport, 0);
    }

    /// <summary>Active energy import register in Wh at an instant. Never falls as time grows.</summary>
    internal long ImportWattHours(Instant at) => At(at, export: false) / MilliwattHoursPerWattHour;

    /// <summary>Active energy export register in Wh at an instant; 0 without panels.</summary>
    internal long ExportWattHours(Instant at) => At(at, export: true) / MilliwattHoursPerWattHour;

    /// <summary>Active power import in W at an instant: the slope of the register, with a ripple of a few percent.</summary>
    internal int ImportWatts(Instant at)
    {
        MoveTo(at);
        var slot = SlotOf(at, out _);
        var mean = (_import[slot + 1] - _import[slot]) * (60.0 / SlotMinutes) / MilliwattHoursPerWattHour;
        var random = SeededRandom.Of(_seed, 3, (ulong)at.ToUnixTimeSeconds());
        return (int)Math.Round(mean * random.NextBetween(0.96, 1.04));
    }

    private long At(Instant at, bool export)
    {
        MoveTo(at);
        var slot = SlotOf(at, out var part);
        var curve = export ? _export : _import;
        return (export ? _exportBefore : _importBefore) + curve[slot] + (long)((curve[slot + 1] - curve[slot]) * part);
    }

    private int SlotOf(Instant at, out double part)
    {
        var minutes = Math.Max(0, (at - _dayStart).TotalMinutes);
        var slot = Math.Min((int)(minutes / SlotMinutes), _import.Length - 2);
        part = Math.Min(1, (minutes / SlotMinutes) - slot);
        return slot;
    }

    private void MoveTo(Instant at)
    {
        var day = at.InZone(_zone).Date;
        if (day == _day) { return; }
        if (day < _day) { Open(Epoch, _startImport, 0); }
        if (day <= _day) { return; }
        var import = _importBefore + _import[^1];
        var export = _exportBefore + _export[^1];
        for (var passed = _day.PlusDays(1); passed < day; passed = passed.PlusDays(1))
        {
            import += DayImport(passed);
            export += DayExport(passed);
        }

        Open(day, import, export);
    }

    private void Open(LocalDate day, long importBefore, long exportBefore)
    {
        _day = day;
        _importBefore = importBefore;
        _exportBefore = exportBefore;
        _dayStart = _zone.AtStartOfDay(day).ToInstant();
        var length = _zone.AtStartOfDay(day.PlusDays(1)).ToInstant() - _dayStart;
        var slots = Math.Max(1, (int)(length.TotalMinutes / SlotMinutes));
        _import = Spread(day, slots, DayImport(day), LoadWeight);
        _export = Spread(day, slots, DayExport(day), SunWeight);
    }

    private long DayImport(LocalDate day)
    {
        var random = SeededRandom.Of(_seed, 2, (ulong)(uint)day.DayOfYear + ((ulong)(uint)day.Year << 16));
        var factor = random.NextBetween(0.78, 1.28);
        if (random.NextUnit() < 0.04) { factor *= 0.35; } // nobody at home
        if (IsWeekend(day)) { factor *= 1.12; }
        var turn = 2 * Math.PI * (day.DayOfYear - 20) / 365.25;
        var season = 1 + (0.12 * Math.Cos(turn)) + (0.10 * Math.Cos(2 * turn)); // high in January and, lower, in late July
        return (long)(_typicalDay * factor * season * MilliwattHoursPerWattHour);
    }

    private long DayExport(LocalDate day)
    {
        if (_solarPeakWatts <= 0) { return 0; }
        var random = SeededRandom.Of(_seed, 4, (ulong)(uint)day.DayOfYear + ((ulong)(uint)day.Year << 16));
        var clouds = random.NextBetween(0.15, 1);
        var sunHours = 3.4 - (1.6 * Math.Cos(2 * Math.PI * (day.DayOfYear + 10) / 365.25)); // full-sun hours of a day, 1.8 to 5
        return (long)(_solarPeakWatts * sunHours * clouds * 0.6 * MilliwattHoursPerWattHour); // two fifths are used at home
    }

    private static bool IsWeekend(LocalDate day) => day.DayOfWeek is IsoDayOfWeek.Saturday or IsoDayOfWeek.Sunday;

    /// <summary>Cumulative curve of the day: slots + 1 values from 0 to the day's energy.</summary>
    private long[] Spread(LocalDate day, int slots, long energy, Func<LocalDate, double, double> weightOf)
    {
        var cumulative = new long[slots + 1];
        if (energy == 0) { return cumulative; }
        var random = SeededRandom.Of(_seed, 5, (ulong)(uint)day.DayOfYear + ((ulong)(uint)day.Year << 16));
        Span<double> weights = stackalloc double[slots];
        for (var slot = 0; slot < slots; slot++)
        {
            weights[slot] = weightOf(day, slot * SlotMinutes / 60.0) * random.NextBetween(0.65, 1.35);
        }

        if (weightOf == LoadWeight)
        {
            var appliances = 2 + (int)random.NextBelow(4);
            for (var i = 0; i < appliances; i++)
            {
                var start = (int)(random.NextBetween(6.5, 22) * 60 / SlotMinutes);
                var lasts = 1 + (int)random.NextBelow(3);
                for (var slot = start; slot < start + lasts && slot < slots; slot++) { weights[slot] += 1.8; }
            }
        }

        var total = 0.0;
        foreach (var weight in weights) { total += weight; }
        var sum = 0.0;
        for (var slot = 0; slot < slots; slot++)
        {
            sum += weights[slot];
            cumulative[slot + 1] = (long)(energy * (sum / total));
        }

        cumulative[slots] = energy;
        return cumulative;
    }

    private double LoadWeight(LocalDate day, double hour)
    {
        var weekend = IsWeekend(day);
        var morning = weekend ? Bell(hour, 9.6 + _peakShiftHours, 1.9) * 0.6 : Bell(hour, 7.2 + _peakShiftHours, 1.0) * 0.75;
        var noon = Bell(hour, 12.6, 1.6) * (weekend ? 0.5 : 0.22);
        var evening = Bell(hour, 19.6 + _peakShiftHours, 2.1) * 1.45;
        return _baseShare + morning + noon + evening;
    }

    private double SunWeight(LocalDate day, double hour)
    {
        var halfDay = 6 - (1.3 * Math.Cos(2 * Math.PI * (day.DayOfYear + 10) / 365.25)); // hours between noon and sunset
        var fromNoon = Math.Abs(hour - 12.5) / halfDay;
        return fromNoon >= 1 ? 0 : Math.Cos(fromNoon * Math.PI / 2);
    }

    private static double Bell(double hour, double centre, double width) => Math.Exp(-((hour - centre) * (hour - centre)) / (2 * width * width));
}
