# PUBACK latency of committed readings at half of the own maximum. Latency counts from when a publish was due, not from when it got out.
seconds=$([ "$quick" = yes ] && echo 10 || echo 30)

measure() {
    local round most half p=() q=()
    start_with_fleet
    durability
    mapfile -t ours_to < <(to_ours)
    new_times
    load 'warm-up' "${ours_to[@]}" --connections 400 --window 100 --count 400000 --start "$start"
    empty_tables; new_times
    load 'own maximum' "${ours_to[@]}" --connections 400 --window 100 --start "$start" --seconds "$seconds" --warm-up 1
    most=$(field per_second "$line")
    rows_are reading "$(field acknowledged "$line")"
    half=$(awk -v m="$most" 'BEGIN { printf "%.0f", m / 2 }')
    say "at $half readings a second"
    for round in $(seq "$rounds"); do
        empty_tables; new_times
        load "round $round" "${ours_to[@]}" --mode rate --rate "$half" --connections 400 --window 100 --start "$start" --seconds "$seconds" --warm-up 2
        rows_are reading "$(field acknowledged "$line")"
        p+=("$(field p99_ms "$line")") q+=("$(field p50_ms "$line")")
    done
    key puback_p99_ms "$(median "${p[@]}")"
    key puback_p50_ms "$(median "${q[@]}")"
    key at_readings_per_second "$half"
}
