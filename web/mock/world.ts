import type * as T from '../src/api/types';

export interface Reply { status: number; body?: unknown }

const reasons = ['notJson', 'unknownRegister', 'timeOutsideWindow', 'unknownDevice', 'outOfRange', 'notAuthorized'];
const classes = ['electricityMeter', 'electricityMeter', 'electricityMeter', 'concentrator', 'gateway'];
const minute = 60_000;

function noise(seed: number): number {
  let x = (seed * 2654435761) >>> 0;
  x ^= x >>> 15; x = Math.imul(x, 2246822519) >>> 0; x ^= x >>> 13;
  return (x >>> 0) / 4294967296;
}

/** Household load in watts at an instant: night floor, morning and evening peaks. */
function load(seed: number, at: number): number {
  const hour = ((at / 3_600_000 + 9) % 24 + 24) % 24;
  const bump = (centre: number, width: number) => Math.exp(-((hour - centre) ** 2) / (2 * width * width));
  return 180 + 900 * bump(7.5, 1.2) + 1600 * bump(19.5, 2.1) + 260 * noise(seed * 7 + Math.floor(at / (15 * minute)));
}

export class World {
  scene = { devices: 1000, latency: 0, fail: '', live: true, empty: false, signedIn: true, mustChange: false };
  private readonly started = Date.now() - 3 * 3_600_000;
  private readonly history: T.HistoryPoint[] = [];
  private readonly jobs: T.Job[] = [];
  private readonly discarded = new Set<string>();
  private readonly credentials = new Map<string, T.Credential[]>();
  private readonly people: T.PersonRow[] = [
    { name: 'admin', displayName: 'Administrator', role: 'administrator', disabled: false, createdAt: '2026-11-01T00:00:00Z', lastSignInAt: new Date().toISOString() },
    { name: 'jlee', displayName: '이지은', role: 'operator', disabled: false, createdAt: '2026-11-03T02:10:00Z', lastSignInAt: '2026-11-19T23:12:00Z' },
    { name: 'guest', displayName: 'Control room wall', role: 'viewer', disabled: false, createdAt: '2026-11-04T02:10:00Z', lastSignInAt: null },
  ];
  private readonly tokens: T.Token[] = [{ id: '1', label: 'nightly export', role: 'viewer', createdAt: '2026-11-10T04:00:00Z', createdBy: 'admin', lastUsedAt: '2026-11-20T01:00:00Z', expiresAt: null, revokedAt: null }];
  private preferences: T.Preferences = {};

  constructor() {
    const now = Math.floor(Date.now() / 5000) * 5000;
    for (let at = now - 15 * minute; at <= now; at += 5000) this.history.push(this.point(at));
  }

  private point(at: number): T.HistoryPoint {
    const base = this.scene.devices / 10;
    const k = at / 5000;
    const received = base * (0.9 + 0.25 * noise(k) + 0.15 * Math.sin(k / 17));
    return { at: new Date(at).toISOString(), received, committed: received * (0.985 + 0.02 * noise(k + 1)), quarantined: noise(k + 2) > 0.9 ? base * 0.01 : 0, acknowledgementP99: 6 + 5 * noise(k + 3) + (noise(k + 4) > 0.97 ? 18 : 0) };
  }

