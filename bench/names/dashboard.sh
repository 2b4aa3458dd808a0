# The pages' own queries over HTTP, signed in, with many readings stored: 100 million (5 million with --quick) of 1,000 meters.
rows=$([ "$quick" = yes ] && echo 5000000 || echo 100000000)
each=$([ "$quick" = yes ] && echo 10 || echo 40)
meters=1000

# Straight into the tables: what is measured is reading. A meter's readings are a minute apart and end now.
fill() {
    sql << SQL
set synchronous_commit = off;
insert into headend.device (organization_id, text_id, name)
select (select min(organization_id) from accounts.organization), 'stored_' || lpad(n::text, 5, '0'), 'Stored meter ' || n from generate_series(1, $meters) n;
insert into headend.register (device_id, obis) select device_id, '1-0:1.8.0' from headend.device;
insert into headend.register_version (register_id, version, valid_from, unit, exponent, minimum, maximum)
select register_id, 1, '2020-01-01Z', 'Wh', 0, 0, 1000000000000 from headend.register;
SQL
    local per_meter=$((rows / meters)) from step=20000
    for ((from = 0; from < per_meter; from += step)); do
        sql -c "set synchronous_commit = off" -c "insert into headend.reading (device_id, register_id, at, value, commit_number, ordinal, suspicion)
            select r.device_id, r.register_id, date_trunc('minute', now()) - make_interval(mins => $per_meter - n), n * 11 + r.register_id, 1, n, 0
            from generate_series($from, least($from + $step, $per_meter) - 1) n cross join headend.register r order by 3, 2"
    done
    sql -c 'vacuum analyze headend.reading' -c 'analyze headend.device' -c checkpoint
    rows_are reading "$rows"
}

ask() { # label, path: $each times, in milliseconds; the first, which compiles and fills caches, is printed and not counted
    local label=$1 path=$2 i
    for i in $(seq 0 "$each"); do
        api -o /dev/null -w '%{time_total}\n' "http://127.0.0.1:$http/api/v1$(eval "echo \"$path\"")" | awk '{ print $1 * 1000 }'
    done > "$work/all"
    tail -n +2 "$work/all" > "$work/asked"
    cat "$work/asked" >> "$work/times"
    printf '  %-34s p95 %8s ms   first %8s ms\n' "$label" "$(percentile 95 "$work/asked")" "$(head -n 1 "$work/all")"
}
percentile() { sort -g "$2" | awk -v p="$1" '{ v[NR] = $1 } END { i = int((NR * p + 99) / 100); printf "%.1f", v[i < 1 ? 1 : i] }'; }

measure() {
    start_headwater
    say "filling $rows readings of $meters meters"
    fill
    stop_headwater # the registry is read at the start
    start_headwater
    durability
    sign_in
    : > "$work/times"
    local month='from=$(date -u -d -30days +%Y-%m-%dT%H:%M:%SZ)&to=$(date -u +%Y-%m-%dT%H:%M:%SZ)'
    local day='from=$(date -u -d -1day +%Y-%m-%dT%H:%M:%SZ)&to=$(date -u +%Y-%m-%dT%H:%M:%SZ)'
    local one='stored_$(printf %05d $((1 + RANDOM % 1000)))'
    local register; register=$(sql -c "select min(register_id) from headend.register")
    ask 'overview' '/overview'
    ask 'devices, first page' '/devices?limit=100'
    ask 'devices, search' "/devices?limit=100&query=stored_00\$((RANDOM % 10))"
    ask 'one device' "/devices/$one"
    ask 'chart of a day' "/devices/stored_00001/series?registerId=$register&points=800&$day"
    ask 'chart of 30 days' "/devices/stored_00001/series?registerId=$register&points=800&$month"
    ask 'table of readings' "/devices/stored_00001/readings?registerId=$register&limit=1000&$day"
    ask 'quarantine' '/quarantine?state=held&limit=100'
    ask 'broker' '/broker'
    ask 'sessions' '/broker/sessions?limit=100'
    key p95_ms "$(percentile 95 "$work/times")"
    key rows "$rows"
}
