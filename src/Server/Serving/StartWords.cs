using Headwater.Accounts;
using Headwater.Server.Commands;

namespace Headwater.Server.Serving;

/// <summary>What is printed when the server is up: where to look, what to paste.</summary>
internal static class StartWords
{
    internal static async Task PrintAsync(ServerComposition composition)
    {
        var words = new List<string> { string.Empty, $"Headwater is up: {ServeCommand.PageUrl(composition)}" };
        words.Add(composition.FirstStart.AdministratorPassword is { } password
            ? $"Sign in as {FirstStart.AdministratorName} with the password {password} (shown this once)."
            : $"Sign in as {FirstStart.AdministratorName}. A forgotten password is replaced by: headwater person reset-password {FirstStart.AdministratorName} --data {composition.Settings.DataFolder}");
        words.Add("Ctrl-C ends it.");
        await Console.Out.WriteLineAsync(string.Join(Environment.NewLine, words) + Environment.NewLine);
    }
}
