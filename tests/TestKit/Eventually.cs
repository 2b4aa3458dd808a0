using System.Runtime.CompilerServices;

namespace Headwater.TestKit;

/// <summary>Awaits conditions with a bound, on the real clock.</summary>
public static class Eventually
{
    /// <summary>Longest wait where a test names none: generous, because the machine may be busy; a passing test never waits it out.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    /// <summary>Returns when the condition holds; fails the test after the bound, with the condition's text.</summary>
    public static Task TrueAsync(Func<bool> condition, TimeSpan? bound = null, [CallerArgumentExpression(nameof(condition))] string? words = null) =>
        TrueAsync(() => Task.FromResult(condition()), bound, words);

    /// <summary>Returns when the condition holds; fails the test after the bound, with the condition's text.</summary>
    public static async Task TrueAsync(Func<Task<bool>> condition, TimeSpan? bound = null, [CallerArgumentExpression(nameof(condition))] string? words = null)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(began) > (bound ?? Bound)) { throw new TimeoutException($"Not true within {(bound ?? Bound).TotalSeconds:0.#} s: {words}"); }
            await Task.Delay(TimeSpan.FromMilliseconds(10));
        }
    }

    /// <summary>Awaits a value that is no longer null.</summary>
    public static async Task<T> NotNullAsync<T>(Func<Task<T?>> read, TimeSpan? bound = null, [CallerArgumentExpression(nameof(read))] string? words = null)
        where T : class
    {
        T? value = null;
        await TrueAsync(async () => (value = await read()) is not null, bound, words);
        return value!;
    }

    /// <summary>Awaits a task for at most the bound.</summary>
    public static Task<T> Within<T>(this Task<T> task, TimeSpan? bound = null) => task.WaitAsync(bound ?? Bound);

    /// <summary>Awaits a task for at most the bound.</summary>
    public static Task Within(this Task task, TimeSpan? bound = null) => task.WaitAsync(bound ?? Bound);
}
