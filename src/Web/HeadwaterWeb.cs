using System.Threading.RateLimiting;
using Headwater.Mqtt.Server;
using Headwater.Web.Api;
using Headwater.Web.Files;
using Headwater.Web.Flow;
using Headwater.Web.Jobs;
using Headwater.Web.Live;
using Headwater.Web.Security;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Headwater.Web;

/// <summary>Puts the HTTP API and the pages into a host. Expects the parts they show (store, accounts, registry, ...) to be registered.</summary>
public static class HeadwaterWeb
{
    /// <summary>Registers what the API needs of its own.</summary>
    public static IServiceCollection AddHeadwaterWeb(this IServiceCollection services, WebOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        services.AddSingleton(options);
        services.AddSingleton<WebAppFiles>();
        services.AddSingleton<FlowMonitor>();
        services.AddHostedService(static provider => provider.GetRequiredService<FlowMonitor>());
        services.AddSingleton<BrokerFigures>();
        services.AddSingleton<LiveStreams>();
        services.AddHostedService(static provider => provider.GetRequiredService<LiveStreams>());
        services.AddSingleton<JobList>();
        services.ConfigureHttpJsonOptions(static json => ApiJson.Apply(json.SerializerOptions));
        services.AddRouting();
        // A request that cannot be read is refused in our own words, too.
        services.Configure<RouteHandlerOptions>(static handlers => handlers.ThrowOnBadRequest = true);
        services.AddDataProtection().SetApplicationName("headwater");
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(static provider =>
            new ConfigureOptions<KeyManagementOptions>(keys => keys.XmlRepository = provider.GetRequiredService<IXmlRepository>()));
        services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(cookie =>
        {
            cookie.Cookie.Name = "headwater";
            cookie.Cookie.HttpOnly = true;
            cookie.Cookie.SameSite = SameSiteMode.Strict;
            cookie.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            cookie.ExpireTimeSpan = options.SignInLifetime;
            cookie.SlidingExpiration = true;
        });
        services.AddRateLimiter(limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.OnRejected = static (context, _) => new ValueTask(Problem.WriteAsync(context.HttpContext, StatusCodes.Status429TooManyRequests, "Too many tries.", "Wait a minute and try again."));
            limiter.AddPolicy(SessionApi.SignInLimit, context => RateLimitPartition.GetFixedWindowLimiter(
                Caller.RemoteOf(context), _ => new FixedWindowRateLimiterOptions { PermitLimit = options.SignInsPerMinute, Window = TimeSpan.FromMinutes(1), QueueLimit = 0 }));
        });
        services.AddOpenApi("v1", static openApi => openApi.AddDocumentTransformer(static (document, _, _) =>
        {
            document.Info.Title = "Headwater";
            document.Info.Description = "Readings, devices, the broker and their administration. Times are UTC, 64-bit numbers and exact decimals are strings.";
            return Task.CompletedTask;
        }));
        return services;
    }

    /// <summary>Builds the way a request takes: headers, failures in words, the gate, the API, the web app.</summary>
    public static WebApplication UseHeadwaterWeb(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseMiddleware<SecurityHeaders>();
        app.UseMiddleware<Failures>();
        app.UseWebSockets();
        app.UseRouting();
        app.UseMiddleware<Gate>();
        app.UseRateLimiter();
        app.UseMiddleware<WebAppFiles>();
        app.MapOpenApi("/openapi/{documentName}.json");
        app.MapMqtt("/mqtt", new MqttListener("ws"));
        var api = app.MapGroup("/api/v1");
        SessionApi.Map(api);
        PeopleApi.Map(api);
        TokensApi.Map(api);
        AdministrationApi.Map(api);
        LiveApi.Map(api);
        DevicesApi.Map(api);
        ReadingsApi.Map(api);
        CredentialsApi.Map(api);
        QuarantineApi.Map(api);
        TraceApi.Map(api);
        BrokerApi.Map(api);
        return app;
    }
}
