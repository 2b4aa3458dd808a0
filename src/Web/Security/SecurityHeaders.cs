using Microsoft.AspNetCore.Http;

namespace Headwater.Web.Security;

/// <summary>Headers that keep a browser from doing with our pages what we did not mean.</summary>
internal sealed class SecurityHeaders(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Response.Headers;
        // Scripts only from our own files: a stored script in a client id has nowhere to run. Styles may stand inline because the component
        // library sets them so. A WebSocket to this very host is the MQTT client of the Broker page.
        headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; manifest-src 'self'; worker-src 'self'; connect-src 'self'{WebSocketOf(context.Request.Host)}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()";
        headers.XFrameOptions = "DENY";
        return next(context);
    }

    private static string WebSocketOf(HostString host)
    {
        // The Host header is the peer's own word: only what can be a host and port goes into the policy.
        var name = host.Value ?? string.Empty;
        return name.Length is > 0 and <= 260 && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or ':' or '[' or ']')
            ? $" ws://{name} wss://{name}"
            : string.Empty;
    }
}
