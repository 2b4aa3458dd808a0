using System.Globalization;
using System.Net;
using Headwater.Accounts;
using Headwater.Accounts.Audit;
using Headwater.Accounts.People;
using Headwater.Accounts.Secrets;
using Headwater.Accounts.Tokens;
using Headwater.HeadEnd;
using Headwater.HeadEnd.Access;
using Headwater.HeadEnd.Ingest;
using Headwater.HeadEnd.Quarantine;
using Headwater.HeadEnd.Readings;
using Headwater.HeadEnd.Registry;
using Headwater.Mqtt;
using Headwater.Mqtt.Server;
using Headwater.Server.Configuration;
using Headwater.Storage.Connections;
using Headwater.Storage.Embedded;
using Headwater.Storage.GroupCommit;
using Headwater.Storage.Migrations;
using Headwater.Storage.Partitions;
using Headwater.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
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

    internal TokenDirectory Tokens { get; private set; } = null!;

    internal CredentialDirectory Credentials { get; private set; } = null!;

    internal WebApplication App { get; private set; } = null!;

    /// <summary>Host name or address by which this machine reaches the listeners.</summary>
    internal string Host => Settings.BindAddress.Equals(IPAddress.Any) || Settings.BindAddress.Equals(IPAddress.IPv6Any) ? "localhost" : Settings.BindAddress.ToString();

    /// <summary>Where the pages are.</summary>
    internal string PageUrl => string.Create(CultureInfo.InvariantCulture, $"http://{Host}:{BoundPorts().FirstOrDefault()}");

    /// <summary>The port a listener is bound to after the start, or null when it is off.</summary>
    internal int? PortOf(string listener)
    {
        var index = MqttListeners.Of(Settings).FindIndex(l => string.Equals(l.Name, listener, StringComparison.Ordinal));
        var ports = BoundPorts();
        return index >= 0 && index + 1 < ports.Count ? ports[index + 1] : null;
    }

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
        var migrated = await MigrationRunner.RunAsync(
            Store.Primary, [AccountsSchema.Migrations, HeadEndSchema.Migrations], Store.Timescale == TimescaleState.Installed, time, loggers.CreateLogger("Headwater.Storage"), cancellationToken);

        var audit = new AuditTrail(Store.Primary);
        var accountsOptions = new AccountsOptions();
        People = new PeopleDirectory(Store.Primary, audit, accountsOptions);
        FirstStart = await FirstStart.EnsureAsync(Store.Primary, People, loggers.CreateLogger("Headwater.Accounts"), cancellationToken);
        var tokens = new TokenDirectory(Store.Primary, audit, new KeyedHash(await InstallationKeys.GetOrCreateAsync(Store.Primary, "tokens", cancellationToken)), time);
        await tokens.LoadAsync(cancellationToken);
        Tokens = tokens;

        var registryOptions = new DeviceRegistryOptions { DefaultOrganizationId = FirstStart.OrganizationId, RegistersAutomatically = Settings.RegistersAutomatically };
        Registry = new DeviceRegistry(Store.Primary, audit, registryOptions, time, loggers.CreateLogger<DeviceRegistry>());
        _endings.Add(Registry.DisposeAsync);
        await Registry.LoadAsync(cancellationToken);
        var presence = new DevicePresence(Store.Primary, registryOptions, time, loggers.CreateLogger<DevicePresence>());
        await presence.StartAsync(cancellationToken);
        _endings.Add(presence.DisposeAsync);

        var hash = new KeyedHash(await InstallationKeys.GetOrCreateAsync(Store.Primary, "device-secrets", cancellationToken));
        Credentials = new CredentialDirectory(Store.Primary, audit, hash);
        await Credentials.LoadAsync(cancellationToken);
        var certificates = Settings.MqttsPort is null ? null : ServerCertificates.Load(Settings, time);
        var accessOptions = new AccessOptions { ClientAuthorities = certificates?.ClientAuthorities ?? [] };
        var pages = new PageClients(People, accessOptions, time);
        var access = new MqttAccess(Registry, presence, Credentials, pages, People, accessOptions, time, loggers.CreateLogger<MqttAccess>());

        var partitions = new PartitionMaintenance(
            Store.Primary, migrated.Layout, [.. StorePartitions.Tables.Select(t => t with { KeepDays = Settings.RetentionDays })], new PartitionOptions(), time, loggers.CreateLogger("Headwater.Storage.Partitions"));
        await partitions.RunOnceAsync(cancellationToken);
        var ingestOptions = new IngestOptions { RegisterUnknownDevices = Settings.RegistersAutomatically };
        var lane = new UplinkLane(
            Store.Primary, Registry, presence, new PartitionWindow(partitions), new QuarantineBudget(ingestOptions), ingestOptions, new GroupCommitOptions(), time, loggers.CreateLogger<UplinkLane>());
        _endings.Add(lane.DisposeAsync);

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
            MqttListeners.Open(kestrel, Settings, certificates);
        });
        builder.WebHost.UseSockets(MqttHosting.Tune);
        builder.Services.AddSingleton<IMqttAccess>(access);
        builder.Services.AddSingleton<ICommitLane>(lane);
        builder.Services.AddSingleton(lane);
        builder.Services.AddSingleton(partitions);
        builder.Services.AddHostedService<PartitionRounds>();
        builder.Services.AddHostedService(provider => new RegistryChanges(Store.Primary, Registry, time, provider.GetRequiredService<ILogger<RegistryChanges>>()));
        builder.Services.AddMqttServer(mqtt =>
        {
            mqtt.KeepAliveCap = Settings.KeepAliveCap;
            mqtt.RefusedTopicFilter = Settings["refuse-topic"];
        });
        builder.Services.AddSingleton(Credentials);
        builder.Services.AddSingleton(pages);
        builder.Services.AddSingleton(new ReadingQueries(Store));
        builder.Services.AddSingleton(new DeviceQueries(Store));
        builder.Services.AddSingleton(new QuarantineQueries(Store));
        builder.Services.AddSingleton(new QuarantineReplay(Store.Primary, lane, Registry));
        builder.Services.AddSingleton(new TraceQueries(Store, Registry));
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
            Listeners = MqttListeners.Of(Settings),
            DataFolder = Settings.DataFolder,
        });
        App = builder.Build();
        _endings.Add(App.DisposeAsync);
        var server = App.Services.GetRequiredService<MqttServer>();
        access.Disconnect = (isMeant, words) => server.Disconnect((_, identity) => isMeant(identity), ReasonCode.AdministrativeAction, words);
        App.UseHeadwaterWeb();
    }

    /// <summary>Ports in the order the endpoints were added: the pages first, then the MQTT listeners.</summary>
    private List<int> BoundPorts() =>
        [.. (App.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses ?? []).Select(static a => BindingAddress.Parse(a).Port)];

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
