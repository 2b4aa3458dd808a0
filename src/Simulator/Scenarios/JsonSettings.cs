using System.Globalization;
using System.Text.Json;
using System.Xml;
using NodaTime;
using NodaTime.Text;

namespace Headwater.Simulator.Scenarios;

/// <summary>One JSON object of a settings file, read member by member; what is wrong is noted with its path and reading goes on.</summary>
internal sealed class JsonSettings
{
    private readonly JsonElement _element;
    private readonly string _path;
    private readonly List<string> _mistakes;
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    internal JsonSettings(JsonElement element, string path, List<string> mistakes)
    {
        _element = element;
        _path = path;
        _mistakes = mistakes;
        if (element.ValueKind == JsonValueKind.Object) { return; }
        mistakes.Add($"{path}: is not an object");
        _element = JsonDocument.Parse("{}").RootElement;
    }

    /// <summary>Parses a text; comments and trailing commas are allowed, since people write these files.</summary>
    internal static JsonDocument? TryParse(ReadOnlyMemory<byte> utf8, List<string> mistakes)
    {
        try
        {
            return JsonDocument.Parse(utf8, new JsonDocumentOptions
            {
                CommentHandling = JsonCommentHandling.Skip,
                AllowTrailingCommas = true,
                AllowDuplicateProperties = false,
            });
        }
        catch (JsonException e)
        {
            mistakes.Add("$: is not JSON: " + e.Message);
            return null;
        }
    }

    /// <summary>Notes a mistake at a member.</summary>
    internal void Mistake(string key, string words) => _mistakes.Add($"{_path}.{key}: {words}");

    /// <summary>Whether a member is there.</summary>
    internal bool Has(string key) => _element.TryGetProperty(key, out _);

    /// <summary>Whether a member is exactly this text.</summary>
    internal bool IsText(string key, string text)
    {
        _read.Add(key);
        return _element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() == text;
    }

