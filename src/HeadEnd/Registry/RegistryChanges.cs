using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Headwater.HeadEnd.Registry;

/// <summary>Hears which devices other servers on the same database changed, and reads them again.</summary>
/// <remarks>What was missed while the connection was away is made up for by the changed rows' own servers: a device unknown here is
/// looked for again at its next uplink. A single server hears only itself and skips that.</remarks>
/// <param name="primary">The writable database.</param>
/// <param name="registry">The registry.</param>
/// <param name="time">Clock.</param>
/// <param name="logger">Log.</param>
public sealed class RegistryChanges(NpgsqlDataSource primary, DeviceRegistry registry, TimeProvider time, ILogger<RegistryChanges> logger) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException)
            {
                RegistryLog.ListeningFailed(logger, e);
                await Task.Delay(TimeSpan.FromSeconds(5), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task ListenAsync(CancellationToken stoppingToken)
    {
        var heard = new Queue<string>();
        await using var connection = await primary.OpenConnectionAsync(stoppingToken);
        connection.Notification += (_, notice) =>
        {
            // "origin textId"; own words were applied before they were said.
            var parts = notice.Payload.Split(' ', 2);
            if (parts.Length == 2 && !string.Equals(parts[0], registry.Origin, StringComparison.Ordinal)) { heard.Enqueue(parts[1]); }
        };
        await using (var command = new NpgsqlCommand("listen " + RegistrySql.Channel, connection)) { await command.ExecuteNonQueryAsync(stoppingToken); }
        while (true)
        {
            await connection.WaitAsync(stoppingToken);
            while (heard.TryDequeue(out var textId)) { await registry.ReloadAsync(textId, stoppingToken); }
        }
    }
}
