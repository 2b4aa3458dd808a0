using System.Xml.Linq;

namespace House.Tests;

/// <summary>Data flows right, references point left: which project may know which.</summary>
public sealed class ReferenceRules
{
    private static readonly string[] Wire = ["Metering", "Mqtt", "Modbus", "Devices", "Journal"];

    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Metering"] = [],
        ["Mqtt"] = [],
        ["Modbus"] = [],
        ["Journal"] = [],
        ["Storage"] = ["Metering"],
        ["Accounts"] = ["Storage"],
        ["Devices"] = ["Metering", "Modbus"],
        ["HeadEnd"] = ["Metering", "Mqtt", "Modbus", "Devices", "Journal", "Storage", "Accounts"],
        ["Delivery"] = ["Metering", "Mqtt", "Storage", "HeadEnd"],
        ["MeterData"] = ["Metering", "Storage", "Accounts", "HeadEnd"],
        ["DemandResponse"] = ["Metering", "Storage", "Accounts", "HeadEnd", "MeterData"],
        ["Settlement"] = ["Metering", "Storage", "Accounts", "HeadEnd", "MeterData", "DemandResponse"],
        ["Web"] = ["Metering", "Mqtt", "Modbus", "Devices", "Journal", "Storage", "Accounts", "HeadEnd", "Delivery", "MeterData", "DemandResponse", "Settlement"],
        ["Server"] = ["Web"],
        ["EdgeGateway"] = Wire,
        ["Simulator"] = Wire,
    };

    [Fact]
    public void Projects_reference_only_what_stands_left_of_them_when_data_flows_right() =>
        Rule.Holds("A project references another that it may not know (the table of allowed references):", Projects().SelectMany(project =>
            !Allowed.TryGetValue(project.Name, out var allowed)
                ? [$"src/{project.Name} is a new project: it needs a decision record and a row in ReferenceRules"]
                : project.References.Except(allowed, StringComparer.Ordinal).Select(wrong => $"src/{project.Name} -> {wrong}")));

    [Fact]
    public void Compiled_assemblies_keep_the_references_when_projects_arrive_through_others() =>
        // Server and the like see every project through the ones they reference; only what they use is recorded in the assembly.
        Rule.Holds("An assembly uses types of a project that it may not know:", Product.Assemblies.Where(entry => entry.Key != "Server").SelectMany(entry =>
            entry.Value.GetReferencedAssemblies()
                .Select(reference => Product.Assemblies.FirstOrDefault(other => other.Value.GetName().Name == reference.Name).Key)
                .Where(used => used is not null && used != entry.Key && !Allowed.GetValueOrDefault(entry.Key, []).Contains(used, StringComparer.Ordinal))
                .Select(used => $"{entry.Key} -> {used}")));

    [Fact]
    public void Versions_stand_in_one_place_when_a_package_is_referenced() =>
        Rule.Holds("A project file names a package version (they stand in Directory.Packages.props):", Checkout.Files
            .Where(file => file.EndsWith(".csproj", StringComparison.Ordinal))
            .Where(file => XDocument.Parse(Checkout.Text(file)).Descendants("PackageReference").Any(package => package.Attribute("Version") is not null)));

    private static IEnumerable<(string Name, IEnumerable<string> References)> Projects() =>
        from file in Checkout.FilesUnder("src/", ".csproj")
        let references = XDocument.Parse(Checkout.Text(file)).Descendants("ProjectReference").Select(reference => reference.Attribute("Include")!.Value.Replace('\\', '/').Split('/')[^2])
        select (file.Split('/')[1], references);
}
