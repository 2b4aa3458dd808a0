import type { Broker } from '../api/types';

/** The port of MQTT over plain TCP that the server really listens on. */
export const portOf = (broker: Broker | undefined): number => (broker?.listeners.find((each) => each.name === 'mqtt') ?? broker?.listeners.find((each) => !each.tls && !each.anonymous))?.port ?? 1883;

/** A line for a terminal that publishes one reading as a device, now. Works in sh, bash and zsh. */
export function pasteLine(device: string, secret: string, host = typeof location === 'undefined' ? 'localhost' : location.hostname): string {
  return `mosquitto_pub -h ${host} -p 1883 -V mqttv5 -q 1 -i ${device} -u ${device} -P '${secret}' -t smart_meter/meter_readings -m '{"meter_id":"${device}","reading":12.34,"created_at":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"}'`;
}
