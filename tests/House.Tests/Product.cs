using System.Reflection;
using System.Runtime.CompilerServices;
using System.Xml.Linq;

namespace House.Tests;

/// <summary>The product's own assemblies, which stand beside this test assembly, with their types and documentation.</summary>
internal static class Product
{
    /// <summary>Assemblies by the project's short name: its folder under src/.</summary>
    internal static IReadOnlyDictionary<string, Assembly> Assemblies { get; } = Load();

    /// <summary>Types written by hand: what the compiler and source generators add is left out.</summary>
    internal static IReadOnlyList<Type> Types { get; } = [.. Assemblies.Values.SelectMany(assembly => assembly.GetTypes()).Where(IsOurs)];

    /// <summary>The text of a member's XML documentation, or an empty string. The key is the compiler's, such as <c>P:Headwater.X.Y</c>.</summary>
    internal static string Documentation(string key) => Docs.Value.GetValueOrDefault(key, "");

    private static readonly Lazy<Dictionary<string, string>> Docs = new(() => Assemblies.Values
        .Select(assembly => Path.ChangeExtension(assembly.Location, ".xml"))
        .Where(File.Exists)
        .SelectMany(file => XDocument.Load(file).Descendants("member"))
        .GroupBy(member => member.Attribute("name")!.Value, StringComparer.Ordinal)
        .ToDictionary(group => group.Key, group => group.First().Value, StringComparer.Ordinal));

    private static Dictionary<string, Assembly> Load() =>
        Checkout.FilesUnder("src/", ".csproj").ToDictionary(
            project => project.Split('/')[1],
            project =>
            {
                var named = System.Text.RegularExpressions.Regex.Match(Checkout.Text(project), "<AssemblyName>(?<it>[^<]+)</AssemblyName>", System.Text.RegularExpressions.RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5));
                var assembly = named.Success ? named.Groups["it"].Value : Path.GetFileNameWithoutExtension(project);
                return Assembly.LoadFrom(Path.Combine(AppContext.BaseDirectory, assembly + ".dll"));
            },
            StringComparer.Ordinal);

    private static bool IsOurs(Type type) =>
        (type.Namespace ?? "").StartsWith("Headwater", StringComparison.Ordinal)
        && !type.Name.Contains('<', StringComparison.Ordinal)
        && !type.Name.StartsWith("__", StringComparison.Ordinal)
        && !Attribute.IsDefined(type, typeof(CompilerGeneratedAttribute))
        && !Attribute.IsDefined(type, typeof(System.CodeDom.Compiler.GeneratedCodeAttribute))
        && (type.DeclaringType is null || IsOurs(type.DeclaringType));
}
