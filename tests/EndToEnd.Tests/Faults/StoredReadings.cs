using Headwater.Storage.Embedded;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Faults;

/// <summary>What a stopped server's database holds, against what was acknowledged.</summary>
internal static class StoredReadings
{
    /// <summary>Everything acknowledged is stored, nothing is there twice, nothing is in quarantine or conflict.</summary>
    /// <param name="postgresFolder">Folder of the cluster; the server must have stopped.</param>
    /// <param name="acknowledgedByDevice">Numbers that were acknowledged.</param>
    /// <param name="output">Takes the counts.</param>
    /// <param name="further">Looks at more, with the open database.</param>
    internal static async Task CompareAsync(
        string postgresFolder, IEnumerable<(string Device, IReadOnlyCollection<int> Numbers)> acknowledgedByDevice, ITestOutputHelper output, Func<NpgsqlDataSource, Task>? further = null)
    {
        await using var postgres = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataFolder = postgresFolder }, TimeProvider.System, NullLogger.Instance);
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        long acknowledged = 0;
        long stored = 0;
        foreach (var (device, numbers) in acknowledgedByDevice)
        {
            var rows = await ReadNumbersAsync(source, device);
            rows.Count.ShouldBe(rows.Distinct().Count(), $"{device} has a reading twice");
            var missing = numbers.Except(rows).Order().ToList();
            missing.ShouldBeEmpty($"{device}: acknowledged but not stored");
            acknowledged += numbers.Count;
            stored += rows.Count;
        }

        output.WriteLine($"{acknowledged} acknowledged, {stored} stored (those beyond were stored but their acknowledgement was cut off)");
        acknowledged.ShouldBeGreaterThan(100);
        (await CountAsync(source, "select count(*) from headend.quarantine")).ShouldBe(0);
        (await CountAsync(source, "select count(*) from headend.reading_conflict")).ShouldBe(0);
        if (further is not null) { await further(source); }
    }

    internal static async Task<long> CountAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static async Task<List<int>> ReadNumbersAsync(NpgsqlDataSource source, string device)
    {
        await using var command = source.CreateCommand(
            "select r.value from headend.reading r join headend.device d using (device_id) where d.text_id = $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = device });
        await using var row = await command.ExecuteReaderAsync();
        var numbers = new List<int>();
        while (await row.ReadAsync()) { numbers.Add((int)(row.GetInt64(0) / 1000)); }
        return numbers;
    }
}
