#!/usr/bin/env bash
# Publishes a reading of one meter with mosquitto_pub: the smallest meter there is. Meant for cron, see examples/crontab.
#
#   HEADWATER_USER=meter_3105 HEADWATER_PASSWORD=... examples/publish-reading.sh
#
# HEADWATER_HOST (localhost), HEADWATER_PORT (1883), HEADWATER_METER (the user's name) say where to and for which meter.
# A meter's register only rises, so the random part is what was used since the last reading; the total is kept in a
# small file (HEADWATER_STATE, by default under ~/.local/state). The exit status is mosquitto_pub's: 0 means the server
# has stored the message, because it acknowledges QoS 1 only after its commit.
set -euo pipefail

user=${HEADWATER_USER:?set HEADWATER_USER to the name of a credential}
password=${HEADWATER_PASSWORD:?set HEADWATER_PASSWORD to its secret}
host=${HEADWATER_HOST:-localhost}
port=${HEADWATER_PORT:-1883}
meter=${HEADWATER_METER:-$user}
state=${HEADWATER_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/headwater}/$meter

mkdir -p "${state%/*}"
watt_hours=$(cat "$state" 2> /dev/null || echo 0)
watt_hours=$((watt_hours + RANDOM % 40 + 1)) # 1 to 40 Wh in a minute: 60 W to 2.4 kW
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
printf -v kilowatt_hours '%d.%03d' $((watt_hours / 1000)) $((watt_hours % 1000))

mosquitto_pub -h "$host" -p "$port" -u "$user" -P "$password" -i "$meter" -q 1 -t smart_meter/meter_readings \
    -m "{\"meter_id\":\"$meter\",\"reading\":$kilowatt_hours,\"created_at\":\"$now\"}"

# Only what was stored counts: after a failure the next reading starts from the last acknowledged one.
echo "$watt_hours" > "$state"
echo "$meter $kilowatt_hours kWh at $now"
