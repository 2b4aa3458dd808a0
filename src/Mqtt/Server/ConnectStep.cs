using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Headwater.Mqtt.Packets;
using Headwater.Mqtt.Topics;
using Microsoft.AspNetCore.Connections.Features;

namespace Headwater.Mqtt.Server;

/// <summary>From a well-formed CONNECT to CONNACK: sign-in, session, limits told.</summary>
internal sealed class ConnectStep(MqttServer server, ClientConnection connection, ConnectPacket connect)
{
    private readonly MqttServerOptions _options = server.Options;

    /// <summary>True when the client is connected.</summary>
    internal async Task<bool> RunAsync()
    {
        connection.Version = connect.Version;
        connection.WantsProblemInformation = connect.RequestProblemInformation;
        connection.IsBeingJudged = true;
        if (connect.AuthenticationMethod is not null)
        {
            return Refuse(ReasonCode.BadAuthenticationMethod, "enhanced authentication is not supported");
        }

        if (System.Text.Encoding.UTF8.GetByteCount(connect.ClientId) > _options.ClientIdLength)
        {
            return Refuse(ReasonCode.ClientIdentifierNotValid, "client identifier longer than this server takes");
        }

        var identity = await SignInAsync();
        if (identity is null || !connection.IsOpen) { return false; }
        if (!JudgeWill(identity, out var will)) { return false; }
        return await ConnectAsync(identity, will);
    }

    private async Task<MqttIdentity?> SignInAsync()
    {
        var account = connect.UserName ?? connect.ClientId;
        var delay = server.SignIns.DelayFor(connection.RemoteAddress, account);
        if (delay > TimeSpan.Zero) { await Task.Delay(delay, server.Time, connection.Closing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); }
        if (!connection.IsOpen) { return null; }
        var verdict = await JudgeAsync(connection.Context.ConnectionClosed);

        if (verdict.Identity is { } identity)
        {
            server.SignIns.Succeeded(account);
            return identity;
        }

        if (verdict.Reason != ReasonCode.ServerUnavailable) { server.SignIns.Failed(connection.RemoteAddress, account); }
        Refuse(verdict.Reason >= ReasonCode.UnspecifiedError ? verdict.Reason : ReasonCode.NotAuthorized, verdict.ReasonText ?? "not authorized");
        return null;
    }

    private async Task<SignInVerdict> JudgeAsync(CancellationToken gone)
    {
        await server.SignIns.EnterAsync(gone);
        try
        {
            var request = new SignInRequest(
                connect.ClientId, connect.UserName, connect.Password, Certificate(), connection.Listener.Name, connection.Listener.AllowsAnonymous,
                connection.RemoteAddress);
            var judged = server.Access.SignInAsync(request, gone);
            return judged.IsCompletedSuccessfully ? await judged : await judged.AsTask().WaitAsync(_options.SignInTimeout, server.Time, gone);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            server.SignInFailed(fault);
            return new SignInVerdict(null, ReasonCode.ServerUnavailable, "sign-in cannot be judged at the moment");
        }
        finally
        {
            server.SignIns.Leave();
        }
    }

    private X509Certificate2? Certificate()
    {
#pragma warning disable MA0045 // the handshake is over: the certificate is at hand
        return connection.Context.Features.Get<Microsoft.AspNetCore.Http.Features.ITlsConnectionFeature>()?.ClientCertificate;
#pragma warning restore MA0045
    }

    private bool JudgeWill(MqttIdentity identity, out Will? will)
    {
        will = null;
        if (connect.Will is not { } asked) { return true; }
        var bytes = System.Text.Encoding.UTF8.GetBytes(asked.Topic);
        if (bytes.Length > _options.TopicLength || TopicName.CountLevels(bytes) > _options.TopicLevels)
        {
            return Refuse(ReasonCode.TopicNameInvalid, "will topic longer or deeper than this server takes");
        }

        if (server.RoutePublish(identity, asked.Topic).Verdict == TopicVerdict.Refused)
        {
            return Refuse(ReasonCode.NotAuthorized, "no right to publish to the will topic");
        }

        var content = EncodedPublish.Encode(asked.Topic, asked.Payload.Span, asked.Properties);
        var message = Message.From(content, asked.Topic, asked.QualityOfService, asked.Retain, connect.ClientId, server.Time.GetUtcNow());
        will = new Will(message, (uint)Math.Min(asked.DelayInterval, _options.WillDelayCap.TotalSeconds));
        return true;
    }

