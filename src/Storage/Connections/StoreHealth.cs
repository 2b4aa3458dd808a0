namespace Headwater.Storage.Connections;

/// <summary>How the store is, for the health page and for an operator.</summary>
/// <param name="IsWritable">Whether a commit can be made now: the condition of every acknowledgement.</param>
/// <param name="Words">One or two sentences that say what is wrong, or that nothing is.</param>
/// <param name="ServerVersion">Version of the primary, as it was at opening.</param>
/// <param name="DatabaseBytes">Size of the database; null when it cannot be asked.</param>
/// <param name="ReplicaLag">Age of what the replica shows; null without a replica or when it cannot be asked.</param>
/// <param name="IsReplicaUsed">Whether reads go to the replica now.</param>
/// <param name="Warning">Unsafe durability, in words; null when there is nothing to warn of.</param>
/// <param name="Embedded">The private cluster's state; null for an outside database.</param>
public sealed record StoreHealth(bool IsWritable, string Words, string ServerVersion, long? DatabaseBytes, TimeSpan? ReplicaLag, bool IsReplicaUsed, string? Warning, Embedded.EmbeddedPostgresStatus? Embedded);
