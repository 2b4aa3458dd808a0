# One 15-minute boundary: 1,000,000 meters behind 10,000 concentrators report at once, a message each; the time from the first publish until
# the last reading is committed and acknowledged. The meters are registered before, as in a fleet that exists.
concentrators=10000 meters=100

# Straight into the registry: what is measured is reporting, not registering.
fleet() {
    sql << SQL
set synchronous_commit = off;
insert into headend.device (organization_id, text_id, class)
select (select min(organization_id) from accounts.organization), 'load_' || lpad(n::text, 5, '0'), $(class_of Concentrator) from generate_series(0, $concentrators - 1) n;
insert into headend.device (organization_id, text_id, carrier_id)
select c.organization_id, c.text_id || '-' || lpad(n::text, 3, '0'), c.device_id
from headend.device c cross join generate_series(0, $meters - 1) n where c.text_id ~ '^load_[0-9]{5}$';
insert into headend.register (device_id, obis) select device_id, '1-0:1.8.0' from headend.device where carrier_id is not null;
insert into headend.register_version (register_id, version, valid_from, unit, exponent, minimum, maximum)
select register_id, 1, '2020-01-01Z', 'Wh', 0, 0, 1000000000000 from headend.register;
analyze;
SQL
}
class_of() { sed -n "s/^ *$1 = \([0-9]*\),.*/\1/p" "$root/src/Devices/DeviceClass.cs"; } # the persisted number of a device class

measure() {
    local round first s=() from
    start_with_fleet
    say "registering $((concentrators * meters)) meters under $concentrators concentrators"
    fleet
    stop_headwater # the registry is read at the start
    start_with_fleet
    durability
    mapfile -t ours_to < <(to_ours)
    from=$(date -u -d '-30 days' +%Y-%m-%d)
    # Round 0 is the first boundary after the start, when nothing has been used yet: reported by itself.
    for round in $(seq 0 "$rounds"); do
        empty_tables
        load "boundary $round" "${ours_to[@]}" --connections "$concentrators" --window "$meters" --meters-per-connection "$meters" \
            --count $((concentrators * meters)) --sources 8 --start "$(date -u -d "$from +$((round * 15)) minutes" +%Y-%m-%dT%H:%M:%SZ)"
        rows_are reading $((concentrators * meters))
        if [ "$round" = 0 ]; then first=$(field seconds "$line"); else s+=("$(field seconds "$line")"); fi
    done
    key first_seconds_after_start "$first"
    key seconds "$(median "${s[@]}")"
}
