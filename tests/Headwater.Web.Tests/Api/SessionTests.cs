using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Headwater.TestKit;
using static Headwater.Web.Tests.RunningServer;

namespace Headwater.Web.Tests.Api;

public sealed class SessionTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task A_sign_in_answers_with_the_person_when_name_and_password_are_right()
    {
        var session = await SendAsync(server.Administrator, HttpMethod.Get, "/session");
        session["person"]!["name"]!.ToString().ShouldBe("admin");
        session["person"]!["role"]!.ToString().ShouldBe("administrator");
        session["person"]!["organization"]!["id"]!.ToString().ShouldBe("default");
        session["demo"]!.GetValue<bool>().ShouldBeFalse();
    }

    [Fact]
    public async Task The_cookie_is_out_of_reach_of_scripts_and_foreign_pages_when_set()
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = server.Address };
        client.DefaultRequestHeaders.Add("X-Headwater", "1");
        using var response = await client.PostAsJsonAsync("/api/v1/session", new { name = "admin", password = server.AdministratorPassword });
        var cookie = response.Headers.GetValues("Set-Cookie").ShouldHaveSingleItem();
        cookie.ShouldContain("samesite=strict");
        cookie.ShouldContain("httponly");
    }

    [Fact]
    public async Task A_change_is_refused_when_its_header_is_missing()
    {
        var (_, client) = await server.PersonAsync("operator");
        client.DefaultRequestHeaders.Remove("X-Headwater");
        using var response = await CallAsync(client, HttpMethod.Post, "/devices", new { id = "forged" });
        response.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        server.Composition.Registry.TryGetDevice("forged", out _).ShouldBeFalse();
        client.Dispose();
    }

    [Fact]
    public async Task A_sign_in_ends_when_rights_change()
    {
        var (name, client) = await server.PersonAsync("operator");
        (await SendAsync(client, HttpMethod.Get, "/session"))["person"]!["role"]!.ToString().ShouldBe("operator");
        await SendAsync(server.Administrator, HttpMethod.Patch, "/people/" + name, new { role = "viewer" });
        using var response = await CallAsync(client, HttpMethod.Get, "/session");
        response.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        client.Dispose();
    }

    [Fact]
    public async Task A_live_stream_says_so_and_ends_when_the_person_is_disabled()
    {
        var (name, client) = await server.PersonAsync("viewer");
        using var response = await client.GetAsync("/api/v1/live?topics=overview", HttpCompletionOption.ResponseHeadersRead);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var lines = new List<string>();
        while (!lines.Contains("event: overview")) { lines.Add((await reader.ReadLineAsync().WaitAsync(Eventually.Bound)).ShouldNotBeNull()); }
        await SendAsync(server.Administrator, HttpMethod.Patch, "/people/" + name, new { disabled = true });
        var rest = await reader.ReadToEndAsync().WaitAsync(Eventually.Bound);
        rest.ShouldContain("event: signedOut");
        client.Dispose();
    }

    [Fact]
    public async Task Members_that_are_not_the_callers_to_set_stay_when_sent_along()
    {
        var (name, client) = await server.PersonAsync("viewer");
        await SendAsync(client, HttpMethod.Put, "/session/preferences", new { language = "ko", role = "administrator", securityVersion = 99, person = new { role = "administrator" } });
        var session = await SendAsync(client, HttpMethod.Get, "/session");
        session["person"]!["role"]!.ToString().ShouldBe("viewer");
        session["person"]!["preferences"]!["language"]!.ToString().ShouldBe("ko");
        (await server.ScalarAsync<short>($"select role from accounts.person where sign_in_name = '{name}'")).ShouldBe((short)1);
        client.Dispose();
    }

    [Fact]
    public async Task The_last_administrator_stays_one_when_somebody_would_demote_them()
    {
        using var response = await CallAsync(server.Administrator, HttpMethod.Patch, "/people/admin", new { role = "viewer" });
        response.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await response.Content.ReadAsStringAsync()).ShouldContain("last administrator");
    }

    [Fact]
    public async Task A_token_works_without_the_header_and_ends_when_revoked()
    {
        var made = await SendAsync(server.Administrator, HttpMethod.Post, "/tokens", new { label = "export", role = "operator" });
        using var client = new HttpClient { BaseAddress = server.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", made["token"]!.ToString());
        (await SendAsync(client, HttpMethod.Post, "/devices", new { id = "by-token" }))["id"]!.ToString().ShouldBe("by-token");
        (await server.ScalarAsync<string>("select actor from accounts.audit where target = 'by-token'")).ShouldBe("token:export");
        await SendAsync(server.Administrator, HttpMethod.Delete, "/tokens/" + made["id"]);
        using var response = await CallAsync(client, HttpMethod.Get, "/devices");
        response.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Headers_keep_foreign_scripts_out_when_any_page_is_sent()
    {
        using var browser = server.Browser();
        using var response = await browser.GetAsync("/devices/some-page");
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await response.Content.ReadAsStringAsync()).ShouldContain("<title>Headwater</title>");
        response.Headers.GetValues("Content-Security-Policy").ShouldHaveSingleItem().ShouldContain("script-src 'self';");
        response.Headers.GetValues("X-Content-Type-Options").ShouldHaveSingleItem().ShouldBe("nosniff");
    }

    [Fact]
    public async Task A_hashed_file_comes_packed_and_is_kept_for_ever_when_asked_so()
    {
        using var browser = server.Browser();
        browser.DefaultRequestHeaders.AcceptEncoding.ParseAdd("br");
        using var response = await browser.GetAsync("/assets/app-1a2b.js");
        response.Content.Headers.ContentEncoding.ShouldBe(["br"]);
        response.Headers.CacheControl!.ToString().ShouldContain("immutable");
        (await response.Content.ReadAsByteArrayAsync()).ShouldBe([1, 2, 3]);
    }

    [Theory]
    [InlineData("/..%2f..%2fetc%2fpasswd")]
    [InlineData("/%2e%2e/%2e%2e/data/command-line.json")]
    [InlineData("/assets/..%5c..%5cdata.json")]
    public async Task Nothing_outside_the_folder_is_sent_when_a_path_climbs(string path)
    {
        using var browser = server.Browser();
        using var response = await browser.GetAsync(path);
        var text = await response.Content.ReadAsStringAsync();
        text.ShouldNotContain("root:");
        text.ShouldNotContain("Token");
    }

    [Fact]
    public async Task A_body_is_refused_when_it_is_too_large_or_not_json()
    {
        using var browser = server.Browser();
        using var large = await browser.PostAsync("/api/v1/session", new StringContent(new string('x', 2 << 20), MediaTypeHeaderValue.Parse("application/json")));
        large.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        using var broken = await browser.PostAsync("/api/v1/session", new StringContent("{", MediaTypeHeaderValue.Parse("application/json")));
        broken.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await broken.Content.ReadAsStringAsync()).ShouldContain("reference");
    }

    [Fact]
    public async Task The_description_of_the_api_names_every_resource_when_asked()
    {
        using var browser = server.Browser();
        var document = await browser.GetStringAsync("/openapi/v1.json");
        foreach (var path in new[] { "/api/v1/session", "/api/v1/devices/{id}/series", "/api/v1/quarantine/replay", "/api/v1/broker/sessions", "/api/v1/trace/{commit}/{ordinal}" }) { document.ShouldContain($"\"{path}\""); }
    }
}
