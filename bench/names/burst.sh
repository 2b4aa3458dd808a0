# One 15-minute boundary: 1,000,000 meters behind 10,000 connections report at once; the time until the last is committed and acknowledged.
# A first boundary registers the meters; the measured ones follow it, as in a fleet that exists.

measure() {
    local round s=()
    start_with_fleet
    durability
    mapfile -t ours_to < <(to_ours)
    local shape=(--connections 10000 --window 100 --meters-per-connection 100 --count 1000000 --sources 8)
    local from; from=$(date -u -d '-30 days' +%Y-%m-%d)
    say "registering 1,000,000 meters at the boundary before"
    load 'registration' "${ours_to[@]}" "${shape[@]}" --start "${from}T00:00:00Z"
    for round in $(seq "$rounds"); do
        sql -c checkpoint
        load "boundary $round" "${ours_to[@]}" "${shape[@]}" --start "$(date -u -d "$from +$((round * 15)) minutes" +%Y-%m-%dT%H:%M:%SZ)"
        rows_are reading $(((round + 1) * 1000000))
        s+=("$(field seconds "$line")")
    done
    key seconds "$(median "${s[@]}")"
}
