using System.Globalization;
using System.Text.Json;
using Npgsql;

namespace Headwater.Server.Configuration;

/// <summary>Gathers the settings: command line over environment over <c>headwater.json</c> over default. All mistakes are reported at once.</summary>
internal static class SettingsReader
{
    internal const string FileName = "headwater.json";

    /// <param name="commandLine">Settings given on the command line.</param>
    /// <param name="environment">Environment variables.</param>
    /// <param name="configFile">Settings file to read; null: <c>headwater.json</c> in the current folder, then in the data folder, if there.</param>
    /// <param name="mistakes">Every mistake, in words with the setting's name; empty when the result can be used.</param>
    internal static ServerSettings Read(
        IReadOnlyDictionary<string, string> commandLine, IReadOnlyDictionary<string, string> environment, string? configFile, out IReadOnlyList<string> mistakes)
    {
        var found = new List<string>();
        var known = ServerSettings.Definitions.ToDictionary(static d => d.Name, StringComparer.Ordinal);
        var data = commandLine.GetValueOrDefault("data") ?? environment.GetValueOrDefault("HEADWATER_DATA") ?? known["data"].Default!;
        var file = ReadFile(configFile ?? environment.GetValueOrDefault("HEADWATER_CONFIG"), data, known, found);
        var environmentNames = known.Values.ToDictionary(static d => d.EnvironmentName, StringComparer.Ordinal);
        foreach (var name in environment.Keys.Where(k => k.StartsWith("HEADWATER_", StringComparison.Ordinal) && !environmentNames.ContainsKey(k) && !IsOtherUse(k)).Order(StringComparer.Ordinal))
        {
            found.Add($"environment variable {name}: no such setting{Nearest(name, environmentNames.Keys)}.");
        }

        var values = new Dictionary<string, (string?, string)>(StringComparer.Ordinal);
        foreach (var definition in ServerSettings.Definitions)
        {
            var (value, source) = commandLine.TryGetValue(definition.Name, out var given) ? (given, "command line")
                : environment.TryGetValue(definition.EnvironmentName, out given) && given.Length > 0 ? (given, "environment")
                : file.TryGetValue(definition.Name, out given) ? (given, FileName)
                : (definition.Default, "default");
            if (value is not null && definition.Judge(value) is { } rule)
            {
                found.Add($"{definition.Name} ({source}): '{(definition.IsSecret ? "…" : value)}' {rule}.");
                value = definition.Default;
            }
            values[definition.Name] = (value, source);
        }
        var settings = new ServerSettings(values);
        JudgeTogether(settings, found);
        mistakes = found;
        return settings;
    }

    private static void JudgeTogether(ServerSettings settings, List<string> found)
    {
        if ((settings["certificate"] is null) != (settings["certificate-key"] is null)) { found.Add("certificate and certificate-key: both or neither must be set."); }
        foreach (var name in new[] { "certificate", "certificate-key", "client-ca", "demo-scenario" })
        {
            if (settings[name] is { } path && !File.Exists(path)) { found.Add($"{name}: there is no file '{path}'."); }
        }
        if (settings["postgres-bin"] is { } programs && !Directory.Exists(programs)) { found.Add($"postgres-bin: there is no folder '{programs}'."); }
        if (settings["database"] is not null && settings["postgres-bin"] is not null) { found.Add("database and postgres-bin: with an outside database no programs are started; leave one out."); }
        foreach (var name in new[] { "database", "replica" })
        {
            if (settings[name] is not { } text) { continue; }
            try
            {
                _ = new NpgsqlConnectionStringBuilder(text);
            }
            catch (ArgumentException e)
            {
                found.Add($"{name}: not a connection string: {e.Message}");
            }
        }
        if (settings["replica"] is not null && settings["database"] is null) { found.Add("replica: needs database; the private PostgreSQL has no replica."); }
        var ports = new[] { "port", "mqtt-port", "mqtts-port", "open-listener-port" }
            .Where(n => settings[n] is { } text && int.TryParse(text, CultureInfo.InvariantCulture, out var port) && port > 0)
            .GroupBy(n => settings[n], StringComparer.Ordinal).Where(static g => g.Count() > 1);
        foreach (var port in ports) { found.Add($"{string.Join(" and ", port)}: the same port {port.Key}."); }
    }

    private static Dictionary<string, string> ReadFile(string? configFile, string data, Dictionary<string, SettingDefinition> known, List<string> found)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var path = configFile ?? new[] { FileName, Path.Combine(data, FileName) }.FirstOrDefault(File.Exists);
        if (path is null) { return values; }
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                found.Add($"{path}: must hold one JSON object of settings.");
                return values;
            }
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (!known.ContainsKey(member.Name))
                {
                    found.Add($"{member.Name} ({path}): no such setting{Nearest(member.Name, known.Keys)}.");
                    continue;
                }
                switch (member.Value.ValueKind)
                {
                    case JsonValueKind.String: values[member.Name] = member.Value.GetString()!; break;
                    case JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False: values[member.Name] = member.Value.GetRawText(); break;
                    case JsonValueKind.Null: break;
                    default: found.Add($"{member.Name} ({path}): must be a text, a number, true or false."); break;
                }
            }
        }
        catch (JsonException e)
        {
            found.Add($"{path}: not JSON: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            found.Add($"{path}: cannot be read: {e.Message}");
        }
        return values;
    }

    // Variables that other parts of the product read themselves.
    private static bool IsOtherUse(string name) =>
        name is "HEADWATER_POSTGRES_BIN" or "HEADWATER_TIMESCALE_BIN" or "HEADWATER_FUZZ_SEED" or "HEADWATER_TOKEN" or "HEADWATER_URL" or "HEADWATER_CONFIG";

    private static string Nearest(string name, IEnumerable<string> names)
    {
        var (nearest, distance) = names.Select(n => (Name: n, Distance: Distance(name, n))).MinBy(static c => c.Distance);
        return distance <= 3 ? $"; is {nearest} meant?" : string.Empty;
    }

    // Levenshtein distance over one row.
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var next = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = row[j];
                row[j] = next;
            }
        }
        return row[b.Length];
    }
}
