using Headwater.Accounts.People;
using Headwater.Accounts.Tokens;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.Accounts;

/// <summary>Reads people and tokens again every few seconds, so that what another server changed comes into force here.</summary>
/// <param name="people">People.</param>
/// <param name="tokens">Tokens.</param>
/// <param name="options">Settings.</param>
/// <param name="time">Clock.</param>
/// <param name="logger">Log.</param>
public sealed class AccountsRefresh(PeopleDirectory people, TokenDirectory tokens, AccountsOptions options, TimeProvider time, ILogger<AccountsRefresh> logger) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(options.RefreshInterval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stoppingToken.IsCancellationRequested) { return; }
            try
            {
                await people.LoadAsync(stoppingToken);
                await tokens.LoadAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
            {
                AccountsLog.RefreshFailed(logger, e);
            }
        }
    }
}
