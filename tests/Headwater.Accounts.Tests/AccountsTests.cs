using System.Xml.Linq;
using Headwater.Accounts.Audit;
using Headwater.Accounts.People;
using Headwater.Accounts.Secrets;
using Headwater.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Headwater.Accounts.Tests;

public sealed class AccountsTests(AccountsFixture database) : IClassFixture<AccountsFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task The_password_of_the_first_administrator_is_told_once_when_the_installation_is_empty()
    {
        var people = database.People();
        var first = await FirstStart.EnsureAsync(database.DataSource, people, NullLogger.Instance, None);
        if (first.AdministratorPassword is { } password)
        {
            (await people.VerifyAsync("ADMIN", password, None)).ShouldNotBeNull().Role.ShouldBe(Role.Administrator);
        }
        (await FirstStart.EnsureAsync(database.DataSource, people, NullLogger.Instance, None)).ShouldBe(first with { AdministratorPassword = null });
        (await database.ScalarAsync<long>("select count(*) from accounts.organization")).ShouldBe(1);
        (await database.ScalarAsync<long>("select count(*) from accounts.person where sign_in_name = 'admin'")).ShouldBe(1);
    }

    [Fact]
    public async Task Every_change_of_a_person_leaves_an_audit_row_without_a_secret()
    {
        var people = await PeopleAsync();
        var password = (await people.AddAsync(AccountsFixture.Tester, 1, "audited", "Audited", Role.Viewer, None)).ShouldNotBeNull();
        (await people.AddAsync(AccountsFixture.Tester, 1, "AUDITED", "Again", Role.Viewer, None)).ShouldBeNull("the name is taken without regard to case");
        await people.ChangeAsync(AccountsFixture.Tester, people.Find(1, "audited")!, "Other", Role.Operator, disabled: null, None);
        await people.ChangePasswordAsync(AccountsFixture.Tester, people.Find(1, "audited")!, password, "my own long password", None);
        var reset = await people.ResetPasswordAsync(AccountsFixture.Tester, people.Find(1, "audited")!, None);
        var trail = (await new AuditTrail(database.DataSource).ReadAsync(1, "audited", 0, 50, None)).Where(static e => e.Target == "audited").ToList();
        trail.Select(static e => e.Action).ShouldBe(["person reset-password", "person change-password", "person change", "person add"]);
        trail.ShouldAllBe(e => !e.Detail.Contains(reset) && !e.Detail.Contains(password) && e.Actor == "person:tester" && e.Remote == "127.0.0.1");
    }

    [Fact]
    public async Task The_security_version_grows_when_rights_or_password_change_and_not_otherwise()
    {
        var people = await PeopleAsync();
        await people.AddAsync(AccountsFixture.Tester, 1, "versioned", "V", Role.Viewer, None);
        var told = new List<int>();
        people.RightsChanged = p => told.Add(p.SecurityVersion);
        await people.ChangeAsync(AccountsFixture.Tester, people.Find(1, "versioned")!, "Renamed", role: null, disabled: null, None);
        people.Find(1, "versioned")!.SecurityVersion.ShouldBe(1);
        await people.ChangeAsync(AccountsFixture.Tester, people.Find(1, "versioned")!, displayName: null, Role.Operator, disabled: null, None);
        await people.ResetPasswordAsync(AccountsFixture.Tester, people.Find(1, "versioned")!, None);
        await people.ChangeAsync(AccountsFixture.Tester, people.Find(1, "versioned")!, displayName: null, role: null, disabled: true, None);
        told.ShouldBe([2, 3, 4]);
        (await people.VerifyAsync("versioned", "anything", None)).ShouldBeNull();
    }

    [Fact]
    public async Task A_token_is_found_by_its_secret_until_it_expires_and_kept_as_a_hash_only()
    {
        await PeopleAsync();
        var time = new FakeTimeProvider();
        var tokens = database.Tokens(time);
        var (id, secret) = await tokens.CreateAsync(AccountsFixture.Tester, 1, "nightly", Role.Viewer, time.GetUtcNow().AddHours(1), createdBy: null, None);
        secret.ShouldStartWith("hw_");
        secret.Length.ShouldBeGreaterThanOrEqualTo(46); // 256 bits
        tokens.Find(secret).ShouldNotBeNull().TokenId.ShouldBe(id);
        tokens.Find(secret + "x").ShouldBeNull();
        tokens.Find(string.Empty).ShouldBeNull();
        (await database.ScalarAsync<long>($"select count(*) from accounts.token t where t::text like '%{secret[3..]}%'")).ShouldBe(0);
        time.Advance(TimeSpan.FromHours(1));
        tokens.Find(secret).ShouldBeNull();
        (await tokens.RevokeAsync(AccountsFixture.Tester, organizationId: 2, id, None)).ShouldBeFalse("another organization's token is out of reach");
        (await tokens.RevokeAsync(AccountsFixture.Tester, organizationId: 1, id, None)).ShouldBeTrue();
    }

    [Fact]
    public void Guesses_are_slowed_per_address_and_account_when_they_go_on()
    {
        var time = new FakeTimeProvider();
        var guard = new SignInGuard(new AccountsOptions(), time);
        for (var i = 0; i < 5; i++)
        {
            guard.WaitFor("10.0.0.1", "admin").ShouldBe(TimeSpan.Zero);
            guard.Failed("10.0.0.1", "admin");
        }
        guard.WaitFor("10.0.0.1", "admin").ShouldBe(TimeSpan.FromSeconds(1));
        guard.WaitFor("10.0.0.1", "somebody-else").ShouldBe(TimeSpan.FromSeconds(1), "the address waits whatever name it tries");
        guard.WaitFor("10.0.0.2", "admin").ShouldBe(TimeSpan.FromSeconds(1), "the account waits wherever it is tried from");
        guard.WaitFor("10.0.0.2", "somebody-else").ShouldBe(TimeSpan.Zero);
        for (var i = 0; i < 20; i++) { guard.Failed("10.0.0.1", "admin"); }
        guard.WaitFor("10.0.0.1", "x").ShouldBe(TimeSpan.FromSeconds(60));
        guard.WaitFor("10.0.0.2", "admin").ShouldBe(TimeSpan.FromSeconds(10));
        time.Advance(TimeSpan.FromMinutes(15));
        guard.WaitFor("10.0.0.1", "admin").ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public void The_person_themselves_is_not_locked_out_when_a_stranger_guesses()
    {
        var guard = new SignInGuard(new AccountsOptions(), new FakeTimeProvider());
        guard.Succeeded("10.0.0.7", "admin");
        for (var i = 0; i < 100; i++) { guard.Failed("10.9.9.9", "admin"); }
        guard.WaitFor("10.0.0.7", "admin").ShouldBe(TimeSpan.Zero);
        guard.WaitFor("10.0.0.8", "admin").ShouldBe(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void The_guard_stays_small_when_every_guess_has_another_name()
    {
        var guard = new SignInGuard(new AccountsOptions(), new FakeTimeProvider());
        for (var i = 0; i < 50_000; i++) { guard.Failed("10.0.0.1", "name-" + i); }
        guard.WaitFor("10.0.0.1", "fresh").ShouldBe(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Keys_of_the_installation_are_the_same_when_asked_for_again_or_by_two_at_once()
    {
        var keys = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => InstallationKeys.GetOrCreateAsync(database.DataSource, "test-key", None)));
        keys.Select(Convert.ToHexString).Distinct(StringComparer.Ordinal).ShouldHaveSingleItem().Length.ShouldBe(64);
    }

    [Fact]
    public void Data_protection_keys_come_back_when_another_server_reads_them()
    {
        new DatabaseKeyRepository(database.DataSource).StoreElement(new XElement("key", new XAttribute("id", "1")), "key-1");
        new DatabaseKeyRepository(database.DataSource).StoreElement(new XElement("key", new XAttribute("id", "1")), "key-1");
        new DatabaseKeyRepository(database.DataSource).GetAllElements().Count(static e => e.Attribute("id")!.Value == "1").ShouldBe(1);
    }

    [Theory]
    [InlineData(Role.Administrator, Role.Operator, true)]
    [InlineData(Role.Operator, Role.Viewer, true)]
    [InlineData(Role.Viewer, Role.Operator, false)]
    [InlineData(Role.Operator, Role.Administrator, false)]
    [InlineData(Role.Household, Role.Viewer, false)]
    [InlineData(Role.Administrator, Role.Household, false)]
    [InlineData((Role)99, Role.Viewer, false)]
    public void A_role_includes_only_what_is_below_it_when_asked(Role role, Role needed, bool includes) => role.Includes(needed).ShouldBe(includes);

    [Fact]
    public void A_keyed_hash_matches_its_own_secret_only_when_compared()
    {
        var hash = new KeyedHash(new byte[32]);
        var stored = hash.Of("secret"u8);
        hash.Matches("secret"u8, stored).ShouldBeTrue();
        hash.Matches("secret\0"u8, stored).ShouldBeFalse();
        hash.Matches(""u8, hash: null).ShouldBeFalse();
        new KeyedHash([.. Enumerable.Repeat((byte)1, 32)]).Matches("secret"u8, stored).ShouldBeFalse("another installation has another key");
    }

    private async Task<PeopleDirectory> PeopleAsync()
    {
        var people = database.People();
        await FirstStart.EnsureAsync(database.DataSource, people, NullLogger.Instance, None);
        return people;
    }
}