  overview(): T.Overview {
    const now = Date.now();
    const last = this.history[this.history.length - 1];
    if (last && now - Date.parse(last.at) >= 5000) { this.history.push(this.point(Math.floor(now / 5000) * 5000)); this.history.shift(); }
    const p = this.point(now);
    const empty = this.scene.empty;
    const seconds = (now - this.started) / 1000;
    const rate = (perSecond: number, total: number): T.Rate => (empty ? { perSecond: 0, total: 0 } : { perSecond, total: Math.round(total) });
    const n = empty ? 0 : this.scene.devices;
    const held = empty ? 0 : 37;
    return {
      at: new Date(now).toISOString(),
      health: empty ? { state: 'ok', sentences: ['Everything is ready. No device has reported yet.'] } : { state: 'attention', sentences: ['2 devices have been silent for more than an hour.'] },
      devices: { registered: n, connected: Math.max(0, n - 2), seenLastHour: Math.max(0, n - 2) },
      flow: { received: rate(p.received, seconds * 100), committed: rate(p.committed, seconds * 99.6), readings: rate(p.committed * 2, seconds * 199), quarantined: rate(p.quarantined, held), acknowledged: rate(p.committed, seconds * 99.6), bytesPerSecond: empty ? 0 : p.received * 183 },
      acknowledgement: empty ? { p50Milliseconds: null, p99Milliseconds: null } : { p50Milliseconds: 2.4 + noise(now / 1000 | 0), p99Milliseconds: p.acknowledgementP99 },
      commit: { batchesPerSecond: empty ? 0 : 41.2 + noise(now / 1000 | 0) * 8, averageRows: empty ? 0 : 4.7, lastCommitNumber: empty ? null : String(120_000 + Math.floor(seconds * 44)), lastCommittedAt: empty ? null : new Date(now - 40).toISOString(), queueBytes: empty ? 0 : 48_213, queueLimitBytes: 64_000_000 },
      quarantine: { held, newest: empty ? [] : [{ reason: 'unknownRegister', count: 21 }, { reason: 'notJson', count: 9 }, { reason: 'timeOutsideWindow', count: 7 }] },
      storage: { databaseBytes: empty ? 8_400_000 : 1_342_118_912, diskFreeBytes: 58_700_000_000, readingsEstimate: empty ? 0 : 2_148_200 + Math.round(seconds * 199), oldestReadingAt: empty ? null : '2026-10-21T00:00:00Z', partitions: empty ? 2 : 6 },
      alarms: empty ? [] : [
        { severity: 'fault', text: 'Concentrator dcu_0003 lost power (last gasp).', since: new Date(now - 11 * minute).toISOString(), link: '/devices/meter_0003' },
        { severity: 'attention', text: '2 devices have been silent for more than an hour.', since: new Date(now - 64 * minute).toISOString(), link: '/devices?connected=false' },
      ],
      history: empty ? [] : this.history,
    };
  }

  liveEvent(topic: string): unknown {
    if (topic === 'overview') return this.overview();
    if (topic === 'broker') return this.broker();
    if (topic === 'messages') return { items: Array.from({ length: 12 }, (_, index) => { const id = `meter_${String((Math.floor(Date.now() / 1000) * 12 + index) % 1000).padStart(4, '0')}`; return { at: new Date().toISOString(), clientId: id, topic: `hw/v1/${id}/up/read`, qos: 1, retain: false, bytes: 172, payloadText: '{"sentAt":"2026-11-20T10:15:02Z","reads":[{"obis":"1-0:1.8.0","at":"2026-11-20T10:15:00Z","value":12345678}]}' }; }) };
    if (topic === 'quarantine') return { held: 37 };
    if (topic.startsWith('devices')) return { at: new Date().toISOString() };
    return undefined;
  }

  device(index: number): T.DeviceRow {
    const silent = index % 500 === 3;
    const now = Date.now();
    const cls = classes[index % 50 === 3 ? 3 : index % 50 === 7 ? 4 : 0] ?? 'electricityMeter';
    return {
      id: `meter_${String(index).padStart(4, '0')}`, name: index % 7 === 0 ? `${101 + (index % 40)}동 ${100 + (index % 1900)}호` : `Riverside ${1 + Math.floor(index / 40)} / unit ${1 + (index % 40)}`,
      class: cls, status: index % 97 === 5 ? 'suspended' : 'active', connected: !silent,
      lastSeenAt: new Date(now - (silent ? 95 * minute : noise(index + Math.floor(now / 5000)) * 9000)).toISOString(),
      lastReadingAt: new Date(Math.floor(now / (15 * minute)) * 15 * minute - (silent ? 90 * minute : 0)).toISOString(),
      registersCount: 3, timeZone: 'Asia/Seoul', carrierId: index % 3 === 0 && index % 50 !== 3 ? `meter_${String(Math.floor(index / 50) * 50 + 3).padStart(4, '0')}` : null,
    };
  }

