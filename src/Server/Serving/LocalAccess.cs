using System.Text.Json;

namespace Headwater.Server.Serving;

/// <summary>How operator commands on this machine reach a running server: its address and a token that ends with it.</summary>
/// <param name="Url">Address of the pages.</param>
/// <param name="Token">Token; whoever can read the data folder may do everything anyway.</param>
internal sealed record LocalAccess(string Url, string Token)
{
    private const string FileName = "command-line.json";

    internal static Task OfferAsync(ServerComposition composition, CancellationToken cancellationToken) => SecretFile.WriteAsync(
        Path.Combine(composition.Settings.DataFolder, FileName),
        JsonSerializer.SerializeToUtf8Bytes(new LocalAccess(composition.PageUrl, composition.Tokens.CreateLocal(composition.FirstStart.OrganizationId))), cancellationToken);

    internal static void Withdraw(string dataFolder) => File.Delete(Path.Combine(dataFolder, FileName));

    /// <summary>Null when no server runs on that folder, or its file may not be read.</summary>
    internal static LocalAccess? Find(string dataFolder)
    {
        var file = Path.Combine(dataFolder, FileName);
        try
        {
            return File.Exists(file) ? JsonSerializer.Deserialize<LocalAccess>(File.ReadAllBytes(file)) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }
}
