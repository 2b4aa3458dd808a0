using Headwater.Storage.Connections;
using Npgsql;

namespace Headwater.HeadEnd.Registry;

/// <summary>What of a device is asked for one at a time and so not kept in memory.</summary>
/// <param name="CreatedAt">When it was registered.</param>
/// <param name="IsRegisteredAutomatically">Whether nobody entered it.</param>
/// <param name="VersionsByRegister">Number of versions of each register.</param>
public sealed record DeviceFacts(DateTimeOffset CreatedAt, bool IsRegisteredAutomatically, IReadOnlyDictionary<long, int> VersionsByRegister);

/// <summary>Reads single devices.</summary>
/// <param name="store">The database.</param>
public sealed class DeviceQueries(Store store)
{
    /// <summary>The facts of one device.</summary>
    public async Task<DeviceFacts> FactsAsync(RegisteredDevice device, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(device);
        await using var connection = await store.ReadSource(mustBeFresh: true).OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand("select created_at, registered_automatically from headend.device where device_id = $1") { Parameters = { new NpgsqlParameter<long> { TypedValue = device.DeviceId } } },
                new NpgsqlBatchCommand("select r.register_id, count(*)::int from headend.register r join headend.register_version using (register_id) where r.device_id = $1 group by 1")
                {
                    Parameters = { new NpgsqlParameter<long> { TypedValue = device.DeviceId } },
                },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var (createdAt, automatic) = (reader.GetFieldValue<DateTimeOffset>(0), reader.GetBoolean(1));
        await reader.NextResultAsync(cancellationToken);
        var versions = new Dictionary<long, int>();
        while (await reader.ReadAsync(cancellationToken)) { versions[reader.GetInt64(0)] = reader.GetInt32(1); }
        return new DeviceFacts(createdAt, automatic, versions);
    }
}
