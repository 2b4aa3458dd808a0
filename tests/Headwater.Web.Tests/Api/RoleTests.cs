using System.Net;
using Headwater.Accounts;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Headwater.Web.Tests.Api;

public sealed class RoleTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Every_endpoint_refuses_whoever_lacks_its_role_when_called()
    {
        var (_, viewer) = await server.PersonAsync("viewer");
        var (_, operating) = await server.PersonAsync("operator");
        using var nobody = server.Browser();
        var endpoints = server.Composition.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(static e => e.RoutePattern.RawText!.StartsWith("/api/v1", StringComparison.Ordinal)).ToList();
        endpoints.Count.ShouldBeGreaterThan(45);
        foreach (var endpoint in endpoints)
        {
            var method = new HttpMethod(endpoint.Metadata.GetRequiredMetadata<IHttpMethodMetadata>().HttpMethods[0]);
            var path = endpoint.RoutePattern.RawText!["/api/v1".Length..].Replace("{commit:long}", "1", StringComparison.Ordinal).Replace("{ordinal:int}", "0", StringComparison.Ordinal)
                .Replace("{*clientId}", "none", StringComparison.Ordinal).Replace("{id}", "999999", StringComparison.Ordinal).Replace("{name}", "nobody-such", StringComparison.Ordinal);
            if (path == "/live") { path += "?topics=unknown"; } // answers at once in place of a stream
            if (endpoint.Metadata.GetMetadata<OpenToAll>() is not null) { continue; }
            var needed = endpoint.Metadata.GetMetadata<NeededRole>().ShouldNotBeNull($"{method} {path} says who may call it").Role;
            (await StatusAsync(nobody, method, path)).ShouldBe(HttpStatusCode.Unauthorized, $"{method} {path}");
            foreach (var (client, role) in new[] { (viewer, Role.Viewer), (operating, Role.Operator) })
            {
                if (path.StartsWith("/session", StringComparison.Ordinal)) { continue; }
                var status = await StatusAsync(client, method, path);
                if (role.Includes(needed)) { status.ShouldNotBe(HttpStatusCode.Forbidden, $"{role} {method} {path}"); }
                else { status.ShouldBe(HttpStatusCode.Forbidden, $"{role} {method} {path}"); }
                status.ShouldNotBe(HttpStatusCode.InternalServerError, $"{role} {method} {path}");
            }
        }
        viewer.Dispose();
        operating.Dispose();
    }

    [Fact]
    public async Task A_household_sees_nothing_when_signed_in()
    {
        var (name, client) = await server.PersonAsync("viewer");
        await server.ExecuteAsync($"update accounts.person set role = 4 where sign_in_name = '{name}'");
        await server.Composition.People.LoadAsync(CancellationToken.None);
        foreach (var path in new[] { "/devices", "/overview", "/quarantine", "/broker", "/session" }) { (await StatusAsync(client, HttpMethod.Get, path)).ShouldBe(HttpStatusCode.Forbidden, path); }
        client.Dispose();
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, HttpMethod method, string path)
    {
        using var response = await RunningServer.CallAsync(client, method, path, method == HttpMethod.Get || method == HttpMethod.Delete ? null : new { });
        return response.StatusCode;
    }
}
