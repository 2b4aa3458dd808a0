using System.CommandLine;
using Headwater.Server.Commands;

namespace Headwater.Server;

/// <summary>The program <c>headwater</c>.</summary>
internal static class Program
{
    private static Task<int> Main(string[] args)
    {
        var root = new RootCommand("Headwater, an open head-end for energy data.") { ServeCommand.Build() };
        return root.Parse(args).InvokeAsync();
    }
}
