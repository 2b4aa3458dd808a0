using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.Web.Security;

/// <summary>Turns what goes wrong inside an endpoint into words for the caller and a line in the log.</summary>
internal sealed class Failures(RequestDelegate next, ILogger<Failures> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller went away; nobody is left to tell.
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            await Problem.WriteAsync(context, e.StatusCode, "The request cannot be read.", e.InnerException is System.Text.Json.JsonException json ? $"The body is not the JSON expected here{(json.Path is null ? string.Empty : $", at {json.Path}")}." : e.Message);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter && !context.Response.HasStarted)
        {
            // U+0000 is text in JSON and in an address, and none in PostgreSQL: the caller's mistake, not ours.
            await Problem.WriteAsync(context, StatusCodes.Status400BadRequest, "Something in the request is not right.", "It holds a character that cannot be stored (U+0000).");
        }
        catch (Exception e) when (e is NpgsqlException { IsTransient: true } or TimeoutException or NpgsqlException { InnerException: IOException or System.Net.Sockets.SocketException } && !context.Response.HasStarted)
        {
            WebLog.DatabaseAway(logger, e, context.Request.Method, context.Request.Path, Problem.Reference(context));
            await Problem.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "The database does not answer.", "Uplinks that arrive are not acknowledged, so devices keep them and nothing is lost. The server goes on by itself when the database is back.");
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            WebLog.RequestFailed(logger, e, context.Request.Method, context.Request.Path, Problem.Reference(context));
            await Problem.WriteAsync(context, StatusCodes.Status500InternalServerError, "The server made a mistake.", "Nothing was changed. The reference finds it in the logs.");
        }
    }
}
