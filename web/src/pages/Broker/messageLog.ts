/** Messages the page's MQTT client received, newest last, bounded: a flood costs neither memory nor frames. */
export interface Received { key: number; at: number; topic: string; qos: number; retain: boolean; bytes: Uint8Array }

export interface MessageLog { messages: Received[]; total: number; missed: number; paused: boolean }

export type LogAction = { kind: 'received'; batch: Received[] } | { kind: 'pause' } | { kind: 'resume' } | { kind: 'clear' };

export const limit = 500;
/** Bytes kept of one payload. */
export const payloadLimit = 16_384;

export const emptyLog: MessageLog = { messages: [], total: 0, missed: 0, paused: false };

export function reduceLog(log: MessageLog, action: LogAction): MessageLog {
  switch (action.kind) {
    case 'received':
      if (log.paused) return { ...log, total: log.total + action.batch.length, missed: log.missed + action.batch.length };
      return { ...log, total: log.total + action.batch.length, messages: [...log.messages, ...action.batch].slice(-limit) };
    case 'pause': return { ...log, paused: true };
    case 'resume': return { ...log, paused: false, missed: 0 };
    case 'clear': return { ...log, messages: [], total: 0, missed: 0 };
  }
}
