namespace Headwater.Mqtt.Server;

/// <summary>The one way from the MQTT server to durable storage: what is submitted is committed together with everything else that
/// arrived meanwhile, and completed afterwards. Without a store, <see cref="VolatileLane"/> completes at once.</summary>
/// <remarks>Invariants: runs of one connection are committed and completed in the order they were submitted; a run is completed exactly
/// once; <see cref="PublishRun.Complete"/> is called only after its transaction has committed (the ack law). While the database is away
/// nothing completes, and <see cref="IsFull"/> turns true once the lane's memory bound is reached.</remarks>
public interface ICommitLane
{
    /// <summary>False when nothing survives a restart: then retained messages, sessions and queues need no commit.</summary>
    bool IsDurable { get; }

    /// <summary>True while the lane holds as many bytes as it may; connections stop reading until <see cref="WaitForRoomAsync"/> returns.</summary>
    bool IsFull { get; }

    /// <summary>Takes one connection's run. Never blocks and never fails; the caller bounds itself by its own window and by <see cref="IsFull"/>.</summary>
    void Submit(PublishRun run);

    /// <summary>Commits a change that a client waits for (CONNECT of a persistent session, SUBSCRIBE, ...).</summary>
    Task SaveAsync(SessionChange change, CancellationToken cancellationToken);

    /// <summary>Makes a change durable with some later commit; nobody waits for it. Of several for one session and kind the last stands.</summary>
    void Post(SessionChange change);

    /// <summary>Completes when the lane takes more.</summary>
    ValueTask WaitForRoomAsync(CancellationToken cancellationToken);

    /// <summary>Everything that survived: called once before the first listener opens.</summary>
    Task<StoredSessions> LoadAsync(CancellationToken cancellationToken);
}
