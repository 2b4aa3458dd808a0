using Headwater.Accounts;
using Headwater.Accounts.Audit;
using Headwater.Accounts.People;
using Headwater.Accounts.Secrets;
using Headwater.Accounts.Tokens;
using Headwater.HeadEnd;
using Headwater.HeadEnd.Registry;
using Headwater.Server.Configuration;
using Headwater.Storage.Connections;
using Headwater.Storage.Embedded;
using Headwater.Storage.Migrations;
using Headwater.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Headwater.Server.Serving;

/// <summary>Everything one running server is made of, put together in the order it depends on itself.</summary>
internal sealed class ServerComposition : IAsyncDisposable
{
    private readonly List<Func<ValueTask>> _endings = [];

    private ServerComposition(ServerSettings settings) => Settings = settings;

    internal ServerSettings Settings { get; }

    internal Store Store { get; private set; } = null!;

    internal FirstStart FirstStart { get; private set; } = null!;

    internal PeopleDirectory People { get; private set; } = null!;

    internal DeviceRegistry Registry { get; private set; } = null!;

    internal WebApplication App { get; private set; } = null!;

    /// <summary>Opens the database, brings it up to date and builds the host; nothing listens yet.</summary>
    internal static async Task<ServerComposition> BuildAsync(ServerSettings settings, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var composition = new ServerComposition(settings);
        try
        {
            await composition.BuildPartsAsync(loggers, cancellationToken);
            return composition;
        }
        catch
        {
            await composition.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        // The other way round than built: listeners first, the database last.
        for (var i = _endings.Count - 1; i >= 0; i--) { await _endings[i](); }
        _endings.Clear();
    }

    private async Task BuildPartsAsync(ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        Directory.CreateDirectory(Settings.DataFolder);
        Store = await Store.OpenAsync(StoreOptionsOf(Settings), time, loggers, cancellationToken);
        _endings.Add(Store.DisposeAsync);
        await MigrationRunner.RunAsync(
            Store.Primary, [AccountsSchema.Migrations, HeadEndSchema.Migrations], Store.Timescale == TimescaleState.Installed, time, loggers.CreateLogger("Headwater.Storage"), cancellationToken);

        var audit = new AuditTrail(Store.Primary);
        var accountsOptions = new AccountsOptions();
        People = new PeopleDirectory(Store.Primary, audit, accountsOptions);
        FirstStart = await FirstStart.EnsureAsync(Store.Primary, People, loggers.CreateLogger("Headwater.Accounts"), cancellationToken);
        var tokens = new TokenDirectory(Store.Primary, audit, new KeyedHash(await InstallationKeys.GetOrCreateAsync(Store.Primary, "tokens", cancellationToken)), time);
        await tokens.LoadAsync(cancellationToken);

        var registryOptions = new DeviceRegistryOptions { DefaultOrganizationId = FirstStart.OrganizationId, RegistersAutomatically = Settings.RegistersAutomatically };
        Registry = new DeviceRegistry(Store.Primary, audit, registryOptions, time, loggers.CreateLogger<DeviceRegistry>());
        _endings.Add(Registry.DisposeAsync);
        await Registry.LoadAsync(cancellationToken);
        var presence = new DevicePresence(Store.Primary, registryOptions, time, loggers.CreateLogger<DevicePresence>());
        await presence.StartAsync(cancellationToken);
        _endings.Add(presence.DisposeAsync);

        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ApplicationName = "headwater", ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(loggers);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = new WebOptions().LargestBody;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
            kestrel.Listen(Settings.BindAddress, Settings.PagePort, static listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton(Store);
        builder.Services.AddSingleton(audit);
        builder.Services.AddSingleton<IAudit>(audit);
        builder.Services.AddSingleton(accountsOptions);
        builder.Services.AddSingleton(People);
        builder.Services.AddSingleton(tokens);
        builder.Services.AddSingleton(new SignInGuard(accountsOptions, time));
        builder.Services.AddSingleton<IXmlRepository>(new DatabaseKeyRepository(Store.Primary));
        builder.Services.AddSingleton(Registry);
        builder.Services.AddSingleton(presence);
        builder.Services.AddSingleton(new DeviceSearch(Registry, time));
        builder.Services.AddHostedService<AccountsRefresh>();
        builder.Services.AddHeadwaterWeb(new WebOptions
        {
            WebFolder = Settings.WebFolder,
            IsDemo = Settings.IsDemo,
            Warnings = Warnings(),
            Settings = Settings.InForce(),
            DataFolder = Settings.DataFolder,
        });
        App = builder.Build();
        _endings.Add(App.DisposeAsync);
        App.UseHeadwaterWeb();
    }

    private static StoreOptions StoreOptionsOf(ServerSettings settings) => new()
    {
        ConnectionString = settings["database"],
        ReplicaConnectionString = settings["replica"],
        AllowUnsafeDurability = settings.AllowsUnsafeDurability,
        Embedded = settings["database"] is null
            ? new EmbeddedPostgresOptions { DataFolder = Path.Combine(settings.DataFolder, "postgres"), BinariesFolder = settings["postgres-bin"] }
            : null,
    };

    private List<string> Warnings()
    {
        var warnings = new List<string>();
        if (Store.Warning is { } unsafeDurability) { warnings.Add(unsafeDurability); }
        if (Settings.OpenListenerPort is not null) { warnings.Add("An MQTT listener is open on which anybody on this machine may do everything (open-listener-port)."); }
        return warnings;
    }
}
