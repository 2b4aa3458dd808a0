# Sourced by bench/run: servers to measure, the generator, and arithmetic. Every function that starts something records how to stop it.

simulator=$root/src/Simulator/bin/Release/net10.0/headwater-sim.dll
server=$root/src/Server/bin/Release/net10.0/headwater.dll
work=$(mktemp -d "${TMPDIR:-/tmp}/headwater-bench.XXXXXX")
chmod 755 "$work" # an unprivileged PostgreSQL or mosquitto reads from here
result=()
head_pid='' mosquitto_pid='' idle_pid=''

need() {
    local program missing=()
    for program in "$@"; do command -v "$program" > /dev/null || missing+=("$program"); done
    [ ${#missing[@]} = 0 ] || { complain "Missing: ${missing[*]}."; exit 1; }
}

free_port() { # below the range the system gives to outgoing connections, which the generator uses up
    local port
    while port=$((10000 + RANDOM % 20000)); do (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null || break; done
    echo "$port"
}

open=$(free_port) # of the listener for anonymous clients, where a rung asks for one

# ---- arithmetic ----
median() { printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }
minus() { awk -v a="$1" -v b="$2" 'BEGIN { print a - b }'; }
field() { tr ' ' '\n' <<< "$2" | sed -n "s/^$1=//p" | tail -n 1; } # key, line of key=value
key() { result+=("$1=$2"); printf '  %s = %s\n' "$1" "$2"; }
resident_kb() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }
cpu_seconds() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }

facts() {
    printf 'machine: %s, %s cores, %s MiB; %s; %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
        "$(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo)" "$(uname -sr)" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    printf 'commit: %s%s; load average before: %s; rounds: %s\n' "$(git -C "$root" rev-parse --short HEAD)" \
        "$(git -C "$root" diff --quiet HEAD || echo ' with changes')" "$(cut -d ' ' -f 1-3 /proc/loadavg)" "$rounds"
}

# ---- certificates: one pair for all brokers ----
certificates() {
    [ -f "$work/server.pem" ] && return 0
    local ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    openssl req -x509 "${ec[@]}" -keyout "$work/ca.key" -out "$work/ca.pem" -days 2 -subj /CN=bench-ca 2> /dev/null
    openssl req "${ec[@]}" -keyout "$work/server.key" -out "$work/server.csr" -subj /CN=localhost 2> /dev/null
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' > "$work/extensions"
    openssl x509 -req -in "$work/server.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 2 \
        -extfile "$work/extensions" -out "$work/server.pem" 2> /dev/null
    chmod 644 "$work/server.key" # mosquitto gives up root before it reads it; the key lives as long as this run
}

# ---- ours ----
# start_headwater [option ...]: a server with its own data folder, database and ports; waits for its page.
start_headwater() {
    certificates
    local log=$work/headwater.log
    http=$(free_port) mqtt=$(free_port) mqtts=$(free_port)
    data=$work/data
    mkdir -p "$data"
    : > "$log"
    dotnet "$server" serve --port "$http" --mqtt-port "$mqtt" --mqtts-port "$mqtts" --data "$data" --postgres-bin "$(postgres_bin)" \
        --web "$root/web/dist" --certificate "$work/server.pem" --certificate-key "$work/server.key" "$@" > "$log" 2>&1 &
    head_pid=$!
    wait_for "the server" "$head_pid" "$log" grep -q 'Headwater is up' "$log"
    [ -n "${password:-}" ] || password=$(sed -n 's/^Sign in as .* with the password \([^ ]*\) .*/\1/p' "$log")
    person=$(sed -n 's/^Sign in as \([^ .]*\).*/\1/p' "$log")
}

wait_for() { # what, pid, log, command ...
    local what=$1 pid=$2 log=$3 i; shift 3
    for i in $(seq 600); do
        "$@" && return 0
        kill -0 "$pid" 2> /dev/null || { complain "$what ended at its start:"; tail -n 20 "$log" >&2; exit 1; }
        sleep 0.1
    done
    complain "$what was not up within 60 s:"; tail -n 20 "$log" >&2; exit 1
}

api() { curl -sS --fail-with-body -b "$work/cookies" -c "$work/cookies" -H 'X-Headwater: 1' -H 'Content-Type: application/json' "$@"; }
sign_in() { api -o /dev/null -d "{\"name\":\"$person\",\"password\":\"$password\"}" "http://127.0.0.1:$http/api/v1/session"; }

# start_with_fleet [option ...]: the same with a credential that devices sign in with: each may publish for itself only, and is registered
# when it first connects. Rights, decoding and registry are those of any device.
start_with_fleet() {
    start_headwater --demo --demo-scenario "$root/bench/one-meter.json" "$@"
    wait_for "the fleet's credential" "$head_pid" "$work/headwater.log" test -s "$data/demo-credentials.json"
    credentials=$data/demo-credentials.json
}

# sql TEXT: on the server's private database, as its owner.
sql() {
    local home=$data/postgres
    [ -f "$home/cluster-location.txt" ] && home=$(cat "$home/cluster-location.txt")
    PGPASSWORD=$(cat "$home/password") psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$(cat "$data/postgres/socket-folder.txt")" -p 5432 -U headwater -d headwater "$@"
}
durability() { printf 'database: PostgreSQL %s, fsync=%s, synchronous_commit=%s, wal_level=%s, max_wal_size=%s\n' "$(sql -c 'show server_version')" "$(sql -c 'show fsync')" "$(sql -c 'show synchronous_commit')" "$(sql -c 'show wal_level')" "$(sql -c 'show max_wal_size')"; }
empty_tables() { sql -c 'truncate headend.reading, headend.profile_block, headend.uplink_log' -c checkpoint; }
rows_are() { # table, expected
    local found; found=$(sql -c "select count(*) from headend.$1")
    [ "$found" = "$2" ] || { complain "headend.$1 holds $found rows, acknowledged were $2."; exit 1; }
}

# ---- mosquitto, as design/bench.md sets it for comparison ----
start_mosquitto() {
    certificates
    plain_port=$(free_port) tls_port=$(free_port)
    cat > "$work/mosquitto.conf" << CONF
listener $plain_port 127.0.0.1
listener $tls_port 127.0.0.1
cafile $work/ca.pem
certfile $work/server.pem
keyfile $work/server.key
allow_anonymous true
max_inflight_messages 0
max_queued_messages 0
persistence false
set_tcp_nodelay true
log_dest none
CONF
    mosquitto -c "$work/mosquitto.conf" > "$work/mosquitto.log" 2>&1 &
    mosquitto_pid=$!
    wait_for mosquitto "$mosquitto_pid" "$work/mosquitto.log" bash -c "exec 3<> /dev/tcp/127.0.0.1/$plain_port" 2> /dev/null
}

end_process() { # pid: asks, waits, then insists
    local pid=$1 i
    kill -TERM "$pid" 2> /dev/null || return 0
    for i in $(seq 150); do kill -0 "$pid" 2> /dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
}
stop_headwater() { [ -z "$head_pid" ] || end_process "$head_pid"; head_pid=''; }
stop_mosquitto() { [ -z "$mosquitto_pid" ] || end_process "$mosquitto_pid"; mosquitto_pid=''; }
stop_all() {
    let_idle_go
    stop_headwater
    stop_mosquitto
    [ -z "${keep_work:-}" ] && rm -rf "$work"
}

# ---- the generator, the same for every broker ----
# load LABEL option ...: runs it, keeps its last line in $line and prints what matters of it.
load() {
    local label=$1; shift
    if ! dotnet "$simulator" load "$@" > "$work/load.out" 2> "$work/load.err"; then
        complain "The generator failed at '$label':"; cat "$work/load.err" "$work/load.out" >&2; exit 1
    fi
    line=$(grep '^load ' "$work/load.out")
    printf '  %-34s %12s /s  p50 %8s ms  p99 %8s ms  generator cpu %s s of %s s\n' "$label" "$(field per_second "$line")" \
        "$(field p50_ms "$line")" "$(field p99_ms "$line")" "$(field generator_cpu_seconds "$line")" "$(field seconds "$line")"
}
to_ours() { printf '%s\n' --port "$mqtt" --credentials "$credentials"; }
to_ours_tls() { printf '%s\n' --port "$mqtts" --ca "$work/ca.pem" --credentials "$credentials"; }
to_open() { printf '%s\n' --port "$open"; }
to_mosquitto() { printf '%s\n' --port "$plain_port"; }
to_mosquitto_tls() { printf '%s\n' --port "$tls_port" --ca "$work/ca.pem"; }

# hold_idle option ...: opens idle sessions and comes back when all stand; let_idle_go ends them.
hold_idle() {
    mkfifo "$work/idle.in"
    : > "$work/idle.out"
    dotnet "$simulator" load --mode idle --seconds 3600 --parent-stdin "$@" < "$work/idle.in" > "$work/idle.out" 2>&1 &
    idle_pid=$!
    exec 7> "$work/idle.in"
    rm "$work/idle.in"
    wait_for "the idle sessions" "$idle_pid" "$work/idle.out" grep -q '^ready' "$work/idle.out"
}
let_idle_go() {
    [ -n "$idle_pid" ] || return 0
    exec 7>&-
    wait "$idle_pid" 2> /dev/null || true
    idle_pid=''
}

# Each round's readings get times of their own, so that every row is a new key: five days further each time, within the 400 taken.
turn=0
new_times() { turn=$((turn + 1)); start=$(date -u -d "-380 days +$((turn * 5)) days" +%Y-%m-%dT00:00:00Z); }
