using System.Net;
using System.Net.Sockets;
using Headwater.Server.Configuration;

namespace Headwater.Server.Serving;

/// <summary>Looks whether the listeners' ports are free before anything is made: a database that nobody can reach helps nobody.</summary>
internal static class PortCheck
{
    /// <summary>One sentence for each port that is taken, or null. A port taken between this look and the start is told by the listener itself.</summary>
    internal static string? Taken(ServerSettings settings)
    {
        (string Setting, int? Port, IPAddress Address)[] listeners =
        [
            ("port", settings.PagePort, settings.BindAddress), ("mqtt-port", settings.MqttPort, settings.BindAddress),
            ("mqtts-port", settings.MqttsPort, settings.BindAddress), ("open-listener-port", settings.OpenListenerPort, IPAddress.Loopback),
        ];
        var words = listeners.Where(static l => l.Port is > 0 && !IsFree(l.Address, l.Port.Value))
            .Select(static l => $"Port {l.Port} is taken by another program; choose another one (--{l.Setting}).").ToList();
        return words.Count == 0 ? null : string.Join(Environment.NewLine, words);
    }

    private static bool IsFree(IPAddress address, int port)
    {
        using var listener = new TcpListener(address, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }
}
