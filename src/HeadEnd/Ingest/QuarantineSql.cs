using Npgsql;

namespace Headwater.HeadEnd.Ingest;

/// <summary>Reading and deciding what is held in quarantine.</summary>
internal static class QuarantineSql
{
    internal static async Task LoadBudgetAsync(NpgsqlConnection connection, QuarantineBudget budget, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select owner, count(*)::integer, sum(length(payload))::bigint from headend.quarantine where state = 1 group by owner", connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        while (await row.ReadAsync(cancellationToken).ConfigureAwait(false)) { budget.Adjust(row.GetString(0), row.GetInt32(1), row.GetInt64(2)); }
    }
}
