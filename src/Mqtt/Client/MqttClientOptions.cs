using System.Net;
using System.Security.Cryptography.X509Certificates;
using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Client;

/// <summary>How bytes get to the server.</summary>
public enum ClientTransport : byte
{
    /// <summary>Plain TCP, port 1883.</summary>
    Tcp,

    /// <summary>TLS 1.2 or later over TCP, port 8883.</summary>
    Tls,

    /// <summary>WebSocket with subprotocol <c>mqtt</c> (MQTT 5.0 section 6).</summary>
    WebSocket,

    /// <summary>WebSocket over TLS.</summary>
    WebSocketTls,
}

/// <summary>Settings of one <see cref="MqttClient"/>. Each names its default, range and reason.</summary>
public sealed record MqttClientOptions
{
    /// <summary>Server name or address. Default 127.0.0.1.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Server port, 1 to 65,535. Default 1883, the registered one.</summary>
    public int Port { get; init; } = 1883;

    /// <summary>Default plain TCP.</summary>
    public ClientTransport Transport { get; init; }

    /// <summary>Path of the WebSocket endpoint. Default <c>/mqtt</c>, as most servers have it.</summary>
    public string WebSocketPath { get; init; } = "/mqtt";

    /// <summary>Local address to leave from; null (default): the system's choice. A load generator needs several, one has 28,000 free ports only.</summary>
    public IPAddress? LocalAddress { get; init; }

    /// <summary>Default MQTT 5.0, which alone tells why something failed.</summary>
    public ProtocolVersion Version { get; init; } = ProtocolVersion.V5;

    /// <summary>Client identifier. Default empty: a 5.0 server assigns one, kept for reconnects.</summary>
    public string ClientId { get; init; } = "";

    /// <summary>User name; null (default): none.</summary>
    public string? UserName { get; init; }

    /// <summary>Password; null (default): none.</summary>
    public ReadOnlyMemory<byte>? Password { get; init; }

    /// <summary>
    /// Default true. Forget an older session at the first connect; reconnects of the same client resume where the session outlives the
    /// connection. In 3.1.1 true means no session at all.
    /// </summary>
    public bool CleanStart { get; init; } = true;

    /// <summary>Seconds the session outlives a lost connection, 5.0 only. Default 0; 300 or more is sensible for a device.</summary>
    public uint SessionExpiryInterval { get; init; }

    /// <summary>Seconds, 0 to 65,535; 0: none. Default 60: a dead path is noticed within a minute at two packets a minute.</summary>
    public ushort KeepAlive { get; init; } = 60;

    /// <summary>Published by the server when this client vanishes; null (default): none.</summary>
    public WillMessage? Will { get; init; }

    /// <summary>Own properties of CONNECT. Default none.</summary>
    public IReadOnlyList<UserProperty> UserProperties { get; init; } = [];

    /// <summary>QoS 1 and 2 messages taken unacknowledged, 1 to 65,535; 5.0 only. Default 100: bounds what waits for a slow handler.</summary>
    public ushort ReceiveMaximum { get; init; } = 100;

    /// <summary>Largest packet taken, bytes, 16 to 268,435,460. Default 1 MiB: bounds the memory a server can make us take.</summary>
    public int MaximumPacketSize { get; init; } = 1024 * 1024;

    /// <summary>Highest topic alias taken from the server, 0 to 65,535. Default 0: none.</summary>
    public ushort TopicAliasMaximum { get; init; }

    /// <summary>Own QoS 1 and 2 messages in flight, 1 to 65,000; the server's Receive Maximum may lower it. Default 64: fills a 100 ms path at 640/s.</summary>
    public int MaximumInFlight { get; init; } = 64;

    /// <summary>QoS 1 and 2 messages waiting for a place in flight or for a connection, 0 or more. Default 1,000: memory has a bound.</summary>
    public int MaximumQueued { get; init; } = 1_000;

    /// <summary>Bytes written but not yet taken by the network, 4 KiB or more. Default 256 KiB: beyond it publishers wait.</summary>
    public int MaximumBuffered { get; init; } = 256 * 1024;

    /// <summary>From dialling to CONNACK, above zero. Default 20 s: TLS over NB-IoT takes several.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Default true: dial again after a loss.</summary>
    public bool Reconnect { get; init; } = true;

    /// <summary>First delay before dialling again, above zero. Default 500 ms.</summary>
    public TimeSpan ReconnectDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Longest delay, at least the first. Default 60 s: a fleet that lost its server comes back spread over a minute.</summary>
    public TimeSpan MaximumReconnectDelay { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Default true: subscribe again when the server has lost the session.</summary>
    public bool Resubscribe { get; init; } = true;

    /// <summary>Default false. True: a message is acknowledged only when <see cref="ReceivedMessage.Acknowledge"/> is called.</summary>
    public bool ManualAcknowledgement { get; init; }

    /// <summary>Certificate with private key to prove who this client is; null (default): none.</summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>Roots that alone are trusted for the server; null (default): the system's.</summary>
    public X509Certificate2Collection? TrustedRoots { get; init; }

    /// <summary>Name the server's certificate must carry; null (default): <see cref="Host"/>.</summary>
    public string? ServerName { get; init; }

    /// <summary>Default false. True accepts any server certificate: for a simulator against a server under test only.</summary>
    public bool AcceptAnyServerCertificate { get; init; }

    /// <summary>Clock of keep-alive, time-outs and back-off. Default the system's.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>All mistakes in words, each with the setting's name; empty when right.</summary>
    public IReadOnlyList<string> Validate()
    {
        var mistakes = new List<string>();
        Check(Host.Length > 0, "Host is empty");
        Check(Port is > 0 and <= 65_535, $"Port {Port} is not within 1 to 65535");
        Check(Version is ProtocolVersion.V311 or ProtocolVersion.V5, $"Version {(byte)Version} is neither 4 nor 5");
        Check(ReceiveMaximum > 0, "ReceiveMaximum is 0");
        Check(MaximumPacketSize is >= 16 and <= RemainingLength.Max + 5, $"MaximumPacketSize {MaximumPacketSize} is not within 16 to 268435460");
        Check(MaximumInFlight is > 0 and <= 65_000, $"MaximumInFlight {MaximumInFlight} is not within 1 to 65000");
        Check(MaximumQueued >= 0, "MaximumQueued is negative");
        Check(MaximumBuffered >= 4096, "MaximumBuffered is below 4096");
        Check(ConnectTimeout > TimeSpan.Zero, "ConnectTimeout is not above zero");
        Check(ReconnectDelay > TimeSpan.Zero, "ReconnectDelay is not above zero");
        Check(MaximumReconnectDelay >= ReconnectDelay, "MaximumReconnectDelay is below ReconnectDelay");
        Check(Version == ProtocolVersion.V5 || UserName is not null || Password is null, "Password without UserName is not possible in MQTT 3.1.1");
        Check(Version == ProtocolVersion.V5 || ClientId.Length > 0 || CleanStart, "ClientId is empty without CleanStart, not possible in MQTT 3.1.1");
        Check(Will is null || Topics.TopicName.IsValid(Will.Topic), "Will has no valid topic");
        return mistakes;

        void Check(bool right, string mistake)
        {
            if (!right)
            {
                mistakes.Add(mistake);
            }
        }
    }
}
