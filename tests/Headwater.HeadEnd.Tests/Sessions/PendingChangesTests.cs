using Headwater.HeadEnd.Sessions;
using Headwater.Mqtt;
using Headwater.Mqtt.Server;

namespace Headwater.HeadEnd.Tests.Sessions;

public sealed class PendingChangesTests
{
    private static SessionSaved Saved(string id, bool connected) =>
        new(new StoredSession(id, "owner", ProtocolVersion.V5, 60, connected, null, null, 0, false));

    private static MessageQueued Queued(long number, string id) => new(
        new StoredMessage(number, "t", new byte[10], default, QualityOfService.AtLeastOnce, "p", DateTimeOffset.UnixEpoch, null), [id], [new StoredGrant(QualityOfService.AtLeastOnce, false, [])]);

    [Fact]
    public void Nothing_grows_when_the_same_clients_come_and_go()
    {
        var pending = new PendingChanges();
        for (var round = 0; round < 5_000; round++)
        {
            for (var client = 0; client < 20; client++)
            {
                var id = FormattableString.Invariant($"client-{client}");
                pending.Add(Saved(id, connected: true));
                pending.Add(new SubscriptionsSaved(id, []));
                pending.Add(new ProgressSaved(id, round, new byte[8]));
                pending.Add(Saved(id, connected: false));
                if (round % 3 == 0) { pending.Add(new SessionRemoved(id)); }
                pending.Add(new RetainedSaved("state/" + id, null));
            }
        }

        pending.Count.ShouldBeLessThanOrEqualTo(20 * 5);
        pending.Weight.ShouldBeLessThan(20 * 5 * 1_024);
        pending.InOrder().Count.ShouldBe(pending.Count);
    }

    [Fact]
    public void Last_of_each_kind_stands_and_a_cursor_comes_after_what_it_clears()
    {
        var pending = new PendingChanges();
        pending.Add(Saved("a", connected: true));
        pending.Add(new ProgressSaved("a", 1, []));
        pending.Add(Queued(5, "a"));
        pending.Add(new ProgressSaved("a", 5, []));
        pending.Add(Saved("a", connected: false));
        pending.InOrder().ShouldBe([Saved("a", connected: false), pending.InOrder()[1], pending.InOrder()[2]]);
        pending.InOrder()[1].ShouldBeOfType<MessageQueued>();
        pending.InOrder()[2].ShouldBeOfType<ProgressSaved>().AcknowledgedThrough.ShouldBe(5);
    }

    [Fact]
    public void Session_made_again_after_its_removal_is_saved_after_it()
    {
        var pending = new PendingChanges();
        pending.Add(Saved("a", connected: true));
        pending.Add(new SessionRemoved("a"));
        pending.Add(Saved("a", connected: true));
        pending.Add(new SessionRemoved("a"));
        pending.Add(Saved("a", connected: false));
        pending.InOrder().ShouldBe([new SessionRemoved("a"), Saved("a", connected: false)]);
    }
}
