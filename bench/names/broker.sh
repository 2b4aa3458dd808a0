# The MQTT server by itself, on the listener where anonymous clients may do everything, as mosquitto lets them: acknowledgements of messages nobody subscribes to, fan-out, idle sessions, connects.
seconds=$([ "$quick" = yes ] && echo 4 || echo 10)
sessions=$([ "$quick" = yes ] && echo 5000 || echo 15000)
connects=$([ "$quick" = yes ] && echo 10000 || echo 40000)

# Resident memory a session adds, in bytes; sets $per_session.
memory() { # pid, options ...
    local pid=$1 before after; shift
    before=$(resident_kb "$pid")
    hold_idle "$@" --connections "$sessions" --sources 8
    sleep 3
    after=$(resident_kb "$pid")
    let_idle_go
    per_session=$(awk -v a="$after" -v b="$before" -v n="$sessions" 'BEGIN { printf "%.0f", (a - b) * 1024 / n }')
}

measure() {
    local round
    start_headwater --open-listener-port "$open"
    start_mosquitto
    durability
    mapfile -t ours_to < <(to_open); mapfile -t theirs_to < <(to_mosquitto)

    say "$sessions idle sessions, after some connects so that code and pools are there"
    load 'ours, first connects' "${ours_to[@]}" --mode connect --connections 200 --window 50 --count 3000
    load 'mosquitto, first connects' "${theirs_to[@]}" --mode connect --connections 200 --window 50 --count 3000
    memory "$head_pid" "${ours_to[@]}"; local ours_bytes=$per_session
    memory "$mosquitto_pid" "${theirs_to[@]}"; local their_bytes=$per_session
    printf '  ours %s bytes, mosquitto %s bytes a session\n' "$ours_bytes" "$their_bytes"
    key bytes_per_session "$ours_bytes"
    key memory_vs_mosquitto "$(ratio "$ours_bytes" "$their_bytes")"

    say "acknowledgements, 400 connections x 100 in flight, QoS 1, no subscriber"
    local a=() b=() f=() g=() c=() d=()
    for round in $(seq "$rounds"); do
        load 'ours, publish' "${ours_to[@]}" --connections 400 --window 100 --topic bench/nobody --seconds "$seconds" --warm-up 1
        a+=("$(field per_second "$line")")
        load 'mosquitto, publish' "${theirs_to[@]}" --connections 400 --window 100 --topic bench/nobody --seconds "$seconds" --warm-up 1
        b+=("$(field per_second "$line")")
        load 'ours, 500 subscribers' "${ours_to[@]}" --mode fanout --connections 500 --window 10 --seconds "$seconds" --warm-up 1
        f+=("$(field per_second "$line")")
        load 'mosquitto, 500 subscribers' "${theirs_to[@]}" --mode fanout --connections 500 --window 10 --seconds "$seconds" --warm-up 1
        g+=("$(field per_second "$line")")
        load 'ours, connects' "${ours_to[@]}" --mode connect --connections 1000 --window 100 --count "$connects" --sources 16
        c+=("$(field per_second "$line")")
        load 'mosquitto, connects' "${theirs_to[@]}" --mode connect --connections 1000 --window 100 --count "$connects" --sources 16
        d+=("$(field per_second "$line")")
    done
    key vs_mosquitto "$(ratio "$(median "${a[@]}")" "$(median "${b[@]}")")"
    key fanout_vs_mosquitto "$(ratio "$(median "${f[@]}")" "$(median "${g[@]}")")"
    key connects_vs_mosquitto "$(ratio "$(median "${c[@]}")" "$(median "${d[@]}")")"
}
