namespace Headwater.Mqtt.Server;

/// <summary>Every limit of the MQTT server. Anything a peer can make grow has one here; <c>docs/limits.md</c> says what happens at each.</summary>
/// <remarks>Set before the server starts; <see cref="Validate"/> reports all mistakes at once.</remarks>
public sealed class MqttServerOptions
{
    /// <summary>Largest packet taken, fixed header included, bytes. Default 262,144; range 1,024 to 268,435,460. Reason: the largest
    /// honest uplink is a profile message of 1,440 values, about 12 KB; room for concentrators, no room for memory attacks.</summary>
    public int MaximumPacketSize { get; set; } = 262_144;

    /// <summary>Largest CONNECT taken, bytes. Default 16,384; range 512 to 262,144. Reason: nobody is signed in yet.</summary>
    public int MaximumConnectSize { get; set; } = 16_384;

    /// <summary>Receive Maximum announced to MQTT 5 clients, and the bound on open incoming QoS 2 ids per session. Default 1,000;
    /// range 1 to 65,535. Reason: ten reads of a 100-in-flight client.</summary>
    public int ReceiveMaximum { get; set; } = 1_000;

    /// <summary>Publishes of one connection submitted to the lane and not yet committed, at which reading pauses. Default 1,000;
    /// range 1 to 1,000,000. Reason: bounds memory while the database is away.</summary>
    public int InboundWindowMessages { get; set; } = 1_000;

    /// <summary>Bytes of the same window. Default 524,288; range 4,096 to 1 GB.</summary>
    public int InboundWindowBytes { get; set; } = 524_288;

    /// <summary>Unacknowledged QoS 1/2 messages sent to one client at most; the client's Receive Maximum lowers it. Default 256;
    /// range 1 to 65,535. Reason: keeps the resend after a reconnect short.</summary>
    public int MaximumInFlight { get; set; } = 256;

    /// <summary>Messages in one session's queue, in flight included. Default 10,000; range 1 to 10,000,000. Reason: a day of
    /// commands and events for an offline client.</summary>
    public int QueueMessages { get; set; } = 10_000;

    /// <summary>Bytes in one session's queue. Default 16 MB; range 4 KB to 1 GB.</summary>
    public long QueueBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>Bytes in all sessions' queues together. Default 512 MB; range 1 MB to 1 TB. Reason: many offline sessions must not
    /// take the machine's memory.</summary>
    public long TotalQueueBytes { get; set; } = 512L * 1024 * 1024;

    /// <summary>Bytes written to one connection that its peer has not taken. Above it QoS 0 is dropped. Default 1 MB;
    /// range 16 KB to 64 MB.</summary>
    public int OutboundBufferBytes { get; set; } = 1024 * 1024;

    /// <summary>The same for all connections together: above it QoS 0 is dropped for connections that are behind. Default 256 MB;
    /// range 1 MB to 64 GB.</summary>
    public long TotalOutboundBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>How long a peer may take nothing of what waits for it before it is disconnected. Default 30 s; range 1 s to 1 h.
    /// Reason: longer than a radio link's pause, shorter than an operator's patience.</summary>
    public TimeSpan WriteStallTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Subscriptions of one session. Default 1,000; range 1 to 1,000,000. Reason: concentrators need hundreds.</summary>
    public int SubscriptionsPerSession { get; set; } = 1_000;

    /// <summary>Levels in a topic name or filter. Default 32; range 1 to 65,535. Reason: matching cost grows with levels; the
    /// head-end's own topics have five.</summary>
    public int TopicLevels { get; set; } = 32;

    /// <summary>UTF-8 bytes of a topic name or filter. Default 1,024; range 16 to 2,000. Reason: it is a key in the
    /// database, whose index takes 2,700 bytes.</summary>
    public int TopicLength { get; set; } = 1_024;

    /// <summary>UTF-8 bytes of a client identifier. Default 256; range 23 to 2,000. Reason: 23 is the least the
    /// standard asks; the most is what a key in the database may be.</summary>
    public int ClientIdLength { get; set; } = 256;

    /// <summary>Sessions kept, connected or not. Default 1,000,000; range 1 to 10,000,000.</summary>
    public int Sessions { get; set; } = 1_000_000;

    /// <summary>Sessions without a connection kept for one owner. Default 1,000; range 1 to 1,000,000. Reason: one credential cannot
    /// leave endless sessions behind.</summary>
    public int SessionsPerOwner { get; set; } = 1_000;

