/** The shapes of the HTTP API the pages read. 64-bit ids and exact decimals travel as strings. */
export type Role = 'viewer' | 'operator' | 'administrator' | 'household';
export type Theme = 'auto' | 'light' | 'dark';

export interface Preferences { language?: string | null; theme?: string | null; timeZone?: string | null }
export interface Person {
  name: string;
  displayName: string;
  role: Role;
  mustChangePassword: boolean;
  organization: { id: string; name: string; timeZone: string };
  preferences: Preferences;
}
export interface Session { person: Person; warnings?: string[]; version?: string; demo?: boolean }

export interface Rate { perSecond: number; total: number }
export interface Alarm { severity: string; text: string; since: string; link?: string | null }
export interface HistoryPoint { at: string; received: number; committed: number; quarantined: number; acknowledgementP99: number | null }
export interface Overview {
  at: string;
  health: { state: 'ok' | 'attention' | 'fault'; sentences: string[] };
  devices: { registered: number; connected: number; seenLastHour: number };
  flow: { received: Rate; committed: Rate; readings: Rate; quarantined: Rate; acknowledged: Rate; bytesPerSecond: number };
  acknowledgement: { p50Milliseconds: number | null; p99Milliseconds: number | null };
  commit: { batchesPerSecond: number; averageRows: number; lastCommitNumber: string | number | null; lastCommittedAt: string | null; queueBytes: number; queueLimitBytes: number };
  quarantine: { held: number; newest: { reason: string; count: number }[] };
  storage: { databaseBytes: number | null; diskFreeBytes: number | null; readingsEstimate: number | null; oldestReadingAt: string | null; partitions: number | null };
  alarms: Alarm[];
  history: HistoryPoint[];
}

export interface Page<T> { total: number; items: T[] }
export interface DeviceRow {
  id: string; name: string; class: string; status: string; connected: boolean;
  lastSeenAt: string | null; lastReadingAt: string | null; registersCount: number; timeZone: string; carrierId: string | null;
}
export interface DeviceRegister {
  registerId: string; obis: string; name: string; unit: string; exponent: number; versions: number;
  lastValue: string | null; lastAt: string | null; minimum: string | null; maximum: string | null; intervalSeconds?: number | null;
}
export interface Credential {
  id: string; kind: string; userName: string; label: string; createdAt: string; revokedAt: string | null;
  publishFilters?: string[]; subscribeFilters?: string[];
}
export interface NewSecret { id?: string; userName: string; secret: string; pasteLine?: string | null }
export interface Device extends DeviceRow {
  createdAt: string; registeredAutomatically: boolean;
  connection: { clientId: string; remote: string; listener: string; connectedAt: string; version: string | number } | null;
  registers: DeviceRegister[];
  credentials: Credential[];
  counts: { readings?: number | null; held: number };
}
export interface Reading {
  at: string; value: string; unit: string; quality: string; suspicions: string[]; commitNumber: string; ordinal: number; receivedAt: string;
}
export interface ReadingPage { items: Reading[]; next: string | null }
export type SeriesPoint = [at: number, minimum: number | null, maximum: number | null, last: number | null, count: number];
export interface Series { unit: string; kind: 'instant' | 'interval'; points: SeriesPoint[]; gaps: [number, number][] }
export interface Profiles { unit: string; everySeconds: number; points: [number, number | null, number][] }
export interface MeterEvent { at: string; code: string; sequence: number | null; data: unknown; commitNumber: string; ordinal: number }
export interface Conflict {
  registerId?: string; obis?: string; at: string; unit?: string;
  standingValue?: string; standingReceivedAt?: string; otherValue?: string; otherReceivedAt?: string;
  value?: string; receivedAt?: string; commitNumber?: string; ordinal?: number; keptValue?: string; keptReceivedAt?: string;
}

export interface Broker {
  listeners: { name: string; address: string; port: number; tls: boolean; anonymous: boolean }[];
  counters: Record<string, number>;
  limits: { name: string; value: string | number; unit: string; default: string | number; reason: string }[];
  rates: { inPerSecond: number; outPerSecond: number; bytesIn: number; bytesOut: number };
  connections: number; sessions: number; subscriptions: number; retained: number; queued: number;
  dropped: { reason: string; count: number }[];
}
export interface BrokerSession {
  clientId: string; owner: string; identity: string; connected: boolean; version: string | number; remote: string | null; listener: string | null;
  connectedAt: string | null; disconnectedAt?: string | null; subscriptions: number; queued: number; inFlight: number; uncommitted?: number; expirySeconds: number; keepAliveSeconds: number; hasWill?: boolean;
}
export interface BrokerSubscription { clientId: string; filter: string; qos: number; shared?: string | null; noLocal?: boolean; options?: string | null; identifier?: number | null }
export interface RetainedMessage { topic: string; bytes: number; qos: number; publishedAt: string; payloadText?: string | null }
export interface BrokerEvent { at: string; kind: string; clientId: string; identity: string | null; remote: string | null; listener: string | null; reason: string | null; text: string | null }
/** What the topic `messages` of the live stream carries: the newest publishes, up to 100 a second. */
export interface PassedMessage { at: string; clientId: string; topic: string; qos: number; retain: boolean; bytes: number; payloadText: string | null }
export interface BrokerClient { url: string; userName: string; password: string; clientId: string; expiresAt: string }

export interface QuarantineItem {
  commitNumber: string; ordinal: number; arrivedAt: string; clientId: string; owner: string; deviceId: string | null; topic: string;
  reason: string; detail: string; state: string; payloadBytes: number; payloadPreview: string;
}
export interface QuarantinePage extends Page<QuarantineItem> { reasons: { reason: string; held: number }[] }
export interface QuarantineDetail extends QuarantineItem { payloadBase64: string; payloadText: string | null; hex?: string }
export interface Job {
  id: string; kind: string; state: 'running' | 'done' | 'failed' | 'cancelled'; done: number; total: number;
  outcome?: Record<string, number> | null; startedAt: string; endedAt: string | null; startedBy: string;
}

export interface Trace {
  kind: 'reading' | 'profile' | 'event' | 'quarantine' | 'other';
  reading: { deviceId: string | null; obis: string | null; at: string | null; value: string | null; unit: string | null } | null;
  message: { topic: string; clientId: string; connection: string | null; arrivedAt: string; qos: number; payloadBase64: string; payloadText: string | null; bytes: number };
  commit: { number: string; committedAt: string; node: string; messages: number; rows: number; rawBytes: number; compressedBytes: number };
  steps: { name: string; at: string | null; text: string }[];
}

export interface PersonRow { name: string; displayName: string; role: Role; disabled: boolean; createdAt?: string; lastSignInAt?: string | null; mustChangePassword?: boolean }
export interface Token { id: string; label: string; role: Role; createdAt: string; createdBy?: string; lastUsedAt?: string | null; expiresAt?: string | null; revokedAt?: string | null }
export interface AuditRow { at: string; actor: string; remote: string | null; action: string; target: string | null; detail: unknown }
export interface Setting { name: string; value: string | number | boolean | null; default: string | number | boolean | null; reason: string; source: string }
export interface SearchHit { kind: string; title: string; subtitle: string | null; link: string }
