#!/usr/bin/env bash
# Publishes a reading of one meter with mosquitto_pub: the smallest meter there is. Meant for cron, see examples/crontab.
#
#   MQTT_USER=meter_3105 MQTT_PASSWORD=... examples/publish-reading.sh
#
# MQTT_HOST (localhost), MQTT_PORT (1883), METER (the user's name) say where to and for which meter.
# A meter's register only rises, so the random part is what was used since the last reading; the total is kept in a
# small file (METER_STATE, by default under ~/.local/state). The exit status is mosquitto_pub's: 0 means the server
# has stored the message, because it acknowledges QoS 1 only after its commit.
set -euo pipefail

user=${MQTT_USER:?set MQTT_USER to the name of a credential}
password=${MQTT_PASSWORD:?set MQTT_PASSWORD to its secret}
host=${MQTT_HOST:-localhost}
port=${MQTT_PORT:-1883}
meter=${METER:-$user}
state=${METER_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/headwater}/$meter

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
