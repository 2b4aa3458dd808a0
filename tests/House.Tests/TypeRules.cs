using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace House.Tests;

/// <summary>How types are made: sealed, documented settings, numbered log events, numbered persisted enums.</summary>
public sealed partial class TypeRules
{
    private static readonly Dictionary<string, (int First, int Last)> EventIds = new(StringComparer.Ordinal)
    {
        ["Mqtt"] = (1000, 1999),
        ["Storage"] = (2000, 2999),
        ["HeadEnd"] = (3000, 3999),
        ["Accounts"] = (4000, 4999),
        ["Web"] = (5000, 5999),
        ["Server"] = (6000, 6999),
        ["Simulator"] = (7000, 7999),
    };

    [Fact]
    public void Classes_are_sealed_when_nothing_of_ours_derives_from_them()
    {
        var parents = Product.Types.Select(type => Definition(type.BaseType)).ToHashSet();
        Rule.Holds("A class is neither sealed, abstract nor static, and nothing derives from it nor may (no virtual member):", Product.Types
            .Where(type => type.IsClass && !type.IsSealed && !type.IsAbstract && !parents.Contains(type) && !IsMadeForDerivation(type))
            .Select(type => type.FullName!));
    }

    [Fact]
    public void Log_events_have_one_number_each_when_written_by_any_project()
    {
        var events = LogEvents().ToList();
        Rule.Holds("Two log methods share an event id:", events
            .GroupBy(entry => entry.Id)
            .Where(group => group.Count() > 1)
            .Select(group => $"{group.Key}: {string.Join(", ", group.Select(entry => entry.Name))}"));
        Rule.Holds("A log method's event id is outside its project's range:", events
            .Where(entry => !EventIds.TryGetValue(entry.Project, out var range) || entry.Id < range.First || entry.Id > range.Last)
            .Select(entry => EventIds.TryGetValue(entry.Project, out var range) ? $"{entry.Name}: {entry.Id}, its range is {range.First}-{range.Last}" : $"{entry.Name}: project {entry.Project} has no range in TypeRules"));
    }

    [Fact]
    public void Settings_state_default_and_range_when_they_are_numbers_or_times()
    {
        Rule.Holds("A setting's documentation names no default (nor \"required\"); one that is a number or a time also needs its range (\"range\", \"1 to 10\", \"at least\", \"at most\", \"or more\", ...), and a reason:",
            from type in Product.Types
            where type.IsClass && type.Name.EndsWith("Options", StringComparison.Ordinal)
            from property in type.GetProperties(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            where property.CanWrite && property.GetMethod is { IsPrivate: false } && property.Name != "EqualityContract"
            where !property.PropertyType.Name.EndsWith("Options", StringComparison.Ordinal)
            let text = Product.Documentation($"P:{type.FullName!.Replace('+', '.')}.{property.Name}")
            let lacks = Lacks(property.PropertyType, text)
            where lacks.Length > 0
            select $"{type.FullName}.{property.Name} lacks {lacks}");

        static string Lacks(Type type, string text)
        {
            var lacks = new List<string>();
            if (!DefaultWord().IsMatch(text))
            {
                lacks.Add("its default");
            }

            // A required setting is an identity or a place: its range is whatever exists.
            if (IsQuantity(Nullable.GetUnderlyingType(type) ?? type) && !RangeWord().IsMatch(text) && !text.Contains("Required", StringComparison.Ordinal))
            {
                lacks.Add("its range");
            }

            return string.Join(" and ", lacks);
        }

        static bool IsQuantity(Type type) => type == typeof(TimeSpan) || type == typeof(int) || type == typeof(long) || type == typeof(double) || type == typeof(ushort);
    }

    [Fact]
    public void Persisted_enums_keep_their_numbers_when_members_are_added()
    {
        const string golden = "tests/House.Tests/persisted-enums.txt";
        var written = Checkout.Lines(golden).Where(line => line.Length > 0 && line[0] != '#').ToHashSet(StringComparer.Ordinal);
        var inSql = Checkout.FilesUnder("src/", ".sql").SelectMany(file => SourceFile().Matches(Checkout.Text(file))).Select(match => match.Groups["it"].Value).ToHashSet(StringComparer.Ordinal);
        var marked = Product.Types.Where(type => type.IsEnum && (inSql.Contains(type.Name) || Product.Documentation("T:" + type.FullName!.Replace('+', '.')).Contains("persisted", StringComparison.OrdinalIgnoreCase))).ToList();
        var members = marked.SelectMany(type => Enum.GetNames(type).Select(name => $"{type.FullName}.{name} = {Convert.ToInt64(Enum.Parse(type, name), System.Globalization.CultureInfo.InvariantCulture)}")).ToList();

        Rule.Holds($"A persisted enum's number changed or its member went; rows in databases still carry it ({golden} lists what was released):",
            written.Except(members, StringComparer.Ordinal).Select(line => $"gone: {line}"));
        Rule.Holds($"A persisted enum (its documentation says \"persisted\", or a migration names its file) has a member that {golden} does not list; append it there:",
            members.Except(written, StringComparer.Ordinal));
        Rule.Holds("A persisted enum has members without an explicit number:",
            from type in marked
            let declaration = Checkout.FilesUnder("src/", ".cs").Select(Checkout.Text).Select(text => Regex.Match(text, $@"\benum\s+{type.Name}\b[^{{]*\{{(?<body>[^}}]*)\}}", default, TimeSpan.FromSeconds(5))).First(match => match.Success)
            from name in Enum.GetNames(type)
            where !Regex.IsMatch(declaration.Groups["body"].Value, $@"\b{name}\s*=\s*\d", default, TimeSpan.FromSeconds(5))
            select $"{type.FullName}.{name}");
    }

    private static IEnumerable<(string Project, string Name, int Id)> LogEvents() =>
        from entry in Product.Assemblies
        from type in entry.Value.GetTypes()
        from method in type.GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly)
        let log = method.GetCustomAttribute<LoggerMessageAttribute>()
        where log is not null
        select (entry.Key, $"{type.FullName}.{method.Name}", log.EventId);

    private static bool IsMadeForDerivation(Type type) =>
        type.GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Any(method => method is { IsVirtual: true, IsFinal: false } && method.GetBaseDefinition() == method && !method.IsDefined(typeof(System.Runtime.CompilerServices.CompilerGeneratedAttribute)));

    private static Type? Definition(Type? type) => type is { IsGenericType: true } ? type.GetGenericTypeDefinition() : type;

    [GeneratedRegex(@"\b(?<it>[A-Z]\w+)\.cs\b", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex SourceFile();

    [GeneratedRegex(@"\bdefaults?\b|\brequired\b|\bnull for\b", RegexOptions.IgnoreCase, 5000)]
    private static partial Regex DefaultWord();

    [GeneratedRegex(@"\brange\b|\bat least\b|\bat most\b|\bbetween\b|\bor more\b|\babove\b|\d\s*(?:to|-|\.\.|–)\s*[\d(]", RegexOptions.IgnoreCase, 5000)]
    private static partial Regex RangeWord();
}
