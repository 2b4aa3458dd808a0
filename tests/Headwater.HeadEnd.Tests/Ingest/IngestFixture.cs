using Headwater.Accounts;
using Headwater.Accounts.Audit;
using Headwater.HeadEnd.Ingest;
using Headwater.HeadEnd.Registry;
using Headwater.Mqtt;
using Headwater.Mqtt.Server;
using Headwater.Storage.GroupCommit;
using Headwater.Storage.Migrations;
using Headwater.Storage.Partitions;
using Headwater.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Headwater.HeadEnd.Tests.Ingest;

/// <summary>A migrated database with partitions around now, and one organization.</summary>
public class IngestFixture : PostgresFixture
{
    protected override string Template => "headend_ingest";

    protected override Task PrepareAsync(string connectionString) => PrepareAsync(connectionString, timescaleInstalled: false);

    internal static async Task PrepareAsync(string connectionString, bool timescaleInstalled)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        var outcome = await MigrationRunner.RunAsync(
            source, [AccountsSchema.Migrations, HeadEndSchema.Migrations], timescaleInstalled, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        var maintenance = new PartitionMaintenance(source, outcome.Layout, StorePartitions.Tables, new PartitionOptions(), TimeProvider.System, NullLogger.Instance);
        await maintenance.RunOnceAsync(CancellationToken.None);
        await using var command = source.CreateCommand("insert into accounts.organization (text_id, name) values ('default', 'Default') on conflict do nothing");
        await command.ExecuteNonQueryAsync();
    }
}

/// <summary>The lane with everything it needs, on one database.</summary>
public sealed class IngestBench : IAsyncDisposable
{
    private sealed class OpenWindow : IStoreWindow
    {
        public long EarliestMicroseconds => DateTimeOffset.UnixEpoch.AddYears(55).ToUnixTimeMilliseconds() * 1000;

        public long LatestMicroseconds => long.MaxValue;
    }

    private IngestBench(NpgsqlDataSource source, DeviceRegistry registry, IngestOptions options, GroupCommitOptions commit)
    {
        Source = source;
        Registry = registry;
        Lane = new UplinkLane(
            source, registry, null, new OpenWindow(), new QuarantineBudget(options), options, commit, TimeProvider.System,
            NullLogger<UplinkLane>.Instance);
    }

    public NpgsqlDataSource Source { get; }

    public DeviceRegistry Registry { get; }

    public UplinkLane Lane { get; }

    public static async Task<IngestBench> StartAsync(string connectionString, Action<IngestOptions>? change = null, Action<GroupCommitOptions>? changeCommit = null)
    {
        var source = NpgsqlDataSource.Create(connectionString);
        var registry = new DeviceRegistry(source, new NoAudit(), new DeviceRegistryOptions { DefaultOrganizationId = 1 }, TimeProvider.System, NullLogger<DeviceRegistry>.Instance);
        await registry.LoadAsync(CancellationToken.None);
        var options = new IngestOptions();
        change?.Invoke(options);
        var commit = new GroupCommitOptions();
        changeCommit?.Invoke(commit);
        return new IngestBench(source, registry, options, commit);
    }

    public async Task<RegisteredDevice> AddMeterAsync(string id, Devices.DeviceClass deviceClass = Devices.DeviceClass.ElectricityMeter)
    {
        var device = await Registry.RegisterAutomaticallyAsync(id, deviceClass, null, CancellationToken.None);
        await Registry.AddRegisterAsync(device, "1-0:1.8.0", CancellationToken.None);
        return device;
    }

    public TestRun Plain(RegisteredDevice sender, params string[] payloads)
    {
        var run = new TestRun(sender.TextId);
        var route = new UplinkRoute("smart_meter/meter_readings", TopicVerdict.Uplink, Devices.Uplink.UplinkForm.Plain, "", sender);
        foreach (var payload in payloads) { run.Publish(route, payload); }
        return run;
    }

    /// <summary>A run on one of the topics under <c>hw/v1/</c>.</summary>
    public TestRun On(RegisteredDevice sender, string last, params string[] payloads)
    {
        var run = new TestRun(sender.TextId);
        var route = UplinkRouter.TryRoute($"hw/v1/{sender.TextId}/up/{last}", sender, mayPublish: true)!;
        foreach (var payload in payloads) { run.Publish(route, payload); }
        return run;
    }

    public async Task CommitAsync(params TestRun[] runs)
    {
        foreach (var run in runs) { Lane.Submit(run); }
        await Task.WhenAll(runs.Select(static r => r.Done)).WaitAsync(TimeSpan.FromSeconds(30));
    }

    public async ValueTask DisposeAsync()
    {
        await Lane.DisposeAsync();
        await Registry.DisposeAsync();
        await Source.DisposeAsync();
    }

    private sealed class NoAudit : IAudit
    {
        public Task WriteAsync(NpgsqlConnection connection, Actor actor, string action, string target, object? detail, CancellationToken cancellationToken) =>
            Task.CompletedTask;

        public Task WriteAsync(Actor actor, string action, string target, object? detail, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>A run as the MQTT server would hand it over.</summary>
public sealed class TestRun : PublishRun
{
    private static long _connections;
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TestRun(string clientId, DateTimeOffset? arrivedAt = null)
    {
        ClientId = clientId;
        Identity = new TestIdentity(clientId);
        ConnectionNumber = Interlocked.Increment(ref _connections);
        ArrivedAtMicroseconds = (arrivedAt ?? TimeProvider.System.GetUtcNow()).ToUnixTimeMilliseconds() * 1000;
    }

    public override string ClientId { get; }

    public override MqttIdentity Identity { get; }

    public override long ConnectionNumber { get; }

    public override ProtocolVersion Version => ProtocolVersion.V5;

    public Task Done => _done.Task;

    public int Completions { get; private set; }

    public void Publish(TopicRoute route, string payload)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(payload);
        var offset = Append(bytes);
        ref var item = ref AddItem();
        item.Route = route;
        item.PayloadOffset = offset;
        item.PayloadLength = bytes.Length;
        item.PacketId = (ushort)Count;
        item.QualityOfService = QualityOfService.AtLeastOnce;
    }

    public override void Complete()
    {
        Completions++;
        _done.TrySetResult();
    }

    private sealed class TestIdentity(string name) : MqttIdentity
    {
        public override string Name => name;

        public override string Owner => name;

        public override bool IsOperator => false;
    }
}
