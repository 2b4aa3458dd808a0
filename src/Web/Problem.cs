using Microsoft.AspNetCore.Http;

namespace Headwater.Web;

/// <summary>Refusals in words (RFC 9457): what happened, which field broke which rule, and a reference to find it in the logs.</summary>
internal static class Problem
{
    internal static IResult Missing(string what) => Of(StatusCodes.Status404NotFound, "There is no such thing here.", what);

    internal static IResult Conflict(string field, string rule) =>
        Of(StatusCodes.Status409Conflict, "This cannot be done as things are.", rule, Fields(field, rule));

    internal static IResult Invalid(string field, string rule) => Invalid(Fields(field, rule));

    internal static IResult Invalid(IDictionary<string, string[]> errors) =>
        Of(StatusCodes.Status400BadRequest, "Something in the request is not right.", string.Join(' ', errors.Select(static e => $"{e.Key}: {string.Join(' ', e.Value)}")), errors);

    internal static IResult NotSignedIn(string detail) => Of(StatusCodes.Status401Unauthorized, "Not signed in.", detail);

    internal static IResult Forbidden(string detail) => Of(StatusCodes.Status403Forbidden, "This is not allowed.", detail);

    internal static IResult Of(int status, string title, string detail, IDictionary<string, string[]>? errors = null) =>
        new ProblemResult(status, title, detail, errors);

    /// <summary>Written by hand where no endpoint runs: authentication, middleware, exceptions.</summary>
    internal static Task WriteAsync(HttpContext context, int status, string title, string detail) => Of(status, title, detail).ExecuteAsync(context);

    /// <summary>Identifies a request in the log: the last part of its trace identifier.</summary>
    internal static string Reference(HttpContext context) => context.TraceIdentifier.Replace(":", "-", StringComparison.Ordinal);

    private static Dictionary<string, string[]> Fields(string field, string rule) => new(StringComparer.Ordinal) { [field] = [rule] };

    private sealed class ProblemResult(int status, string title, string detail, IDictionary<string, string[]>? errors) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = status;
            httpContext.Response.Headers.CacheControl = "no-store";
            return httpContext.Response.WriteAsJsonAsync(
                new ProblemBody("about:blank", title, detail, status, Reference(httpContext), errors), options: null, "application/problem+json", httpContext.RequestAborted);
        }
    }
}

/// <summary>A refusal as it is sent, RFC 9457.</summary>
/// <param name="Type">Always <c>about:blank</c>: title and status say what it is.</param>
/// <param name="Title">What happened, one sentence.</param>
/// <param name="Detail">What it means and what to do.</param>
/// <param name="Status">HTTP status.</param>
/// <param name="Reference">Finds it in the logs.</param>
/// <param name="Errors">Per field the rules broken, or null.</param>
public sealed record ProblemBody(string Type, string Title, string Detail, int Status, string Reference, IDictionary<string, string[]>? Errors);

/// <summary>Collects what is wrong with a request, so that all of it is said at once.</summary>
internal sealed class Mistakes
{
    private readonly Dictionary<string, List<string>> _rules = new(StringComparer.Ordinal);

    internal bool Any => _rules.Count > 0;

    internal IResult AsProblem => Problem.Invalid(_rules.ToDictionary(static r => r.Key, static r => r.Value.ToArray(), StringComparer.Ordinal));

    /// <summary>Notes a rule as broken unless it is null.</summary>
    internal Mistakes Add(string field, string? rule)
    {
        if (rule is null) { return this; }
        if (!_rules.TryGetValue(field, out var rules)) { _rules[field] = rules = []; }
        rules.Add(rule);
        return this;
    }

    internal Mistakes Unless(bool isRight, string field, string rule) => Add(field, isRight ? null : rule);
}