  private indexOf(id: string): number {
    const match = /^meter_(\d+)$/.exec(id);
    return match && Number(match[1]) < this.scene.devices ? Number(match[1]) : -1;
  }

  private detail(index: number): T.Device {
    const row = this.device(index);
    const now = Date.now();
    const energy = 12_345.678 + index * 3.21;
    return {
      ...row, createdAt: '2026-11-12T03:00:00Z', registeredAutomatically: true,
      connection: row.connected ? { clientId: row.id, remote: `127.0.0.${2 + (index % 200)}:48${100 + (index % 800)}`, listener: 'mqtt', connectedAt: new Date(now - 2 * 3_600_000).toISOString(), version: '5.0' } : null,
      registers: [
        { registerId: '1', obis: '1-0:1.8.0', name: 'Active energy import', unit: 'kWh', exponent: -3, versions: 2, lastValue: energy.toFixed(3), lastAt: row.lastReadingAt, minimum: '0', maximum: '9999999' },
        { registerId: '2', obis: '1-0:32.7.0', name: 'Voltage L1', unit: 'V', exponent: -1, versions: 1, lastValue: '230.1', lastAt: row.lastReadingAt, minimum: '180', maximum: '270' },
        { registerId: '3', obis: '1-0:1.29.0', name: 'Load profile, import', unit: 'Wh', exponent: 0, versions: 1, lastValue: '412', lastAt: row.lastReadingAt, minimum: null, maximum: null, intervalSeconds: 900 },
      ],
      credentials: this.credentials.get(row.id) ?? [{ id: `c${index}`, kind: 'deviceSecret', userName: row.id, label: 'factory', createdAt: '2026-11-12T03:00:00Z', revokedAt: null }],
      counts: { readings: 26_880, held: index % 11 === 0 ? 3 : 0 },
    };
  }

  private series(index: number, query: URLSearchParams): T.Series {
    const from = Date.parse(query.get('from') ?? ''); const to = Date.parse(query.get('to') ?? '');
    const register = query.get('registerId') ?? '1';
    const count = Math.min(Number(query.get('points') ?? 800), Math.max(1, Math.floor((to - from) / (15 * minute))));
    const step = Math.max(15 * minute, (to - from) / count);
    const hole: [number, number] = [to - (to - from) * 0.38, to - (to - from) * 0.33];
    const points: T.SeriesPoint[] = [];
    for (let at = Math.ceil(from / step) * step; at < Math.min(to, Date.now()); at += step) {
      if (at > hole[0] && at < hole[1]) continue;
      const v = register === '2' ? 228 + 5 * noise(index + at / step) : register === '3' ? load(index, at) / 4 : 12_000 + (at - 1_763_000_000_000) / 3_600_000 * 0.55;
      points.push([at, v * (register === '2' ? 0.995 : 1), v * (register === '2' ? 1.004 : 1), v, Math.max(1, Math.round(step / (15 * minute)))]);
    }
    return { unit: register === '1' ? 'kWh' : register === '2' ? 'V' : 'Wh', kind: register === '3' ? 'interval' : 'instant', points: this.scene.empty ? [] : points, gaps: [hole] };
  }

