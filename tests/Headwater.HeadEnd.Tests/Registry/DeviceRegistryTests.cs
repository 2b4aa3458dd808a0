using System.Text;
using Headwater.Accounts.Audit;
using Headwater.Devices;
using Headwater.Devices.Profiles;
using Headwater.HeadEnd.Registry;
using Headwater.HeadEnd.Tests.Ingest;
using Headwater.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Headwater.HeadEnd.Tests.Registry;

public sealed class DeviceRegistryTests(IngestFixture database) : IClassFixture<IngestFixture>
{
    private static readonly Actor Tester = new("person:tester", 1);

    [Fact]
    public async Task Ten_thousand_unknown_devices_are_registered_in_groups_when_they_come_at_once()
    {
        await using var registry = await LoadAsync();
        var before = await database.ScalarAsync<long>("select count(*) from accounts.audit where action = 'device register'");
        var wishes = Enumerable.Range(0, 10_000).Select(i => registry.RegisterAutomaticallyAsync($"crowd-{i}", DeviceClass.ElectricityMeter, carrier: null, CancellationToken.None)).ToList();
        wishes.AddRange(Enumerable.Range(0, 10_000).Select(i => registry.RegisterAutomaticallyAsync($"crowd-{i}", DeviceClass.ElectricityMeter, carrier: null, CancellationToken.None)));
        var devices = await Task.WhenAll(wishes).Within(TimeSpan.FromSeconds(60));
        devices.Distinct().Count().ShouldBe(10_000);
        (await database.ScalarAsync<long>("select count(*) from headend.device where text_id like 'crowd-%'")).ShouldBe(10_000);
        (await database.ScalarAsync<long>("select count(*) from accounts.audit where action = 'device register'") - before).ShouldBeLessThan(200);
    }