    /// <summary>A text; without a default it must be there.</summary>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(byDefault))]
    internal string? Text(string key, string? byDefault)
    {
        if (!Take(key, byDefault is null, out var value)) { return byDefault; }
        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text) { return text; }
        Mistake(key, "is not a text");
        return byDefault;
    }

    /// <summary>An array of texts, or null when absent.</summary>
    internal List<string>? Texts(string key)
    {
        if (!Take(key, false, out var value)) { return null; }
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String))
        {
            return [.. value.EnumerateArray().Select(v => v.GetString()!)];
        }

        Mistake(key, "is not a list of texts");
        return null;
    }

    /// <summary>true or false.</summary>
    internal bool Truth(string key, bool byDefault)
    {
        if (!Take(key, false, out var value)) { return byDefault; }
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False) { return value.GetBoolean(); }
        Mistake(key, "is not true or false");
        return byDefault;
    }

    /// <summary>A whole number within bounds; without a default it must be there.</summary>
    internal long Whole(string key, long? byDefault, long low, long high)
    {
        if (!Take(key, byDefault is null, out var value)) { return byDefault ?? low; }
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= low && number <= high) { return number; }
        Mistake(key, $"is not a whole number from {low} to {high}");
        return byDefault ?? low;
    }

    /// <summary>A number within bounds; without a default it must be there.</summary>
    internal double Number(string key, double? byDefault, double low, double high)
    {
        if (!Take(key, byDefault is null, out var value)) { return byDefault ?? low; }
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= low && number <= high) { return number; }
        Mistake(key, string.Create(CultureInfo.InvariantCulture, $"is not a number from {low} to {high}"));
        return byDefault ?? low;
    }

    /// <summary>A word of an enum, in lower camel case.</summary>
    internal T Word<T>(string key, T byDefault)
        where T : struct, Enum => Has(key) ? RequiredWord<T>(key) ?? byDefault : byDefault;

    /// <summary>A word of an enum that must be there; null when it is wrong.</summary>
    internal T? RequiredWord<T>(string key)
        where T : struct, Enum
    {
        var names = Enum.GetNames<T>().Select(JsonNamingPolicy.CamelCase.ConvertName).ToList();
        if (!Take(key, true, out var value)) { return null; }
        var index = value.ValueKind == JsonValueKind.String ? names.IndexOf(value.GetString()!) : -1;
        if (index >= 0) { return Enum.Parse<T>(Enum.GetNames<T>()[index]); }
        Mistake(key, $"is not one of {string.Join(", ", names)}");
        return null;
    }

    /// <summary>An ISO 8601 duration of days or less such as <c>PT15M</c>, within bounds.</summary>
    internal Duration Span(string key, Duration byDefault, Duration low, Duration high)
    {
        if (!Take(key, false, out var value)) { return byDefault; }
        var span = TrySpan(value);
        if (span is null)
        {
            Mistake(key, "is not a duration such as PT30S, PT15M or P1D");
            return byDefault;
        }

        if (span >= low && span <= high) { return span.Value; }
        Mistake(key, $"is not from {XmlConvert.ToString(low.ToTimeSpan())} to {XmlConvert.ToString(high.ToTimeSpan())}");
        return byDefault;
    }

    /// <summary>An instant with its offset, or null when absent.</summary>
    internal Instant? Instant(string key)
    {
        if (!Take(key, false, out var value)) { return null; }
        var parsed = TryInstant(value);
        if (parsed is null) { Mistake(key, "is not a time such as 2026-01-01T00:00:00Z"); }
        return parsed;
    }

    /// <summary>An instant, or a negative duration that counts back from now (<c>-P30D</c>).</summary>
    internal (Instant? At, Duration Before) InstantOrBefore(string key)
    {
        if (!Take(key, false, out var value)) { return (null, Duration.Zero); }
        if (TryInstant(value) is { } instant) { return (instant, Duration.Zero); }
        if (TrySpan(value) is { } span && span <= Duration.Zero && span >= Duration.FromDays(-400)) { return (null, -span); }
        Mistake(key, "is neither a time such as 2026-01-01T00:00:00Z nor a duration back from now such as -P30D, at most 400 days");
        return (null, Duration.Zero);
    }

    /// <summary>A section, or null when absent.</summary>
    internal JsonSettings? Section(string key) => Take(key, false, out var value) ? new JsonSettings(value, $"{_path}.{key}", _mistakes) : null;

    /// <summary>The objects of an array.</summary>
    internal IEnumerable<JsonSettings> Items(string key, bool required)
    {
        if (!Take(key, required, out var value)) { return []; }
        if (value.ValueKind == JsonValueKind.Array && (!required || value.GetArrayLength() > 0))
        {
            return value.EnumerateArray().Select((item, index) => new JsonSettings(item, $"{_path}.{key}[{index}]", _mistakes)).ToList();
        }

        Mistake(key, required ? "is not a list with at least one entry" : "is not a list");
        return [];
    }

    /// <summary>The members of a section as objects by name; of this object itself without a key.</summary>
    internal IReadOnlyList<(string Name, JsonSettings Settings)> Entries(string? key)
    {
        if (key is not null) { return Section(key)?.Entries(null) ?? []; }
        return [.. _element.EnumerateObject().Select(member => (member.Name, new JsonSettings(member.Value, $"{_path}.{member.Name}", _mistakes)))];
    }

    /// <summary>All members of this object, which must be texts.</summary>
    internal Dictionary<string, string> TextEntries()
    {
        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var member in _element.EnumerateObject())
        {
            if (Text(member.Name, null) is { } text) { entries[member.Name] = text; }
        }

        return entries;
    }

    /// <summary>Notes every member that nobody asked for.</summary>
    internal void NothingElse()
    {
        foreach (var member in _element.EnumerateObject())
        {
            if (!_read.Contains(member.Name) && !member.Name.StartsWith('$')) { Mistake(member.Name, "is not a setting here"); }
        }
    }

    private bool Take(string key, bool required, out JsonElement value)
    {
        _read.Add(key);
        if (_element.TryGetProperty(key, out value)) { return true; }
        if (required) { Mistake(key, "is missing"); }
        return false;
    }

    private static Instant? TryInstant(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String) { return null; }
        var parsed = OffsetDateTimePattern.ExtendedIso.Parse(value.GetString()!);
        return parsed.Success ? parsed.Value.ToInstant() : null;
    }

    private static Duration? TrySpan(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String) { return null; }
        var parsed = PeriodPattern.NormalizingIso.Parse(value.GetString()!.TrimStart('-'));
        if (!parsed.Success || parsed.Value.Years != 0 || parsed.Value.Months != 0) { return null; } // of no fixed length
        var span = parsed.Value.ToDuration();
        return value.GetString()!.StartsWith('-') ? -span : span;
    }
}