    /// <summary>Connections in all. Default 100,000; range 1 to 10,000,000. Also bounded by the process's open files.</summary>
    public int Connections { get; set; } = 100_000;

    /// <summary>Connections from one address. Default 20,000; range 1 to 10,000,000. Reason: a mobile carrier or a concentrator hides
    /// thousands of meters behind one address; loopback is not counted.</summary>
    public int ConnectionsPerAddress { get; set; } = 20_000;

    /// <summary>Connections not yet signed in, all addresses together. Default 20,000; range 1 to 1,000,000. Reason: a quarter of a
    /// million meters reconnect after an outage, each in well under a second.</summary>
    public int UnsignedConnections { get; set; } = 20_000;

    /// <summary>Longest session expiry granted. Default 30 days; range 0 to 136 years (2^32-1 s). Reason: a session nobody comes back for
    /// ends some day. MQTT 3.1.1 sessions without clean session get exactly this.</summary>
    public TimeSpan SessionExpiryCap { get; set; } = TimeSpan.FromDays(30);

    /// <summary>Retained messages. Default 1,000,000; range 0 to 100,000,000.</summary>
    public int RetainedMessages { get; set; } = 1_000_000;

    /// <summary>Bytes of all retained messages. Default 256 MB; range 0 to 64 GB.</summary>
    public long RetainedBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>Time from accept to a complete CONNECT. Default 10 s; range 1 s to 5 min.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest keep-alive granted, also to clients that ask for none (0). Default 1 h; range 1 s to 65,535 s. MQTT 5 clients are
    /// told by Server Keep Alive. 3.1.1 has no way to tell: there the client's own value counts, and those who ask for none get
    /// <see cref="SilentConnectionLimit"/>.</summary>
    public TimeSpan KeepAliveCap { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long a 3.1.1 connection without keep-alive may be silent before it is taken for dead. Default 24 h; range 1 min to 30 days.</summary>
    public TimeSpan SilentConnectionLimit { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Topic Alias Maximum announced. Default 16; range 0 to 65,535. Reason: a meter uses two or three topics; each alias
    /// costs memory per connection.</summary>
    public int TopicAliasMaximum { get; set; } = 16;

    /// <summary>Longest will delay granted. Default 1 day; range 0 to 30 days.</summary>
    public TimeSpan WillDelayCap { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How long after a restart a client may come back before the will of its broken connection is published, when its will delay
    /// is shorter. Default 30 s; range 0 to 1 h.</summary>
    public TimeSpan RestartWillGrace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Routes of topics cached per connection. Default 64; range 1 to 65,536.</summary>
    public int CachedRoutes { get; set; } = 64;

    /// <summary>Sign-ins judged at the same time; others wait in line. Default 64; range 1 to 10,000.</summary>
    public int SignInConcurrency { get; set; } = 64;

    /// <summary>Longest wait for the judgement of a sign-in. Default 15 s; range 1 s to 60 s. After it the client hears "server unavailable".</summary>
    public TimeSpan SignInTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Failed sign-ins from one address, or for one account, after which further ones are slowed. Default 10; range 1 to 1,000,000.</summary>
    public int SignInFailuresBeforeDelay { get; set; } = 10;

    /// <summary>Longest slow-down of a sign-in. Default 8 s; range 0 to 60 s. Doubles from 250 ms with every ten failures; halves with each
    /// minute without one.</summary>
    public TimeSpan SignInDelayCap { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>Take-overs of one client id within a minute after which they are slowed and reported. Default 5; range 1 to 1,000.</summary>
    public int TakeOversBeforeDelay { get; set; } = 5;

    /// <summary>Longest slow-down of a contested client id. Default 8 s; range 0 to 60 s.</summary>
    public TimeSpan TakeOverDelayCap { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>Longest wait for the store before CONNACK. Default 2 s; range 0 to 60 s. Reason: sign-in works while the database is away;
    /// the change has been handed to the lane and will commit before anything acknowledged later.</summary>
    public TimeSpan ConnectSaveWait { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>A topic filter nobody may publish or subscribe to (answered as refused by rights), for conformance suites; null for none.</summary>
    public string? RefusedTopicFilter { get; set; }

    /// <summary>How often <c>$SYS</c> figures are published. Default 10 s; range 1 s to 1 h.</summary>
    public TimeSpan SystemTopicInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long open connections get to take the last bytes at shutdown. Default 2 s; range 0 to 60 s.</summary>
    public TimeSpan ShutdownGrace { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>All mistakes in words, each with its setting's name; empty when there is none.</summary>
    public IReadOnlyList<string> Validate()
    {
        var mistakes = new List<string>();
        Check(nameof(MaximumPacketSize), MaximumPacketSize, 1_024, 268_435_460);
        Check(nameof(MaximumConnectSize), MaximumConnectSize, 512, 262_144);
        Check(nameof(ReceiveMaximum), ReceiveMaximum, 1, 65_535);
        Check(nameof(InboundWindowMessages), InboundWindowMessages, 1, 1_000_000);
        Check(nameof(InboundWindowBytes), InboundWindowBytes, 4_096, 1 << 30);
        Check(nameof(MaximumInFlight), MaximumInFlight, 1, 65_535);
        Check(nameof(QueueMessages), QueueMessages, 1, 10_000_000);
        Check(nameof(QueueBytes), QueueBytes, 4_096, 1L << 30);
        Check(nameof(TotalQueueBytes), TotalQueueBytes, 1L << 20, 1L << 40);
        Check(nameof(OutboundBufferBytes), OutboundBufferBytes, 16_384, 1 << 26);
        Check(nameof(TotalOutboundBytes), TotalOutboundBytes, 1L << 20, 1L << 36);
        Check(nameof(SubscriptionsPerSession), SubscriptionsPerSession, 1, 1_000_000);
        Check(nameof(TopicLevels), TopicLevels, 1, 65_535);
        Check(nameof(TopicLength), TopicLength, 16, 2_000);
        Check(nameof(ClientIdLength), ClientIdLength, 23, 2_000);
        Check(nameof(Sessions), Sessions, 1, 10_000_000);
        Check(nameof(SessionsPerOwner), SessionsPerOwner, 1, 1_000_000);
        Check(nameof(Connections), Connections, 1, 10_000_000);
        Check(nameof(ConnectionsPerAddress), ConnectionsPerAddress, 1, 10_000_000);
        Check(nameof(UnsignedConnections), UnsignedConnections, 1, 1_000_000);
        Check(nameof(RetainedMessages), RetainedMessages, 0, 100_000_000);
        Check(nameof(RetainedBytes), RetainedBytes, 0, 1L << 36);
        Check(nameof(TopicAliasMaximum), TopicAliasMaximum, 0, 65_535);
        Check(nameof(CachedRoutes), CachedRoutes, 1, 65_536);
        Check(nameof(SignInConcurrency), SignInConcurrency, 1, 10_000);
        Check(nameof(SignInFailuresBeforeDelay), SignInFailuresBeforeDelay, 1, 1_000_000);
        Check(nameof(TakeOversBeforeDelay), TakeOversBeforeDelay, 1, 1_000);
        CheckTime(nameof(WriteStallTimeout), WriteStallTimeout, 1, 3_600);
        CheckTime(nameof(SessionExpiryCap), SessionExpiryCap, 0, uint.MaxValue);
        CheckTime(nameof(ConnectTimeout), ConnectTimeout, 1, 300);
        CheckTime(nameof(KeepAliveCap), KeepAliveCap, 1, 65_535);
        CheckTime(nameof(SilentConnectionLimit), SilentConnectionLimit, 60, 30 * 86_400);
        CheckTime(nameof(WillDelayCap), WillDelayCap, 0, 30 * 86_400);
        CheckTime(nameof(RestartWillGrace), RestartWillGrace, 0, 3_600);
        CheckTime(nameof(SignInTimeout), SignInTimeout, 1, 60);
        CheckTime(nameof(SignInDelayCap), SignInDelayCap, 0, 60);
        CheckTime(nameof(TakeOverDelayCap), TakeOverDelayCap, 0, 60);
        CheckTime(nameof(ConnectSaveWait), ConnectSaveWait, 0, 60);
        CheckTime(nameof(SystemTopicInterval), SystemTopicInterval, 1, 3_600);
        CheckTime(nameof(ShutdownGrace), ShutdownGrace, 0, 60);
        return mistakes;

        void Check(string name, long value, long least, long most)
        {
            if (value < least || value > most) { mistakes.Add($"{name} is {value}; it must lie between {least} and {most}."); }
        }

        void CheckTime(string name, TimeSpan value, double leastSeconds, double mostSeconds)
        {
            if (value.TotalSeconds < leastSeconds || value.TotalSeconds > mostSeconds)
            {
                mistakes.Add($"{name} is {value}; it must lie between {leastSeconds} and {mostSeconds} seconds.");
            }
        }
    }
}
