using System.CommandLine;
using Headwater.Server.Commands;

namespace Headwater.Server;

/// <summary>The program <c>headwater</c>.</summary>
internal static class Program
{
    private static Task<int> Main(string[] args)
    {
        var root = new RootCommand("Headwater, an open head-end for energy data.") { ServeCommand.Build() };
        foreach (var command in OperatorCommands.Build()) { root.Add(command); }
        // No forced end after Ctrl-C: the server stops its listeners and its database in order, however long the last commit takes.
        return root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
    }
}
