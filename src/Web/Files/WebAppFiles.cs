using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Extensions.FileProviders;

namespace Headwater.Web.Files;

/// <summary>Serves the built web app: compressed siblings where the build made them, long caching for hashed names, and the page itself for
/// every other address, because the app's own router knows them.</summary>
internal sealed class WebAppFiles : IMiddleware, IDisposable
{
    private const string Page = "/index.html";
    private static readonly (string Encoding, string Ending)[] Encodings = [("br", ".br"), ("gzip", ".gz")];
    private readonly PhysicalFileProvider? _files;
    private readonly FileExtensionContentTypeProvider _types = new();

    public WebAppFiles(WebOptions options)
    {
        if (options.WebFolder is { Length: > 0 } folder && Directory.Exists(folder)) { _files = new PhysicalFileProvider(Path.GetFullPath(folder)); }
        _types.Mappings[".webmanifest"] = "application/manifest+json";
    }

    public void Dispose() => _files?.Dispose();

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var path = context.Request.Path.Value ?? "/";
        if (context.GetEndpoint() is not null || !(HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
            || path.StartsWith("/api/", StringComparison.Ordinal) || path.StartsWith("/openapi/", StringComparison.Ordinal) || path == "/mqtt")
        {
            await next(context);
            return;
        }
        if (_files is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            context.Response.ContentType = "text/plain; charset=utf-8";
            await context.Response.WriteAsync("The web app is not here: it was not built, or --web names another folder. The API answers under /api/v1.", context.RequestAborted);
            return;
        }
        var file = path == "/" ? null : Find(path);
        if (file is null && Path.HasExtension(path))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        if (file is null) { path = Page; }
        file ??= Find(Page);
        if (file is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        await SendAsync(context, path, file);
    }

    private IFileInfo? Find(string path) => _files!.GetFileInfo(path) is { Exists: true, IsDirectory: false } file ? file : null;

    private async Task SendAsync(HttpContext context, string path, IFileInfo file)
    {
        var response = context.Response;
        response.ContentType = _types.TryGetContentType(path, out var type) ? WithCharset(type) : "application/octet-stream";
        response.Headers.Vary = "Accept-Encoding";
        // Names under /assets/ carry a hash of their content: they never change. Everything else is asked about each time.
        response.Headers.CacheControl = path.StartsWith("/assets/", StringComparison.Ordinal) ? "public, max-age=31536000, immutable" : "no-cache";
        var accepted = context.Request.Headers.AcceptEncoding.ToString();
        foreach (var (encoding, ending) in Encodings)
        {
            if (accepted.Contains(encoding, StringComparison.OrdinalIgnoreCase) && Find(path + ending) is { } packed)
            {
                response.Headers.ContentEncoding = encoding;
                file = packed;
                break;
            }
        }
        var tag = string.Create(CultureInfo.InvariantCulture, $"\"{file.LastModified.UtcTicks:x}-{file.Length:x}\"");
        response.Headers.ETag = tag;
        if (context.Request.Headers.IfNoneMatch.Contains(tag, StringComparer.Ordinal))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            response.Headers.Remove("Content-Encoding");
            return;
        }
        response.ContentLength = file.Length;
        if (HttpMethods.IsHead(context.Request.Method)) { return; }
        await response.SendFileAsync(file, context.RequestAborted);
    }

    private static string WithCharset(string type) =>
        type.StartsWith("text/", StringComparison.Ordinal) || type is "application/javascript" or "application/json" or "application/manifest+json" ? type + "; charset=utf-8" : type;
}
