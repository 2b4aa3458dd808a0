using Headwater.Storage.Partitions;
using Microsoft.Extensions.Hosting;

namespace Headwater.Server.Serving;

/// <summary>Keeps partitions made ahead and drops those past retention while the server runs.</summary>
internal sealed class PartitionRounds(PartitionMaintenance partitions) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => partitions.RunAsync(stoppingToken);
}
