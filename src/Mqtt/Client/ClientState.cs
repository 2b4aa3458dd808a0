using Headwater.Mqtt.Packets;

namespace Headwater.Mqtt.Client;

/// <summary>Where a client stands.</summary>
public enum ClientState : byte
{
    /// <summary>Never started.</summary>
    Idle,

    /// <summary>Dialling, or waiting for CONNACK.</summary>
    Connecting,

    /// <summary>CONNACK came with success.</summary>
    Connected,

    /// <summary>Waiting before it dials again.</summary>
    Pausing,

    /// <summary>Ended: stopped, or lost without reconnect, or its session was taken over.</summary>
    Stopped,
}

/// <summary>Told at each change of state. Runs on the client's own loop: return soon.</summary>
/// <param name="client">Which.</param>
/// <param name="state">The new one.</param>
/// <param name="reason">Words for a log; empty when there is nothing to say.</param>
public delegate void ClientStateChanged(MqttClient client, ClientState state, string reason);

/// <summary>Sees a received message without a copy of it being made. Runs on the read loop: return soon, keep nothing.</summary>
/// <param name="packet">Valid during the call.</param>
/// <param name="topic">Topic name, an alias resolved.</param>
public delegate void PublishObserver(scoped in PublishPacket packet, scoped ReadOnlySpan<byte> topic);
