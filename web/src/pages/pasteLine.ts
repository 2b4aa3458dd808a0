/** A line for a terminal that publishes one reading as a device, now. Works in sh, bash and zsh. */
export function pasteLine(device: string, secret: string, host = typeof location === 'undefined' ? 'localhost' : location.hostname): string {
  return `mosquitto_pub -h ${host} -p 1883 -V mqttv5 -q 1 -i ${device} -u ${device} -P '${secret}' -t smart_meter/meter_readings -m '{"meter_id":"${device}","reading":12.34,"created_at":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"}'`;
}
