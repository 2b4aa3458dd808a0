using Headwater.Storage.Connections;
using Microsoft.Extensions.Logging;
using Npgsql;
using Xunit;

namespace Headwater.TestKit;

/// <summary>A database of its own on the process's one cluster. As <c>IClassFixture&lt;PostgresFixture&gt;</c> each test class gets one.</summary>
/// <remarks>Derive from it and override <see cref="Template"/> and <see cref="PrepareAsync"/> to begin with migrated tables: the template is prepared once in a process.</remarks>
public class PostgresFixture : IAsyncLifetime
{
    /// <summary>Connection string of the class's database; the user is superuser.</summary>
    public string ConnectionString { get; protected set; } = string.Empty;

    /// <summary>A pool to the class's database.</summary>
    public NpgsqlDataSource DataSource { get; protected set; } = null!;

    /// <summary>Name of the template, or null for an empty database.</summary>
    protected virtual string? Template => null;

    /// <summary>Fills the template once. Must close what it opens.</summary>
    protected virtual Task PrepareAsync(string connectionString) => Task.CompletedTask;

    /// <summary>Makes one more database, as this fixture's own was made. Dropped with the cluster.</summary>
    public Task<string> CreateDatabaseAsync() => PostgresCluster.CreateDatabaseAsync(Template, Template is null ? null : PrepareAsync);

    /// <inheritdoc/>
    public virtual async Task InitializeAsync()
    {
        ConnectionString = await CreateDatabaseAsync();
        DataSource = NpgsqlDataSource.Create(ConnectionString);
    }

    /// <inheritdoc/>
    public virtual async Task DisposeAsync()
    {
        await DataSource.DisposeAsync();
        await PostgresCluster.DropDatabaseAsync(ConnectionString);
    }

    /// <summary>Opens the class's database as the product does. The caller disposes it.</summary>
    public Task<Store> OpenStoreAsync(ILoggerFactory loggers, TimeProvider? time = null) =>
        Store.OpenAsync(new StoreOptions { ConnectionString = ConnectionString }, time ?? TimeProvider.System, loggers, CancellationToken.None);

    /// <summary>Runs statements.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>One value of one row; null for SQL null.</summary>
    public async Task<T?> ScalarAsync<T>(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }
}
