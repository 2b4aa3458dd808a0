using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Headwater.Server.Serving;

namespace Headwater.Server.Commands;

/// <summary>The HTTP API as a command calls it: prints results to standard output, refusals in words to standard error.</summary>
internal sealed class ApiClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly CancellationToken _cancellationToken;

    private ApiClient(HttpClient http, CancellationToken cancellationToken)
    {
        _http = http;
        _cancellationToken = cancellationToken;
    }

    public void Dispose() => _http.Dispose();

    internal static async Task<ApiClient?> OpenAsync(string? url, string? token, string data, CancellationToken cancellationToken)
    {
        url ??= Environment.GetEnvironmentVariable("HEADWATER_URL");
        token ??= Environment.GetEnvironmentVariable("HEADWATER_TOKEN");
        var local = url is null || token is null ? LocalAccess.Find(Path.GetFullPath(data)) : null;
        url ??= local?.Url;
        token ??= local?.Token;
        if (url is null || token is null || !Uri.TryCreate(url, UriKind.Absolute, out var address))
        {
            await Console.Error.WriteLineAsync($"No running server is found on the data folder '{data}'. Start it, or give --url and --token (HEADWATER_URL, HEADWATER_TOKEN).");
            return null;
        }
        var http = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(60) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return new ApiClient(http, cancellationToken);
    }

    internal async Task<int> PrintAsync(HttpMethod method, string path, object? body, Func<JsonNode, string> words)
    {
        var (code, answer) = await CallAsync(method, path, body);
        if (answer is not null) { await Console.Out.WriteLineAsync(words(answer)); }
        return code;
    }

    internal async Task<int> TableAsync(string path, params string[] columns)
    {
        var (code, answer) = await CallAsync(HttpMethod.Get, path, body: null);
        if (answer is null) { return code; }
        var rows = answer["items"]!.AsArray().Select(item => columns.Select(c => item![c]?.ToString() ?? "-").ToArray()).Prepend(columns).ToList();
        var widths = columns.Select((_, i) => rows.Max(r => r[i].Length)).ToArray();
        foreach (var row in rows) { await Console.Out.WriteLineAsync(string.Join("  ", row.Select((text, i) => text.PadRight(widths[i]))).TrimEnd()); }
        return code;
    }

    private async Task<(int Code, JsonNode? Answer)> CallAsync(HttpMethod method, string path, object? body)
    {
        try
        {
            using var request = new HttpRequestMessage(method, "/api/v1" + path);
            if (body is not null) { request.Content = JsonContent.Create(body, options: JsonSerializerOptions.Web); }
            using var response = await _http.SendAsync(request, _cancellationToken);
            var answer = await response.Content.ReadFromJsonAsync<JsonNode>(_cancellationToken);
            if (response.IsSuccessStatusCode) { return (ExitCode.Done, answer); }
            await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{answer?["title"]} {answer?["detail"]}"));
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or JsonException)
        {
            await Console.Error.WriteLineAsync($"The server at {_http.BaseAddress} does not answer: {e.Message}");
        }
        return (ExitCode.Failed, null);
    }
}
