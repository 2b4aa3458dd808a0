using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Headwater.Mqtt.Server;

/// <summary>Decides who may connect and what each client may do. The server asks; it holds no rights of its own.</summary>
/// <remarks>All members may be called from many connections at once and must not block a thread. Sign-in must work from cached
/// credentials while the database is away.</remarks>
public interface IMqttAccess
{
    /// <summary>Judges a CONNECT. Called once per connection, after the packet was found well formed.</summary>
    ValueTask<SignInVerdict> SignInAsync(SignInRequest request, CancellationToken cancellationToken);

    /// <summary>Where a topic leads for this client. Called once per connection and topic; the server caches the answer until
    /// <see cref="MqttIdentity.RightsVersion"/> changes.</summary>
    TopicRoute RoutePublish(MqttIdentity identity, string topic);

    /// <summary>Whether the client may subscribe with this filter (the part after <c>$share/group/</c> for shared ones).</summary>
    bool MaySubscribe(MqttIdentity identity, string filter);

    /// <summary>Whether a message on this topic may be handed to the client. Called at delivery only for topics that begin with <c>$</c>
    /// and for messages queued before the client's rights changed.</summary>
    bool MayReceive(MqttIdentity identity, string topic);

    /// <summary>The identity behind a session that survived a restart, so that its will can be published and its rights judged before it
    /// is back. Null when it is not known any more: its will is then an ordinary message.</summary>
    /// <param name="owner">The session's owner.</param>
    /// <param name="clientId">Its client id.</param>
    /// <param name="cancellationToken">Gives up.</param>
    ValueTask<MqttIdentity?> RestoreAsync(string owner, string clientId, CancellationToken cancellationToken) => ValueTask.FromResult<MqttIdentity?>(null);
}

/// <summary>What a CONNECT said of its sender.</summary>
/// <param name="ClientId">The client identifier; empty when the client asked the server to assign one.</param>
/// <param name="UserName">The user name, or null when absent.</param>
/// <param name="Password">The password bytes, or null when absent. Never to be logged.</param>
/// <param name="Certificate">The client certificate the TLS handshake verified, or null.</param>
/// <param name="Listener">Name of the listener it arrived at, for example <c>mqtt</c>, <c>mqtts</c>, <c>ws</c>, <c>open</c>.</param>
/// <param name="AllowsAnonymous">True on the listener that lets an anonymous client do everything (off by default, loopback only).</param>
/// <param name="Remote">The peer's address.</param>
public sealed record SignInRequest(
    string ClientId, string? UserName, ReadOnlyMemory<byte>? Password, X509Certificate2? Certificate,
    string Listener, bool AllowsAnonymous, IPAddress Remote);

/// <summary>The answer to a <see cref="SignInRequest"/>.</summary>
/// <param name="Identity">Who it is; null when refused.</param>
/// <param name="Reason">Success, or the CONNACK reason code (MQTT 5.0 table 3-1; mapped to 3.1.1 return codes by the server).</param>
/// <param name="ReasonText">Words for the log and the MQTT 5 reason string; never says which part of a credential was wrong.</param>
public sealed record SignInVerdict(MqttIdentity? Identity, ReasonCode Reason, string? ReasonText = null);

/// <summary>A signed-in client. Subclassed by the product; the server only needs a name and the version of its rights.</summary>
public abstract class MqttIdentity
{
    private int _rightsVersion;

    /// <summary>Name shown in the session list: a device id, a person, a service.</summary>
    public abstract string Name { get; }

    /// <summary>The session's owner: a client id can be taken over only by an identity with the same owner.</summary>
    /// <remarks>Another device's id never takes its session (hostile peers, "rights").</remarks>
    public abstract string Owner { get; }

    /// <summary>May read <c>$SYS</c>-like figures and other operator topics.</summary>
    public abstract bool IsOperator { get; }

    /// <summary>Grows each time the rights of this identity change.</summary>
    public int RightsVersion => Volatile.Read(ref _rightsVersion);

    /// <summary>Called when a connection of this identity has signed in. Must return soon.</summary>
    /// <param name="remote">The peer's address and port.</param>
    public virtual void Connected(string remote)
    {
        // Most identities keep no record of their contacts.
    }

    /// <summary>Called once for each <see cref="Connected"/>, when nothing is left of that connection.</summary>
    public virtual void Disconnected()
    {
        // As above.
    }

    /// <summary>Makes every cached route of this identity stale; the server then re-checks subscriptions, queue and will.</summary>
    public void RightsChanged() => Interlocked.Increment(ref _rightsVersion);
}

/// <summary>What becomes of a message published to one topic by one identity.</summary>
public enum TopicVerdict : byte
{
    /// <summary>An ordinary message: acknowledged once every queue that must survive a restart holds it.</summary>
    Broker = 0,

    /// <summary>An uplink: goes through the commit lane, acknowledged after its transaction has committed, then handed to subscribers.</summary>
    Uplink = 1,

    /// <summary>No right. MQTT 5: acknowledged with 0x87. MQTT 3.1.1 has no way to refuse: goes to the lane, which quarantines it.</summary>
    Refused = 2,
}

/// <summary>The cached answer to "where does this topic lead". Subclassed by the lane's owner to carry the parsed form of the topic.</summary>
public class TopicRoute(string topic, TopicVerdict verdict)
{
    /// <summary>The topic name, aliases resolved.</summary>
    public string Topic { get; } = topic;

    /// <summary>What becomes of messages on it.</summary>
    public TopicVerdict Verdict { get; } = verdict;

    /// <summary>True when an uplink is also a message for the broker's retained store and subscribers. False keeps a topic private to the lane.</summary>
    public virtual bool IsPublished => Verdict != TopicVerdict.Refused;
}