  private readings(index: number, query: URLSearchParams): T.ReadingPage {
    const to = Math.min(Date.parse(query.get('cursor') ?? query.get('to') ?? '') || Date.now(), Date.now());
    const from = Date.parse(query.get('from') ?? '') || to - 86_400_000;
    const limit = Number(query.get('limit') ?? 1000);
    const register = query.get('registerId') ?? '1';
    const items: T.Reading[] = [];
    let at = Math.floor(to / (15 * minute)) * 15 * minute;
    for (; at >= from && items.length < limit; at -= 15 * minute) {
      const k = at / (15 * minute);
      const value = register === '2' ? (2280 + Math.floor(50 * noise(index + k))) / 10 : register === '3' ? Math.round(load(index, at) / 4) : 12_000 + (at - 1_763_000_000_000) / 3_600_000 * 0.55;
      items.push({ at: new Date(at).toISOString(), value: register === '1' ? value.toFixed(3) : String(value), unit: register === '1' ? 'kWh' : register === '2' ? 'V' : 'Wh', quality: 'measured', suspicions: k % 41 === 0 ? ['clockAhead'] : [], commitNumber: String(100_000 + (k % 20_000)), ordinal: index % 40, receivedAt: new Date(at + 2140).toISOString() });
    }
    return { items: this.scene.empty ? [] : items, next: at >= from && !this.scene.empty ? new Date(at).toISOString() : null };
  }

  broker(): T.Broker {
    const p = this.point(Date.now());
    const n = this.scene.empty ? 0 : this.scene.devices;
    return {
      listeners: [{ name: 'mqtt', address: '0.0.0.0', port: 1883, tls: false, anonymous: false }, { name: 'mqtts', address: '0.0.0.0', port: 8883, tls: true, anonymous: false }, { name: 'websocket', address: '0.0.0.0', port: 8080, tls: false, anonymous: false }],
      counters: { messagesIn: 1_081_220, messagesOut: 4_320, bytesIn: 197_863_260, bytesOut: 891_200, connectsAccepted: 1004, connectsRefused: 3 },
      limits: [
        { name: 'maximumPacketSize', value: 1_048_576, unit: 'bytes', default: 1_048_576, reason: 'A day of one-minute intervals from 200 meters fits; more would let one client hold much memory.' },
        { name: 'receiveMaximum', value: 256, unit: 'messages', default: 64, reason: 'Unacknowledged publishes one client may have open: the window that back-pressure works on.' },
        { name: 'sessionQueueMessages', value: 10_000, unit: 'messages', default: 10_000, reason: 'A subscriber that is away for an hour at three messages a second loses nothing.' },
        { name: 'topicLevels', value: 16, unit: 'levels', default: 16, reason: 'Matching costs one step a level.' },
        { name: 'connectTimeout', value: 10, unit: 'seconds', default: 10, reason: 'A socket that says nothing is closed before it costs.' },
        { name: 'keepAliveMaximum', value: 1200, unit: 'seconds', default: 1200, reason: 'A meter gone silent is known within half an hour.' },
      ],
      rates: { inPerSecond: p.received, outPerSecond: 4, bytesIn: p.received * 183, bytesOut: 820 },
      connections: n, sessions: n + 2, subscriptions: 2 * n, retained: n, queued: 3, dropped: [{ reason: 'slowReader', count: 12 }],
    };
  }

  private sessions(query: URLSearchParams): T.Page<T.BrokerSession> {
    const total = this.scene.empty ? 0 : this.scene.devices;
    return this.window(total, query, (index) => ({
      clientId: `meter_${String(index).padStart(4, '0')}`, owner: `meter_${String(index).padStart(4, '0')}`, identity: `meter_${String(index).padStart(4, '0')}`, connected: index % 500 !== 3, version: index % 4 ? '5.0' : '3.1.1', remote: `127.0.0.${2 + (index % 200)}:4${1000 + index % 8000}`, listener: 'mqtt', connectedAt: new Date(this.started + index * 100).toISOString(), subscriptions: 2, queued: index % 90 === 0 ? 3 : 0, inFlight: 0, expirySeconds: 86_400, keepAliveSeconds: 60, uncommitted: 0, hasWill: true,
    }));
  }