    private async Task<bool> ConnectAsync(MqttIdentity identity, Will? will)
    {
        var assigned = connect.ClientId.Length == 0 ? "hw-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12)) : null;
        var clientId = assigned ?? connect.ClientId;
        if (server.Sessions.ContestDelay(clientId, connection) is { Ticks: > 0 } delay)
        {
            await Task.Delay(delay, server.Time, connection.Closing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!connection.IsOpen) { return false; }
        }

        var expiry = (uint)Math.Min(connect.SessionExpiryInterval, _options.SessionExpiryCap.TotalSeconds);
        if (_options.SessionExpiryCap.TotalSeconds >= uint.MaxValue) { expiry = connect.SessionExpiryInterval; }
        SetLimits();
        var attached = server.Sessions.Attach(connection, clientId, identity, connect.CleanStart, expiry, will);
        if (attached.Refusal != ReasonCode.Success) { return Refuse(attached.Refusal, attached.Words); }
        if (attached.Saved is { IsCompletedSuccessfully: false } saved) { await WaitForStoreAsync(saved); }

        var session = attached.Session!;
        lock (session.Gate)
        {
            if (session.Connection != connection || !connection.IsOpen) { return false; }
            lock (connection.Outbound.Gate)
            {
                ConnAckPacket.Write(connection.Outbound, Accepted(attached.SessionPresent, expiry, assigned), connect.Version);
                connection.IsSignedIn = true;
            }

            session.Resume();
        }

        connection.Outbound.Owner = connection;
        connection.Outbound.Flush();
        connection.IsBeingJudged = false;
        server.ConnectedNow(connection, session);
        return true;
    }

    /// <summary>The change has been handed to the lane; while the database is away the client is let in after a short wait.</summary>
    private async Task WaitForStoreAsync(Task saved)
    {
        try { await saved.WaitAsync(_options.ConnectSaveWait, server.Time, connection.Closing); }
        catch (Exception fault) when (fault is TimeoutException or OperationCanceledException) { _ = Observe(saved); }

        static async Task Observe(Task late) => await late.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void SetLimits()
    {
        connection.SendWindow = connect.Version == ProtocolVersion.V5 ? Math.Min(connect.ReceiveMaximum, _options.MaximumInFlight) : _options.MaximumInFlight;
        connection.ClientMaximumPacketSize = connect.MaximumPacketSize ?? long.MaxValue;
        var seconds = KeepAlive();
        connection.KeepAliveSeconds = seconds;
        // One and a half times the keep-alive [MQTT-3.1.2-22].
        connection.SilenceAllowed = seconds == 0 ? _options.SilentConnectionLimit : TimeSpan.FromSeconds(seconds * 1.5);
    }

    private int KeepAlive()
    {
        var cap = (int)(connection.Listener.MaximumKeepAlive ?? _options.KeepAliveCap).TotalSeconds;
        return connect.Version == ProtocolVersion.V5 && (connect.KeepAlive == 0 || connect.KeepAlive > cap) ? cap : connect.KeepAlive;
    }

    private ConnAckPacket Accepted(bool sessionPresent, uint expiry, string? assigned) => new()
    {
        SessionPresent = sessionPresent,
        Reason = ReasonCode.Success,
        SessionExpiryInterval = expiry != connect.SessionExpiryInterval ? expiry : null,
        ReceiveMaximum = (ushort)_options.ReceiveMaximum,
        MaximumPacketSize = (uint)_options.MaximumPacketSize,
        AssignedClientIdentifier = assigned,
        TopicAliasMaximum = (ushort)_options.TopicAliasMaximum,
        ServerKeepAlive = connection.KeepAliveSeconds != connect.KeepAlive ? (ushort)connection.KeepAliveSeconds : null,
        ResponseInformation = connect.RequestResponseInformation ? string.Create(CultureInfo.InvariantCulture, $"response/{assigned ?? connect.ClientId}") : null,
    };

    private bool Refuse(ReasonCode reason, string words)
    {
        lock (connection.Outbound.Gate)
        {
            if (!connection.Outbound.IsClosed)
            {
                ConnAckPacket.Write(connection.Outbound, new ConnAckPacket { Reason = reason, ReasonString = words }, connect.Version);
            }
        }

        server.Refused(connection, connect.ClientId, reason, words);
        connection.EndAs(reason, words, byPeer: false);
        connection.Outbound.Flush();
        return false;
    }
}
