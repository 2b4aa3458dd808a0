using System.Net;
using System.Net.Http.Json;

namespace Headwater.Web.Tests.Api;

public sealed class SignInGuessTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Guesses_are_refused_alike_and_then_have_to_wait_when_they_go_on()
    {
        using var browser = server.Browser();
        var answers = new List<string>();
        // A known and an unknown name get the same words: only the time of the wait tells that somebody guesses.
        foreach (var name in new[] { "admin", "nobody-such", "admin", "nobody-such", "admin" })
        {
            using var response = await browser.PostAsJsonAsync("/api/v1/session", new { name, password = "wrong password" });
            response.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
            response.Headers.Contains("Set-Cookie").ShouldBeFalse();
            answers.Add(System.Text.Json.Nodes.JsonNode.Parse(await response.Content.ReadAsStringAsync())!["title"]!.ToString());
        }
        answers.Distinct(StringComparer.Ordinal).ShouldHaveSingleItem();
        using var slowed = await browser.PostAsJsonAsync("/api/v1/session", new { name = "another", password = "wrong password" });
        slowed.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        slowed.Headers.RetryAfter.ShouldNotBeNull();
        (await server.ScalarAsync<long>("select count(*) from accounts.audit where action = 'session refuse' and target = 'nobody-such'")).ShouldBe(2);
    }
}
