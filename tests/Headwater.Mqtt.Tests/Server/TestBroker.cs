using System.IO.Pipelines;
using System.Net;
using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Server;
using Headwater.Mqtt.Topics;
using Headwater.TestKit;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Headwater.Mqtt.Tests.Server;

/// <summary>A server in memory: real code from the read loop on, pipes instead of sockets, a clock that moves when told.</summary>
internal sealed class TestBroker : IAsyncDisposable
{
    private readonly LogCapture _log = new();

    private TestBroker(ICommitLane lane, TestAccess access, MqttServerOptions options)
    {
        Lane = lane;
        Access = access;
        Server = new MqttServer(Options.Create(options), access, lane, Time, _log.CreateLogger<MqttServer>());
    }

    internal FakeTimeProvider Time { get; } = new();

    internal MqttServer Server { get; }

    internal ICommitLane Lane { get; }

    internal ControlledLane Controlled => (ControlledLane)Lane;

    internal TestAccess Access { get; }

    internal LogCapture Log => _log;

    internal static async Task<TestBroker> StartAsync(Action<MqttServerOptions>? configure = null, ICommitLane? lane = null, TestAccess? access = null)
    {
        var options = new MqttServerOptions();
        configure?.Invoke(options);
        var broker = new TestBroker(lane ?? new VolatileLane(), access ?? new TestAccess(), options);
        await broker.Server.StartAsync(CancellationToken.None);
        return broker;
    }

    internal static Task<TestBroker> StartDurableAsync(Action<MqttServerOptions>? configure = null, StoredSessions? stored = null, TestAccess? access = null, bool commitAtOnce = true) =>
        StartAsync(configure, new ControlledLane(stored) { CommitsAtOnce = commitAtOnce }, access);

    /// <summary>Opens a connection without sending anything.</summary>
    internal TestClient Open(ProtocolVersion version = ProtocolVersion.V5, MqttListener? listener = null, string remote = "127.0.0.1", int writeBuffer = 64 * 1024)
    {
        var toServer = new Pipe(new PipeOptions(useSynchronizationContext: false));
        var toClient = new Pipe(new PipeOptions(pauseWriterThreshold: writeBuffer, resumeWriterThreshold: writeBuffer / 2, useSynchronizationContext: false));
        var context = new MemoryConnection(new Duplex(toServer.Reader, toClient.Writer), toServer.Writer, toClient.Reader)
        {
            RemoteEndPoint = new IPEndPoint(IPAddress.Parse(remote), 40_000),
        };
        var served = Task.Run(async () =>
        {
            await Server.ServeAsync(context, listener ?? new MqttListener("test"));
            context.IsOver = true;
            await toClient.Writer.CompleteAsync(); // what Kestrel does once the handler has returned
        });
        return new TestClient(version, toClient.Reader, toServer.Writer, served);
    }

    /// <summary>Connects and expects success.</summary>
    internal async Task<TestClient> ConnectAsync(
        string clientId, ProtocolVersion version = ProtocolVersion.V5, bool clean = true, uint expiry = 0, Func<ConnectPacket, ConnectPacket>? with = null,
        int writeBuffer = 64 * 1024)
    {
        var client = Open(version, writeBuffer: writeBuffer);
        var connect = new ConnectPacket
        {
            Version = version,
            ClientId = clientId,
            CleanStart = clean,
            SessionExpiryInterval = expiry,
            KeepAlive = 60,
        };
        await client.SendAsync(output => ConnectPacket.Write(output, with is null ? connect : with(connect)));
        client.ConnAck = await client.ReceiveConnAckAsync();
        client.ConnAck.Reason.ShouldBe(ReasonCode.Success);
        return client;
    }

    /// <summary>Lets fake time pass, tick by tick, so that every heartbeat runs.</summary>
    internal void Pass(TimeSpan time) => Time.Advance(time);

    public async ValueTask DisposeAsync()
    {
        if (Lane is ControlledLane controlled) { controlled.CommitsAtOnce = true; controlled.CommitAll(); }
        var stopped = Server.DisposeAsync().AsTask();
        while (!stopped.IsCompleted)
        {
            Time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.WhenAny(stopped, Task.Delay(5));
        }

        await stopped;
        _log.AssertNoUndeclaredErrors();
    }

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }

    /// <summary>A transport that is cut by an abort on both sides, as a socket is.</summary>
    private sealed class MemoryConnection(IDuplexPipe transport, PipeWriter clientOutput, PipeReader clientInput) : DefaultConnectionContext("memory", transport, transport)
    {
        /// <summary>The handler has returned: what is left in the pipe is the client's.</summary>
        internal bool IsOver { get; set; }

        public override void Abort(ConnectionAbortedException abortReason)
        {
            if (IsOver) { return; }
            clientOutput.CancelPendingFlush();
            try { clientInput.Complete(); }
            catch (InvalidOperationException) { clientInput.CancelPendingRead(); }
        }
    }
}

/// <summary>An identity that may do what its test says.</summary>
internal sealed class TestIdentity(string name, string owner, bool isOperator) : MqttIdentity
{
    public override string Name => name;

    public override string Owner => owner;

    public override bool IsOperator => isOperator;
}

/// <summary>Access rules a test can change: everything is allowed until it says otherwise.</summary>
internal sealed class TestAccess : IMqttAccess
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, TestIdentity> _identities = new(StringComparer.Ordinal);

    /// <summary>Filters nobody may publish to.</summary>
    internal List<string> RefusedTopics { get; } = [];

    /// <summary>Filters nobody may subscribe to.</summary>
    internal List<string> RefusedFilters { get; } = [];

    /// <summary>Topics nobody may receive.</summary>
    internal List<string> HiddenTopics { get; } = [];

    /// <summary>Topics that are uplinks.</summary>
    internal string UplinkFilter { get; set; } = "up/#";

    internal string? Password { get; set; }

    internal int SignIns { get; private set; }

    internal List<string> Routed { get; } = [];

    public ValueTask<SignInVerdict> SignInAsync(SignInRequest request, CancellationToken cancellationToken)
    {
        SignIns++;
        if (Password is not null && (request.Password is not { } given || !given.Span.SequenceEqual(System.Text.Encoding.UTF8.GetBytes(Password))))
        {
            return ValueTask.FromResult(new SignInVerdict(null, ReasonCode.BadUserNameOrPassword, "user name or password is wrong"));
        }

        // The user name is the owner; without one the client id is.
        return ValueTask.FromResult(new SignInVerdict(Identity(request.UserName ?? request.ClientId), ReasonCode.Success));
    }

    public TopicRoute RoutePublish(MqttIdentity identity, string topic)
    {
        lock (Routed) { Routed.Add(topic); }
        var verdict = RefusedTopics.Exists(f => TopicFilter.Matches(f, topic)) ? TopicVerdict.Refused
            : TopicFilter.Matches(UplinkFilter, topic) ? TopicVerdict.Uplink
            : TopicVerdict.Broker;
        return new TopicRoute(topic, verdict);
    }

    public bool MaySubscribe(MqttIdentity identity, string filter) => !RefusedFilters.Contains(filter, StringComparer.Ordinal);

    public bool MayReceive(MqttIdentity identity, string topic) => !HiddenTopics.Contains(topic, StringComparer.Ordinal);

    public ValueTask<MqttIdentity?> RestoreAsync(string owner, string clientId, CancellationToken cancellationToken) => ValueTask.FromResult<MqttIdentity?>(Identity(owner));

    internal TestIdentity Identity(string owner) => _identities.GetOrAdd(owner, o => new TestIdentity(o, o, o.StartsWith("operator", StringComparison.Ordinal)));
}