    [Fact]
    public async Task A_register_is_added_once_and_found_by_the_bytes_of_its_code_when_the_class_has_it()
    {
        await using var registry = await LoadAsync();
        var device = await registry.RegisterAutomaticallyAsync("with-register", DeviceClass.ElectricityMeter, carrier: null, CancellationToken.None).Within();
        var added = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => registry.AddRegisterAsync(device, "1-0:32.7.0", CancellationToken.None))).Within();
        added.Distinct().ShouldHaveSingleItem().ShouldNotBeNull().Exponent.ShouldBe((short)-1);
        device.FindRegister("1-0:32.7.0"u8).ShouldBeSameAs(added[0]);
        added[0]!.HighestQueuedAt.ShouldBe(RegisteredRegister.Unknown);
        (await registry.AddRegisterAsync(device, "8-0:1.0.0", CancellationToken.None)).ShouldBeNull("a water volume is no register of an electricity meter");
    }

    [Fact]
    public async Task Everything_is_there_again_when_loaded_anew()
    {
        await using (var registry = await LoadAsync())
        {
            var concentrator = (await registry.AddDeviceAsync(Tester, new NewDevice("dcu-load", "", DeviceClass.Concentrator, "UTC"), CancellationToken.None)).ShouldNotBeNull();
            var meter = (await registry.AddDeviceAsync(Tester, new NewDevice("under-load", "Name", DeviceClass.ElectricityMeter, "Asia/Seoul", concentrator), CancellationToken.None)).ShouldNotBeNull();
            await registry.AddRegisterAsync(meter, "1-0:1.8.0", CancellationToken.None);
            (await registry.AddDeviceAsync(Tester, new NewDevice("dcu-load", "", DeviceClass.Concentrator, "UTC"), CancellationToken.None)).ShouldBeNull();
        }
        await using var again = await LoadAsync();
        again.TryGetDevice("dcu-load"u8, out var carrier).ShouldBeTrue();
        carrier!.MaySpeakFor("under-load", out var carried).ShouldBeTrue();
        carried!.Name.ShouldBe("Name");
        carried.FindRegister("1-0:1.8.0").ShouldNotBeNull();
        (await database.ScalarAsync<long>("select count(*) from accounts.audit where action = 'device add' and actor = 'person:tester' and target in ('dcu-load', 'under-load')")).ShouldBe(2);
    }

    [Fact]
    public async Task Another_servers_change_is_heard_when_both_run()
    {
        await using var here = await LoadAsync();
        await using var there = await LoadAsync();
        using var changes = new RegistryChanges(database.DataSource, here, TimeProvider.System, NullLogger<RegistryChanges>.Instance);
        await changes.StartAsync(CancellationToken.None);
        var device = (await there.AddDeviceAsync(Tester, new NewDevice("from-there", "", DeviceClass.GasMeter, "UTC"), CancellationToken.None)).ShouldNotBeNull();
        await Eventually.TrueAsync(async () =>
        {
            if (here.TryGetDevice("from-there", out _)) { return true; }
            await there.ChangeDeviceAsync(Tester, device, new DeviceChange("again", Status: null, TimeZone: null), CancellationToken.None); // the first word may come before the ear
            return false;
        });
        await changes.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Last_contacts_are_written_once_a_device_when_they_are_flushed()
    {
        await using var registry = await LoadAsync();
        var presence = new DevicePresence(database.DataSource, registry.Options, TimeProvider.System, NullLogger<DevicePresence>.Instance);
        var device = await registry.RegisterAutomaticallyAsync("present", DeviceClass.ElectricityMeter, carrier: null, CancellationToken.None).Within();
        presence.Connect(device, "127.0.0.1:1");
        for (var i = 0; i < 1_000; i++) { presence.Reading(device, 1_800_000_000_000_000 + i); }
        presence.Connected.ShouldBe(1);
        await presence.FlushAsync(CancellationToken.None);
        (await database.ScalarAsync<string>($"select connected || ' ' || remote || ' ' || extract(epoch from last_reading_at)::bigint from headend.device_presence where device_id = {device.DeviceId}")).ShouldBe("true 127.0.0.1:1 1800000000");
        presence.Disconnect(device);
        presence.Connected.ShouldBe(0);
        await presence.FlushAsync(CancellationToken.None);
        (await database.ScalarAsync<bool>($"select connected from headend.device_presence where device_id = {device.DeviceId}")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_page_of_devices_holds_what_fits_in_order_when_there_are_a_hundred_thousand()
    {
        await database.ExecuteAsync("insert into headend.device (organization_id, text_id, name) select 1, 'many-' || lpad(i::text, 6, '0'), case when i % 1000 = 0 then 'Riverside' else '' end from generate_series(1, 100000) i");
        await using var registry = await LoadAsync();
        registry.Count.ShouldBeGreaterThanOrEqualTo(100_000);
        var search = new DeviceSearch(registry, TimeProvider.System);
        var page = search.Find(1, new DeviceFilter("riverSIDE"), DeviceOrder.Id, descending: true, 10, 5);
        page.Total.ShouldBe(100);
        page.Items.Select(static d => d.TextId).ShouldBe(["many-090000", "many-089000", "many-088000", "many-087000", "many-086000"]);
        search.Find(2, new DeviceFilter(), DeviceOrder.Id, descending: false, 0, 5).Total.ShouldBe(0);
    }

    [Fact]
    public async Task A_registers_readings_are_found_by_the_key_when_the_database_plans_the_query()
    {
        var plan = new StringBuilder();
        await using var command = database.DataSource.CreateCommand(
            "explain select at, value from headend.reading where register_id = 1 and at >= now() - interval '1 day' and at < now() order by at desc limit 10");
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync()) { plan.AppendLine(reader.GetString(0)); }
        plan.ToString().ShouldContain("Index");
        plan.ToString().ShouldNotContain("Seq Scan");
    }

    [Fact]
    public void Every_profile_code_is_one_the_decoder_reads_when_listed()
    {
        foreach (var register in Enum.GetValues<DeviceClass>().SelectMany(DeviceProfiles.Of))
        {
            Metering.ObisCode.TryParse(register.Obis, out var code).ShouldBeTrue(register.Obis);
            code.ToString().ShouldBe(register.Obis);
        }
    }

    private async Task<DeviceRegistry> LoadAsync()
    {
        var registry = new DeviceRegistry(database.DataSource, new AuditTrail(database.DataSource), new DeviceRegistryOptions { DefaultOrganizationId = 1 }, TimeProvider.System, NullLogger<DeviceRegistry>.Instance);
        await registry.LoadAsync(CancellationToken.None);
        return registry;
    }
}
