# Committed readings a second, against a broker that stores nothing and against COPY of the same rows.
# Our figure is the rate of PUBACKs, each sent after the transaction that holds the reading; the rows are counted after every round.
seconds=$([ "$quick" = yes ] && echo 3 || echo 8)

ours() { # label, options ...: one measured round on empty tables, rows counted
    local label=$1; shift
    empty_tables
    new_times
    load "$label" --start "$start" --seconds "$seconds" --warm-up 1 "$@"
}

copy_back() { # the rows just ingested, out and in again by one session of psql; sets $copied (rows/s)
    local rows file=$work/rows.bin took
    rows=$(sql -c 'select count(*) from headend.reading')
    sql -c "\\copy (select * from headend.reading) to '$file' with (format binary)"
    sql -c 'truncate headend.reading' -c checkpoint
    took=$(sql -c '\timing on' -c "\\copy headend.reading from '$file' with (format binary)" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 1)
    rows_are reading "$rows"
    rm -f "$file"
    copied=$(awk -v n="$rows" -v ms="$took" 'BEGIN { printf "%.0f", n * 1000 / ms }')
    printf '  %-34s %12s /s  (%s rows in %s ms)\n' 'COPY of the same rows, psql' "$copied" "$rows" "$took"
}

measure() {
    local shape connections window round
    start_with_fleet
    start_mosquitto
    durability
    say "registering 2,000 meters and warming the log up"
    mapfile -t ours_to < <(to_ours); mapfile -t ours_tls < <(to_ours_tls)
    mapfile -t theirs_to < <(to_mosquitto); mapfile -t theirs_tls < <(to_mosquitto_tls)
    new_times
    load 'warm-up' "${ours_to[@]}" --connections 2000 --window 10 --count 400000 --start "$start"

    for shape in 400x100 2000x10 2000x1; do
        connections=${shape%x*} window=${shape#*x}
        local a=() b=() c=()
        say "$connections connections x $window in flight, QoS 1, one reading a message"
        for round in $(seq "$rounds"); do
            ours "ours $shape" "${ours_to[@]}" --connections "$connections" --window "$window"
            rows_are reading "$(field acknowledged "$line")"
            a+=("$(field per_second "$line")")
            if [ "$shape" = 400x100 ]; then copy_back; c+=("$copied"); fi
            load "mosquitto $shape" "${theirs_to[@]}" --connections "$connections" --window "$window" --seconds "$seconds" --warm-up 1
            b+=("$(field per_second "$line")")
        done
        key "vs_mosquitto_$shape" "$(ratio "$(median "${a[@]}")" "$(median "${b[@]}")")"
        if [ "$shape" = 400x100 ]; then
            key readings_per_second "$(median "${a[@]}")"
            key vs_copy "$(ratio "$(median "${a[@]}")" "$(median "${c[@]}")")"
            local copy_rate; copy_rate=$(median "${c[@]}")
        fi
    done

    say "profiles of 96 values, 400 x 20"
    local p=()
    for round in $(seq "$rounds"); do
        ours 'ours profiles (messages)' "${ours_to[@]}" --connections 400 --window 20 --form profile --step 60
        rows_are profile_block "$(field acknowledged "$line")"
        p+=("$(awk -v m="$(field per_second "$line")" 'BEGIN { print m * 96 }')")
    done
    key profile_vs_copy "$(ratio "$(median "${p[@]}")" "$copy_rate")"

    say "over TLS, 400 x 100"
    local t=() u=() g=() h=()
    for round in $(seq "$rounds"); do
        ours 'ours, TLS' "${ours_tls[@]}" --connections 400 --window 100
        rows_are reading "$(field acknowledged "$line")"
        t+=("$(field per_second "$line")")
        load 'mosquitto, TLS' "${theirs_tls[@]}" --connections 400 --window 100 --seconds "$seconds" --warm-up 1
        u+=("$(field per_second "$line")")
        load 'ours, TLS connects' "${ours_tls[@]}" --mode connect --count 1000 --window 16
        g+=("$(field per_second "$line")")
        load 'mosquitto, TLS connects' "${theirs_tls[@]}" --mode connect --count 1000 --window 16
        h+=("$(field per_second "$line")")
    done
    key tls_vs_mosquitto_400x100 "$(ratio "$(median "${t[@]}")" "$(median "${u[@]}")")"
    key tls_connects_vs_mosquitto "$(ratio "$(median "${g[@]}")" "$(median "${h[@]}")")"
    local before after
    before=$(resident_kb "$head_pid")
    hold_idle "${ours_tls[@]}" --connections 2000
    sleep 2
    after=$(resident_kb "$head_pid")
    let_idle_go
    key tls_bytes_per_session "$(awk -v a="$after" -v b="$before" 'BEGIN { printf "%.0f", (a - b) * 1024 / 2000 }')"
}
