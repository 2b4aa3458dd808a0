namespace Headwater.Simulator.Fleet;

/// <summary>Where the fleet connects to.</summary>
/// <param name="Host">Name or address.</param>
/// <param name="Port">TCP port.</param>
/// <param name="IsSecure">Whether TLS is spoken.</param>
/// <param name="AuthorityFile">PEM file of the authority to trust instead of the system's; null for the system's.</param>
internal sealed record ServerAddress(string Host, int Port, bool IsSecure, string? AuthorityFile);
