using Headwater.Server.Configuration;
using Headwater.Server.Serving;
using Headwater.TestKit;
using Microsoft.Extensions.Logging;

namespace Headwater.Web.Tests.Server;

public sealed partial class LoggingTests
{
    [Fact]
    public void A_text_of_a_peer_stays_on_its_line_when_it_holds_line_ends()
    {
        using var folder = new TemporaryFolder();
        var settings = SettingsReader.Read(
            new Dictionary<string, string>(StringComparer.Ordinal) { ["data"] = folder["data"] }, new Dictionary<string, string>(StringComparer.Ordinal), configFile: null, out _);
        using (var loggers = ServerLogging.Create(settings)) { Refused(loggers.CreateLogger("test"), "a\n2026-11-20T00:00:00.000Z INF forged"); }
        var file = Directory.GetFiles(folder["data/logs"]).ShouldHaveSingleItem();
        File.ReadAllLines(file).ShouldHaveSingleItem().ShouldContain("a\\n2026");
    }

    [LoggerMessage(1, LogLevel.Information, "Client {ClientId} refused")]
    private static partial void Refused(ILogger logger, string clientId);
}
