using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Headwater.Server.Configuration;
using Headwater.Server.Serving;
using Headwater.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace Headwater.Web.Tests;

/// <summary>The real server on free ports over a real database; the first administrator is signed in.</summary>
public sealed class RunningServer : PostgresFixture
{
    private readonly TemporaryFolder _data = new();
    private readonly LogCapture _log = new();
    private ServerComposition? _composition;

    public Uri Address => new(Composition.PageUrl);

    public int MqttPort => Composition.PortOf("mqtt")!.Value;

    public HttpClient Administrator { get; private set; } = null!;

    public string AdministratorPassword => Composition.FirstStart.AdministratorPassword!;

    internal ServerComposition Composition => _composition!;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        Directory.CreateDirectory(_data["web"]);
        await File.WriteAllTextAsync(_data["web/index.html"], "<!doctype html><title>Headwater</title>");
        Directory.CreateDirectory(_data["web/assets"]);
        await File.WriteAllTextAsync(_data["web/assets/app-1a2b.js"], "console.log(1)");
        await File.WriteAllBytesAsync(_data["web/assets/app-1a2b.js.br"], [1, 2, 3]);
        var settings = SettingsReader.Read(
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["port"] = "0",
                ["mqtt-port"] = "0",
                ["mqtts-port"] = "0",
                ["database"] = ConnectionString,
                ["data"] = _data["data"],
                ["web"] = _data["web"],
                ["register-automatically"] = "true",
            },
            new Dictionary<string, string>(StringComparer.Ordinal), configFile: null, out var mistakes);
        mistakes.ShouldBeEmpty();
        _composition = await ServerComposition.BuildAsync(settings, _log, CancellationToken.None);
        await Composition.App.StartAsync();
        Administrator = await SignInAsync("admin", AdministratorPassword);
    }

    public override async Task DisposeAsync()
    {
        Administrator.Dispose();
        await Composition.App.StopAsync();
        await Composition.DisposeAsync();
        _data.Dispose();
        await base.DisposeAsync();
        _log.AssertNoUndeclaredErrors();
    }

    /// <summary>A browser without a sign-in.</summary>
    public HttpClient Browser()
    {
        var client = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer(), AllowAutoRedirect = false }) { BaseAddress = Address, Timeout = Eventually.Bound };
        client.DefaultRequestHeaders.Add("X-Headwater", "1");
        return client;
    }

    public async Task<HttpClient> SignInAsync(string name, string password)
    {
        var client = Browser();
        using var response = await client.PostAsJsonAsync("/api/v1/session", new { name, password });
        response.StatusCode.ShouldBe(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        return client;
    }

    /// <summary>A new person of a role, signed in with a password of their own.</summary>
    public async Task<(string Name, HttpClient Client)> PersonAsync(string role)
    {
        var name = role + "-" + Guid.NewGuid().ToString("N")[..8];
        var made = await SendAsync(Administrator, HttpMethod.Post, "/people", new { name, role });
        var password = made["password"]!.ToString();
        var client = await SignInAsync(name, password);
        using var changed = await client.PutAsJsonAsync("/api/v1/session/password", new { current = password, @new = password + "-own" });
        changed.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        return (name, client);
    }

    /// <summary>A call that must succeed.</summary>
    public static async Task<JsonNode> SendAsync(HttpClient client, HttpMethod method, string path, object? body = null)
    {
        using var response = await CallAsync(client, method, path, body);
        var text = await response.Content.ReadAsStringAsync();
        response.IsSuccessStatusCode.ShouldBeTrue($"{method} {path}: {(int)response.StatusCode} {text}");
        return text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!;
    }

    public static async Task<HttpResponseMessage> CallAsync(HttpClient client, HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, "/api/v1" + path);
        if (body is not null) { request.Content = JsonContent.Create(body); }
        return await client.SendAsync(request);
    }
}