  private window<X>(total: number, query: URLSearchParams, make: (index: number) => X): T.Page<X> {
    const offset = Number(query.get('offset') ?? 0);
    const limit = Math.min(Number(query.get('limit') ?? 100), 500);
    const items: X[] = [];
    for (let index = offset; index < Math.min(total, offset + limit); index++) items.push(make(index));
    return { total, items };
  }

  private devices(query: URLSearchParams): T.Page<T.DeviceRow> {
    const text = (query.get('query') ?? '').toLowerCase();
    const connected = query.get('connected');
    const cls = query.get('class');
    const total = this.scene.empty ? 0 : this.scene.devices;
    if (!text && !connected && !cls) return this.window(total, query, (index) => this.device(query.get('descending') === 'true' ? total - 1 - index : index));
    const found: number[] = [];
    for (let index = 0; index < total; index++) {
      const row = this.device(index);
      if (text && !row.id.includes(text) && !row.name.toLowerCase().includes(text)) continue;
      if (connected && String(row.connected) !== connected) continue;
      if (cls && row.class !== cls) continue;
      found.push(index);
    }
    return this.window(found.length, query, (index) => this.device(found[index] ?? 0));
  }

  private quarantined(index: number): T.QuarantineItem {
    const reason = reasons[index % 6 === 5 ? 0 : index % 3] ?? 'notJson';
    const payload = this.payload(index);
    return { commitNumber: String(119_000 + index), ordinal: index % 5, arrivedAt: new Date(Date.now() - index * 7 * minute).toISOString(), clientId: `meter_${String(index * 11).padStart(4, '0')}`, owner: `meter_${String(index * 11).padStart(4, '0')}`, deviceId: reason === 'unknownDevice' ? null : `meter_${String(index * 11).padStart(4, '0')}`, topic: `hw/v1/meter_${String(index * 11).padStart(4, '0')}/up/read`, reason, detail: reason === 'unknownRegister' ? 'Register 1-0:99.9.0 is not in the profile.' : reason === 'notJson' ? "Byte 0x00 at offset 3: expected the start of a value." : 'The time is 412 days in the past.', state: 'held', payloadBytes: payload.length, payloadPreview: payload.toString('utf8').slice(0, 80) };
  }

  private payload(index: number): Buffer {
    return index % 3 === 0 ? Buffer.from([0x7b, 0x22, 0x72, 0x00, 0xff, 0xfe, 0x61, 0x64, 0x73, 0x22, 0x3a, 0x5b, 0x31, 0x2c, 0x0a, 0x99, 0x41, 0x42]) : Buffer.from(`{"sentAt":"2026-11-20T10:15:02Z","reads":[{"obis":"1-0:99.9.0","at":"2026-11-20T10:15:00Z","value":${1000 + index}}]}`);
  }

  private quarantine(query: URLSearchParams): T.QuarantinePage {
    const reason = query.get('reason');
    const all = this.scene.empty ? [] : Array.from({ length: 37 }, (_, index) => this.quarantined(index)).filter((item) => !this.discarded.has(`${item.commitNumber}/${item.ordinal}`));
    const counts = new Map<string, number>();
    for (const item of all) counts.set(item.reason, (counts.get(item.reason) ?? 0) + 1);
    const items = all.filter((item) => !reason || item.reason === reason);
    return { ...this.window(items.length, query, (index) => items[index]!), reasons: [...counts].map(([name, held]) => ({ reason: name, held })) };
  }

  private job(kind: string, total: number): Reply {
    const job: T.Job = { id: String(this.jobs.length + 1), kind, state: 'running', done: 0, total, outcome: null, startedAt: new Date().toISOString(), endedAt: null, startedBy: 'admin' };
    this.jobs.unshift(job);
    const timer = setInterval(() => {
      if (job.state !== 'running') { clearInterval(timer); return; }
      job.done = Math.min(total, job.done + Math.max(1, Math.ceil(total / 8)));
      if (job.done >= total) { job.state = 'done'; job.endedAt = new Date().toISOString(); job.outcome = { replayed: total - 2, stillHeld: 2 }; clearInterval(timer); }
    }, 400);
    return { status: 202, body: { jobId: job.id } };
  }

