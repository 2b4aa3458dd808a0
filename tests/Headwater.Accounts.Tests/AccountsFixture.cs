using Headwater.Accounts.Audit;
using Headwater.Accounts.People;
using Headwater.Accounts.Secrets;
using Headwater.Accounts.Tokens;
using Headwater.Storage.Migrations;
using Headwater.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Headwater.Accounts.Tests;

/// <summary>A database with the schema of accounts.</summary>
public sealed class AccountsFixture : PostgresFixture
{
    public static readonly Actor Tester = new("person:tester", 1, "127.0.0.1");

    protected override string Template => "accounts";

    public PeopleDirectory People() => new(DataSource, new AuditTrail(DataSource), new AccountsOptions());

    public TokenDirectory Tokens(TimeProvider time) => new(DataSource, new AuditTrail(DataSource), new KeyedHash(new byte[32]), time);

    protected override async Task PrepareAsync(string connectionString)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await MigrationRunner.RunAsync(source, [AccountsSchema.Migrations], timescaleInstalled: false, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
    }
}
