namespace Headwater.Mqtt.Server;

/// <summary>A lane without a store: completes everything at once. For tests of the protocol and for measuring the broker alone.</summary>
public sealed class VolatileLane : ICommitLane
{
    /// <inheritdoc/>
    public bool IsDurable => false;

    /// <inheritdoc/>
    public bool IsFull => false;

    /// <inheritdoc/>
    public void Submit(PublishRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        run.Complete();
    }

    /// <inheritdoc/>
    public Task SaveAsync(SessionChange change, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Post(SessionChange change)
    {
        // Nothing survives a restart here, by definition of this lane.
    }

    /// <inheritdoc/>
    public ValueTask WaitForRoomAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public Task<StoredSessions> LoadAsync(CancellationToken cancellationToken) => Task.FromResult(StoredSessions.Empty);
}