  answer(method: string, path: string, query: URLSearchParams, body: Record<string, unknown>): Reply {
    if (path === '/__mock') {
      for (const [key, value] of query) Object.assign(this.scene, { [key]: key === 'fail' ? value : key === 'devices' || key === 'latency' ? Number(value) : value === '1' || value === 'true' });
      return { status: 200, body: this.scene };
    }
    const fail = this.scene.fail;
    if (fail && path.startsWith(fail)) return { status: 503, body: { type: 'about:blank', title: 'The database does not answer.', detail: 'Readings that arrive are not acknowledged, so devices keep them. Nothing is lost. Waiting for the database to come back.', status: 503, reference: '01JD5Q2K7M' } };
    if (path === '/session') {
      if (method === 'DELETE') { this.scene.signedIn = false; return { status: 204 }; }
      if (method === 'POST') {
        if (body['password'] === 'wrong') return { status: 401, body: { title: 'Name or password is not right.', status: 401, reference: '01JD5Q0A11' } };
        this.scene.signedIn = true;
      } else if (!this.scene.signedIn) return { status: 401, body: { title: 'Not signed in.', status: 401 } };
      return { status: 200, body: { person: { name: 'admin', displayName: 'Administrator', role: 'administrator', mustChangePassword: this.scene.mustChange, organization: { id: 'default', name: 'Riverside Utility', timeZone: 'Asia/Seoul' }, preferences: this.preferences }, warnings: [], version: '0.1.0', demo: true } };
    }
    if (path === '/session/password') { this.scene.mustChange = false; return { status: 204 }; }
    if (path === '/session/preferences') { this.preferences = { ...this.preferences, ...body }; return { status: 204 }; }
    const part = path.split('/').slice(1).map(decodeURIComponent);
    const ok = (value: unknown): Reply => ({ status: 200, body: value });
    const missing: Reply = { status: 404, body: { title: 'There is no such thing here.', status: 404, reference: '01JD5Q9Z00' } };
    switch (part[0]) {
      case 'overview': return ok(this.overview());
      case 'devices': {
        if (part.length === 1) return method === 'POST' ? { status: 201, body: { id: body['id'] } } : ok(this.devices(query));
        const index = part[1]?.startsWith('meter_x') ? 0 : this.indexOf(part[1] ?? '');
        if (index < 0) return missing;
        if (method === 'PATCH') return { status: 204 };
        switch (part[2]) {
          case undefined: return ok(this.detail(index));
          case 'readings': return ok(this.readings(index, query));
          case 'series': return ok(this.series(index, query));
          case 'profiles': { query.set('points', '100000'); const s = this.series(index, query); return ok({ unit: 'Wh', everySeconds: 900, points: query.get('registerId') === '3' ? s.points.map((p, at) => [p[0], at % 61 === 7 ? null : p[3], at % 61 === 7 ? 1 : 0]) : [] }); }
          case 'events': return ok({ items: index % 5 ? [{ at: '2026-11-20T01:02:03Z', code: 'powerRestored', sequence: 18, data: { phase: 1 }, commitNumber: '118233', ordinal: 4 }, { at: '2026-11-20T00:58:41Z', code: 'lastGasp', sequence: 17, data: {}, commitNumber: '118112', ordinal: 0 }] : [] });
          case 'conflicts': return ok({ items: index % 4 === 1 ? [{ obis: '1-0:1.8.0', at: '2026-11-19T22:15:00Z', unit: 'kWh', standingValue: '12311.120', standingReceivedAt: '2026-11-19T22:15:02Z', otherValue: '12311.480', otherReceivedAt: '2026-11-19T22:40:12Z', commitNumber: '117001', ordinal: 3 }] : [] });
          case 'credentials': {
            const id = part[1] ?? '';
            const list = this.detail(index).credentials;
            this.credentials.set(id, [...list, { id: `c${list.length}${id}`, kind: 'deviceSecret', userName: id, label: String(body['label'] ?? ''), createdAt: new Date().toISOString(), revokedAt: null }]);
            return { status: 201, body: { userName: id, secret: 'k7Qf-2mZx-91Ld-Tt0B', pasteLine: `mosquitto_pub -h localhost -p 1883 -q 1 -u ${id} -P k7Qf-2mZx-91Ld-Tt0B -i ${id} -t hw/v1/${id}/up/read -m '{"reads":[{"obis":"1-0:1.8.0","at":"2026-11-20T10:15:00Z","value":12345678}]}'` } };
          }
        }
        return missing;
      }
      case 'credentials': for (const list of this.credentials.values()) for (const item of list) if (item.id === part[1]) item.revokedAt = new Date().toISOString(); return { status: 204 };
      case 'broker':
        switch (part[1]) {
          case undefined: return ok(this.broker());
          case 'sessions': return method === 'DELETE' ? { status: 204 } : ok(this.sessions(query));
          case 'subscriptions': return ok(this.window(this.scene.empty ? 0 : this.scene.devices, query, (index) => ({ clientId: `meter_${String(index).padStart(4, '0')}`, filter: `hw/v1/meter_${String(index).padStart(4, '0')}/down/+`, qos: 1, shared: index % 300 === 0 ? 'export' : null, options: null, identifier: null })));
          case 'retained': return method === 'DELETE' ? { status: 204 } : ok(this.window(this.scene.empty ? 0 : this.scene.devices, query, (index) => ({ topic: `hw/v1/meter_${String(index).padStart(4, '0')}/up/state`, bytes: 6, qos: 1, publishedAt: new Date(this.started).toISOString(), payloadText: index % 500 === 3 ? 'offline' : 'online' })));
          case 'events': return ok({ items: this.scene.empty ? [] : Array.from({ length: 60 }, (_, index) => ({ at: new Date(Date.now() - index * 41_000).toISOString(), kind: index % 7 === 3 ? 'refused' : index % 2 ? 'disconnected' : 'connected', clientId: `meter_${String(index * 13).padStart(4, '0')}`, identity: `meter_${String(index * 13).padStart(4, '0')}`, remote: '127.0.0.7:41002', listener: 'mqtt', reason: index % 7 === 3 ? '0x86' : index % 2 ? '0x8D' : null, text: index % 7 === 3 ? 'Bad user name or password' : index % 2 ? 'Keep alive timeout' : null })) });
          case 'credentials': return method === 'POST' ? { status: 201, body: { id: '9', userName: body['userName'], secret: 'Zp3v-77Qa-LL0c-9xYt' } } : method === 'DELETE' ? { status: 204 } : ok({ items: [{ id: 's1', kind: 'serviceSecret', userName: 'exporter', label: 'Nightly export', createdAt: '2026-11-12T03:00:00Z', revokedAt: null, publishFilters: [], subscribeFilters: ['hw/v1/+/up/#'] }] });
          case 'client': return ok({ url: 'ws://127.0.0.1:9001/mqtt', userName: 'page', password: 'page', clientId: 'page-1', expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
        }
        return missing;
      case 'quarantine':
        if (part.length === 1) return ok(this.quarantine(query));
        if (part[1] === 'replay') return this.job('replay', Array.isArray(body['items']) ? body['items'].length : 21);
        if (part[1] === 'discard') { for (const item of (body['items'] as { commitNumber: string; ordinal: number }[] | undefined) ?? []) this.discarded.add(`${item.commitNumber}/${item.ordinal}`); return this.job('discard', 1); }
        if (part[1] === 'restore') { this.discarded.clear(); return this.job('restore', 1); }
        { const index = Number(part[1]) - 119_000; if (!(index >= 0 && index < 37)) return missing; const payload = this.payload(index); return ok({ ...this.quarantined(index), payloadBase64: payload.toString('base64'), payloadText: index % 3 ? payload.toString('utf8') : null }); }
      case 'jobs':
        if (part.length === 1) return ok({ items: this.jobs });
        { const job = this.jobs.find((item) => item.id === part[1]); if (!job) return missing; if (part[2] === 'cancel') { job.state = 'cancelled'; job.endedAt = new Date().toISOString(); } return ok(job); }
      case 'trace': {
        const text = '{"sentAt":"2026-11-20T10:15:02Z","reads":[{"obis":"1-0:1.8.0","at":"2026-11-20T10:15:00Z","value":12345678},{"obis":"1-0:32.7.0","at":"2026-11-20T10:15:00Z","value":2301}]}';
        const at = Date.parse('2026-11-20T10:15:02.140Z');
        const step = (name: string, offset: number, words: string) => ({ name, at: new Date(at + offset).toISOString(), text: words });
        return ok({ kind: 'reading', reading: { deviceId: 'meter_0012', obis: '1-0:1.8.0', at: '2026-11-20T10:15:00Z', value: '12345.678', unit: 'kWh' }, message: { topic: 'hw/v1/meter_0012/up/read', clientId: 'meter_0012', connection: 'mqtt · 127.0.0.14:48112', arrivedAt: new Date(at).toISOString(), qos: 1, payloadBase64: Buffer.from(text).toString('base64'), payloadText: text, bytes: text.length }, commit: { number: part[1], committedAt: new Date(at + 3).toISOString(), node: 'node-1', messages: 5, rows: 11, rawBytes: 1820, compressedBytes: 642 }, steps: [step('received', 0, 'PUBLISH at QoS 1 on listener mqtt.'), step('decoded', 0, '2 reads; register 1-0:1.8.0 version 2, 10⁻³ kWh.'), step('committed', 3, 'Written with 4 other messages in one transaction.'), step('acknowledged', 3, 'PUBACK sent after the commit.')] });
      }
      case 'people': return method === 'GET' ? ok({ items: this.people }) : method === 'POST' ? { status: 201, body: { name: body['name'], password: 'pale-harbor-42-quartz' } } : part[2] === 'password' ? ok({ password: 'calm-river-88-ledger' }) : { status: 204 };
      case 'tokens': if (method === 'POST') return { status: 201, body: { id: '2', token: 'hw_9f4KQz2mZx91LdTt0B7Ya3' } }; return method === 'DELETE' ? { status: 204 } : ok({ items: this.tokens });
      case 'audit': return ok(this.window(180, query, (index) => ({ at: new Date(Date.now() - index * 640_000).toISOString(), actor: index % 4 ? 'admin' : 'jlee', remote: '127.0.0.1', action: ['session.signIn', 'credential.create', 'quarantine.replay', 'device.update'][index % 4], target: ['admin', 'meter_0012', 'reason=unknownRegister', 'meter_0040'][index % 4], detail: index % 4 === 2 ? { items: 21 } : null })));
      case 'settings': return ok({ items: [{ name: 'ingest.window.bytes', value: 65536, default: 65536, reason: 'Bytes one connection may have in flight before reading pauses.', source: 'default' }, { name: 'storage.retention', value: 'P400D', default: 'P730D', reason: 'Partitions older than this are dropped.', source: 'headwater.json' }] });
      case 'search': { const text = (query.get('query') ?? '').toLowerCase(); return ok(this.devices(new URLSearchParams({ query: text, limit: '6' })).items.map((item) => ({ kind: 'device', title: item.id, subtitle: item.name, link: `/devices/${item.id}` }))); }
    }
    return missing;
  }
}
