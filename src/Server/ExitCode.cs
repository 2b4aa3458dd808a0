namespace Headwater.Server;

/// <summary>How the program ends.</summary>
internal static class ExitCode
{
    /// <summary>Done, or stopped by Ctrl-C.</summary>
    internal const int Done = 0;

    /// <summary>A command could not be carried out; its words say why.</summary>
    internal const int Failed = 1;

    /// <summary>Settings or arguments are not right.</summary>
    internal const int WrongSettings = 2;

    /// <summary>The database must not be used as it is.</summary>
    internal const int StoreRefused = 3;

    /// <summary>A port is taken by another program.</summary>
    internal const int PortTaken = 4;
}
