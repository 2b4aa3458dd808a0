namespace Headwater.Storage.Embedded;

/// <summary>Where the private cluster is in its life.</summary>
public enum EmbeddedPostgresState
{
    /// <summary>Being prepared or started.</summary>
    Starting,

    /// <summary>Accepts connections.</summary>
    Running,

    /// <summary>The postmaster died; its back-ends are awaited and it is started again.</summary>
    Restarting,

    /// <summary>Being shut down on our wish.</summary>
    Stopping,

    /// <summary>Shut down.</summary>
    Stopped,
}

/// <summary>The private cluster's state with its explanation.</summary>
/// <param name="State">The state.</param>
/// <param name="Words">One sentence for an operator.</param>
/// <param name="Since">When this state began.</param>
/// <param name="Restarts">Times the postmaster had to be started again since this process began.</param>
public sealed record EmbeddedPostgresStatus(EmbeddedPostgresState State, string Words, DateTimeOffset Since, int Restarts);
