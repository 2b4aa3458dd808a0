using Headwater.TestKit;
using Microsoft.Extensions.Logging;

namespace Headwater.Storage.Tests.TestKit;

public sealed class TestKitTests
{
    [Fact]
    public async Task Timers_fire_in_their_order_and_at_their_instants_when_the_clock_is_moved()
    {
        var clock = new FakeTimeProvider();
        var start = clock.GetUtcNow();
        var seen = new List<double>();
        await using var every = clock.CreateTimer(_ => seen.Add((clock.GetUtcNow() - start).TotalSeconds), null, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2));
        var delay = Task.Delay(TimeSpan.FromSeconds(3), clock);
        clock.Advance(TimeSpan.FromSeconds(2.5));
        delay.IsCompleted.ShouldBeFalse();
        clock.Advance(TimeSpan.FromSeconds(4));
        await delay.Within();
        seen.ShouldBe([2, 4, 6]);
        clock.ActiveTimers.ShouldBe(1);
    }

    [Fact]
    public void Undeclared_error_fails_the_test_when_the_capture_is_disposed()
    {
        var capture = new LogCapture();
        capture.ForTest().LogError(new EventId(7), "it broke");
        Should.Throw<InvalidOperationException>(capture.Dispose).Message.ShouldContain("it broke");
        capture.Declare(7);
        capture.Dispose();
    }

    [Fact]
    public void Missing_service_skips_at_home_and_fails_on_CI()
    {
        if (ExternalService.IsRequired) { Should.Throw<InvalidOperationException>(() => ExternalService.RequireOrSkip("no-such-program", "it cannot be installed")); }
        else { Should.Throw<SkipTestException>(() => ExternalService.RequireOrSkip("no-such-program", "it cannot be installed")); }
    }
}
