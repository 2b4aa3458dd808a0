using Headwater.Server.Configuration;
using Headwater.TestKit;

namespace Headwater.Web.Tests.Server;

public sealed class SettingsTests
{
    private static readonly Dictionary<string, string> None = new(StringComparer.Ordinal);

    [Fact]
    public void All_mistakes_are_said_at_once_with_the_settings_name_when_several_are_wrong()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["headwater.json"], """{"mqtt-prot": 1883, "keep-alive-cap": 0, "retention-days": [1]}""");
        SettingsReader.Read(
            new Dictionary<string, string>(StringComparer.Ordinal) { ["port"] = "eighty", ["certificate"] = "/nowhere/server.crt", ["replica"] = "Host=x" },
            new Dictionary<string, string>(StringComparer.Ordinal) { ["HEADWATER_BIND"] = "everywhere", ["HEADWATER_MQTTPORT"] = "1" }, folder["headwater.json"], out var mistakes);
        string[] named = ["port (command line)", "mqtt-prot", "is mqtt-port meant?", "keep-alive-cap (headwater.json)", "retention-days", "bind (environment)", "HEADWATER_MQTTPORT", "certificate and certificate-key", "no file '/nowhere/server.crt'", "replica: needs database"];
        foreach (var name in named) { mistakes.ShouldContain(m => m.Contains(name, StringComparison.Ordinal), name + " in:\n" + string.Join('\n', mistakes)); }
    }

    [Fact]
    public void The_nearer_source_counts_when_a_setting_is_given_twice()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["headwater.json"], """{"port": 1, "mqtt-port": 2, "keep-alive-cap": 30}""");
        var settings = SettingsReader.Read(
            new Dictionary<string, string>(StringComparer.Ordinal) { ["port"] = "10" },
            new Dictionary<string, string>(StringComparer.Ordinal) { ["HEADWATER_PORT"] = "20", ["HEADWATER_MQTT_PORT"] = "21" }, folder["headwater.json"], out var mistakes);
        mistakes.ShouldBeEmpty();
        settings.PagePort.ShouldBe(10);
        settings.MqttPort.ShouldBe(21);
        settings.KeepAliveCap.ShouldBe(TimeSpan.FromSeconds(30));
        settings.InForce().Single(static s => s.Name == "mqtt-port").Source.ShouldBe("environment");
    }

    [Fact]
    public void A_connection_string_is_never_shown_when_settings_are_listed()
    {
        var settings = SettingsReader.Read(new Dictionary<string, string>(StringComparer.Ordinal) { ["database"] = "Host=db;Password=secret" }, None, configFile: null, out var mistakes);
        mistakes.ShouldBeEmpty();
        settings.InForce().ShouldAllBe(static s => s.Value == null || !s.Value.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public void Two_listeners_on_one_port_are_a_mistake_when_set()
    {
        SettingsReader.Read(new Dictionary<string, string>(StringComparer.Ordinal) { ["port"] = "1883" }, None, configFile: null, out var mistakes);
        mistakes.ShouldHaveSingleItem().ShouldContain("port and mqtt-port");
    }
}
