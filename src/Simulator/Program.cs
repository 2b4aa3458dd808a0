using System.CommandLine;
using Headwater.Simulator.Commands;

namespace Headwater.Simulator;

internal static class Program
{
    private static Task<int> Main(string[] arguments)
    {
        var root = new RootCommand("Simulated meters for a head-end, and load for measuring it.")
        {
            RunCommand.Make(),
            CheckCommand.Make(),
            LoadCommand.Make(),
        };
        return root.Parse(arguments).InvokeAsync();
    }
}
