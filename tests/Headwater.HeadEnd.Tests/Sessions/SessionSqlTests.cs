using Headwater.HeadEnd.Sessions;
using Headwater.HeadEnd.Tests.Ingest;
using Headwater.Mqtt;
using Headwater.Mqtt.Server;
using Npgsql;

namespace Headwater.HeadEnd.Tests.Sessions;

/// <summary>Every change of broker state, written to PostgreSQL and read back.</summary>
public sealed class SessionSqlTests(IngestFixture fixture) : IClassFixture<IngestFixture>, IAsyncLifetime
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);
    private NpgsqlDataSource _source = null!;
    private NpgsqlConnection _connection = null!;

    public async Task InitializeAsync()
    {
        _source = NpgsqlDataSource.Create(await fixture.CreateDatabaseAsync());
        _connection = await _source.OpenConnectionAsync();
    }

    public async Task DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _source.DisposeAsync();
    }

    private static StoredMessage Message(long number, string topic = "a/b", string payload = "payload", DateTimeOffset? expiresAt = null) => new(
        number, topic, System.Text.Encoding.UTF8.GetBytes(payload), new byte[] { 0x01, 0x00, 0xFF }, QualityOfService.ExactlyOnce, "publisher", Noon, expiresAt);

    private static StoredSession Session(string id, StoredMessage? will = null, bool connected = true) => new(
        id, "owner of " + id, ProtocolVersion.V5, uint.MaxValue, connected, connected ? null : Noon, will, WillDelay: 77, WillRetain: will is not null);

    private static MessageQueued Queued(long number, params string[] clients) => new(
        Message(number), clients, [.. clients.Select(static (_, i) => new StoredGrant((QualityOfService)(1 + (i % 2)), i % 2 == 0, i == 0 ? [] : [7, 268_435_455]))]);

    private Task ApplyAsync(params SessionChange[] changes) => SessionSql.ApplyAsync(_connection, changes, CancellationToken.None);

    private Task<StoredSessions> LoadAsync() => SessionSql.LoadAsync(_connection, CancellationToken.None);

    private async Task<long> MessagesAsync()
    {
        await using var command = new NpgsqlCommand("select count(*) from headend.mqtt_message", _connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    [Fact]
    public async Task Session_with_its_will_is_read_back_as_it_was_saved()
    {
        var will = Message(0, "state/1", "offline", Noon.AddHours(1)) with { Publisher = "s-1" };
        await ApplyAsync(new SessionSaved(Session("s-1", will)), new SessionSaved(Session("s-2", connected: false)));
        var stored = await LoadAsync();
        var first = stored.Sessions.Single(static s => s.ClientId == "s-1");
        first.ShouldSatisfyAllConditions(
            () => first.Owner.ShouldBe("owner of s-1"),
            () => first.ExpiryInterval.ShouldBe(uint.MaxValue),
            () => first.IsConnected.ShouldBeTrue(),
            () => first.DisconnectedAt.ShouldBeNull(),
            () => first.WillDelay.ShouldBe(77u),
            () => first.WillRetain.ShouldBeTrue(),
            () => first.Will!.Topic.ShouldBe("state/1"),
            () => first.Will!.Payload.ToArray().ShouldBe(will.Payload.ToArray()),
            () => first.Will!.Properties.ToArray().ShouldBe(will.Properties.ToArray()),
            () => first.Will!.QualityOfService.ShouldBe(QualityOfService.ExactlyOnce),
            () => first.Will!.ExpiresAt.ShouldBe(Noon.AddHours(1)),
            () => first.Will!.PublishedAt.ShouldBe(Noon));
        stored.Sessions.Single(static s => s.ClientId == "s-2").ShouldBe(Session("s-2", connected: false));

        // Disconnected without a will: the head is replaced as a whole.
        await ApplyAsync(new SessionSaved(Session("s-1", connected: false)));
        (await LoadAsync()).Sessions.Single(static s => s.ClientId == "s-1").ShouldBe(Session("s-1", connected: false));
    }

    [Fact]
    public async Task Subscriptions_and_progress_are_replaced_when_saved_again()
    {
        StoredSubscription[] subscriptions =
        [
            new("$share/g/a/+/#", QualityOfService.ExactlyOnce, NoLocal: false, RetainAsPublished: true, RetainHandling: 2, SubscriptionIdentifier: 268_435_455),
            new("한글/\"quoted\"\\", QualityOfService.AtMostOnce, NoLocal: true, RetainAsPublished: false, RetainHandling: 0, SubscriptionIdentifier: 0),
        ];
        await ApplyAsync(new SessionSaved(Session("s-3")), new SubscriptionsSaved("s-3", [subscriptions[0]]), new ProgressSaved("s-3", 4, [1, 2]));
        await ApplyAsync(new SubscriptionsSaved("s-3", subscriptions), new ProgressSaved("s-3", 9, [1, 0, 255]));
        var stored = await LoadAsync();
        stored.Subscriptions["s-3"].ShouldBe(subscriptions);
        stored.Progress["s-3"].AcknowledgedThrough.ShouldBe(9);
        stored.Progress["s-3"].State.ShouldBe([1, 0, 255]);
        stored.LastMessageNumber.ShouldBe(9);
    }

    [Fact]
    public async Task Queued_messages_come_back_in_order_with_their_grants_when_one_message_is_in_many_queues()
    {
        await ApplyAsync(new SessionSaved(Session("q-1")), new SessionSaved(Session("q-2")), Queued(11, "q-1"), Queued(12, "q-1", "q-2"), Queued(13, "q-2"));
        await ApplyAsync(Queued(12, "q-1", "q-2")); // a group whose commit was found to have happened changes nothing
        var stored = await LoadAsync();
        stored.Queue.Select(static q => (q.ClientId, q.Message.Number)).ShouldBe([("q-1", 11L), ("q-1", 12L), ("q-2", 12L), ("q-2", 13L)]);
        stored.Queue[2].Grant.QualityOfService.ShouldBe(QualityOfService.ExactlyOnce);
        stored.Queue[2].Grant.SubscriptionIdentifiers.ShouldBe([7, 268_435_455]);
        stored.Queue[1].Message.Payload.ToArray().ShouldBe("payload"u8.ToArray());
        stored.LastMessageNumber.ShouldBe(13);
    }

    [Fact]
    public async Task Cursor_clears_what_is_acknowledged_and_nothing_else()
    {
        await ApplyAsync(new SessionSaved(Session("c-1")), new SessionSaved(Session("c-2")), Queued(21, "c-1", "c-2"), Queued(22, "c-1"), Queued(23, "c-1"));
        await ApplyAsync(new ProgressSaved("c-1", 22, [1]));
        (await LoadAsync()).Queue.Select(static q => (q.ClientId, q.Message.Number)).ShouldBe([("c-1", 23L), ("c-2", 21L)]);
    }

    [Fact]
    public async Task Nothing_is_left_of_a_session_when_it_is_removed()
    {
        await ApplyAsync(
            new SessionSaved(Session("r-1")), new SubscriptionsSaved("r-1", [new StoredSubscription("a", QualityOfService.AtLeastOnce, false, false, 0, 0)]),
            Queued(31, "r-1"), new SessionRemoved("r-1"));
        var stored = await LoadAsync();
        stored.Sessions.ShouldBeEmpty();
        stored.Queue.ShouldBeEmpty();
        stored.Subscriptions.ShouldBeEmpty();
        stored.LastMessageNumber.ShouldBe(31); // numbers never begin anew
    }

    [Fact]
    public async Task Retained_message_is_replaced_and_cleared()
    {
        await ApplyAsync(new RetainedSaved("r/1", Message(0, "r/1", "one")), new RetainedSaved("r/2", Message(0, "r/2", "two", Noon.AddDays(1))));
        await ApplyAsync(new RetainedSaved("r/1", Message(0, "r/1", "new")), new RetainedSaved("r/2", null));
        var kept = (await LoadAsync()).Retained.ShouldHaveSingleItem();
        kept.Topic.ShouldBe("r/1");
        kept.Payload.ToArray().ShouldBe("new"u8.ToArray());
        kept.Publisher.ShouldBe("publisher");
    }

    [Fact]
    public async Task Sweep_deletes_what_no_queue_needs_when_one_old_message_is_still_waited_for()
    {
        await ApplyAsync(new SessionSaved(Session("w-1")), new SessionSaved(Session("w-2")), Queued(1, "w-1"));
        await ApplyAsync([.. Enumerable.Range(2, 2_000).Select(static n => Queued(n, "w-2"))]);
        await ApplyAsync(new ProgressSaved("w-2", 1_900, [1]));
        var swept = await SessionSql.SweepAsync(_connection, CancellationToken.None);
        swept.ShouldBe(1_899);
        (await MessagesAsync()).ShouldBe(102);
        (await LoadAsync()).Queue.Count.ShouldBe(102);
        // Nothing is left over by a session that is gone, and the newest message stays for its number.
        await ApplyAsync(new SessionRemoved("w-1"), new SessionRemoved("w-2"), Queued(2_002, "gone"));
        await SessionSql.SweepAsync(_connection, CancellationToken.None);
        (await MessagesAsync()).ShouldBe(1);
        var stored = await LoadAsync();
        stored.Queue.ShouldBeEmpty();
        stored.LastMessageNumber.ShouldBe(2_002);
    }

    [Fact]
    public async Task Sweep_takes_nothing_a_queue_needs_when_it_runs_beside_commits()
    {
        await ApplyAsync(new SessionSaved(Session("b-1")));
        using var stop = new CancellationTokenSource();
        var sweeping = Task.Run(async () =>
        {
            await using var connection = await _source.OpenConnectionAsync(CancellationToken.None);
            while (!stop.IsCancellationRequested) { await SessionSql.SweepAsync(connection, CancellationToken.None); }
        });
        for (var group = 0; group < 60; group++)
        {
            await using var transaction = await _connection.BeginTransactionAsync();
            await ApplyAsync([.. Enumerable.Range((group * 10) + 1, 10).Select(static n => Queued(n, "b-1")), new ProgressSaved("b-1", (group * 10) - 5, [1])]);
            await transaction.CommitAsync();
            (await LoadAsync()).Queue.Count.ShouldBe(group == 0 ? 10 : 15);
        }

        await stop.CancelAsync();
        await sweeping.WaitAsync(TimeSpan.FromSeconds(20));
    }
}
