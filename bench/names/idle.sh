# What the server costs with nothing connected, and how long it takes from its start to the first page.

first_page() { # seconds from the start of the process until the page came
    local began; began=$(date +%s.%N)
    start_headwater
    curl -sS --fail --retry 20 --retry-delay 0 --retry-connrefused -o /dev/null "http://127.0.0.1:$http/"
    took=$(minus "$(date +%s.%N)" "$began")
}

measure() {
    local round s=() r=()
    first_page
    printf '  first start, an empty data folder: %.2f s\n' "$took"
    local first=$took
    stop_headwater
    for round in $(seq "$rounds"); do
        first_page
        s+=("$took")
        sleep 20 # what a start leaves behind is collected by then
        r+=("$(awk -v k="$(resident_kb "$head_pid")" 'BEGIN { printf "%.0f", k / 1024 }')")
        printf '  start %s: first page after %.2f s, %s MB resident after 20 s\n' "$round" "$took" "${r[-1]}"
        [ "$round" = "$rounds" ] || stop_headwater
    done
    printf '  PostgreSQL beside it: %s MB (proportional share of all its processes)\n' "$(postgres_mb)"
    key rss_mb "$(median "${r[@]}")"
    key start_seconds "$(awk -v s="$(median "${s[@]}")" 'BEGIN { printf "%.2f", s }')"
    key first_start_seconds "$(awk -v s="$first" 'BEGIN { printf "%.2f", s }')"
}

postgres_mb() {
    local home=$data/postgres pid total=0
    [ -f "$home/cluster-location.txt" ] && home=$(cat "$home/cluster-location.txt")
    local postmaster; postmaster=$(head -n 1 "$home/cluster/postmaster.pid")
    for pid in "$postmaster" $(cat "/proc/$postmaster/task/$postmaster/children"); do
        total=$((total + $(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup" 2> /dev/null || echo 0)))
    done
    echo $((total / 1024))
}
