import { backOff, Coalescer, Wants } from './coalesce';

/**
 * One live stream per browser. The tab that holds the lock `headwater.live` opens it and passes every event on through
 * a BroadcastChannel; when that tab closes, the browser gives the lock to the next. Without locks each tab opens its own.
 */
export type LiveState = 'connecting' | 'live' | 'lost';

type Message =
  | { kind: 'event'; topic: string; data: unknown }
  | { kind: 'state'; state: LiveState }
  | { kind: 'want'; tab: string; topics: string[] }
  | { kind: 'bye'; tab: string }
  | { kind: 'leader' };

type Listener = (data: unknown) => void;

// The overview ticks every second; this long without any event means the line is dead even if the socket is not.
const silence = 15_000;

export class LiveStream {
  state: LiveState = 'connecting';
  /** When the last event of any topic arrived, by this browser's clock. */
  lastEventAt: number | null = null;

  private readonly tab = crypto.getRandomValues(new Uint32Array(2)).join('-');
  private readonly channel: BroadcastChannel | null = 'BroadcastChannel' in globalThis ? new BroadcastChannel('headwater.live') : null;
  private readonly wants = new Wants();
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly stateListeners = new Set<() => void>();
  private readonly coalescer = new Coalescer(
    (values) => { for (const [topic, data] of values) for (const listener of this.listeners.get(topic) ?? []) listener(data); },
    (run) => setTimeout(run, 100),
  );

  private source: EventSource | null = null;
  private opened = '';
  private leading = false;
  private attempt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private tick: ReturnType<typeof setInterval> | undefined;
  private readonly stop = new AbortController();

  constructor(private readonly url: string, private readonly onSignedOut: () => void) {}

  start(): void {
    this.channel?.addEventListener('message', (event: MessageEvent<Message>) => this.hear(event.data));
    window.addEventListener('pagehide', () => this.post({ kind: 'bye', tab: this.tab }));
    window.addEventListener('online', () => { if (this.leading && this.state !== 'live') this.open(); });
    this.announce();
    this.tick = setInterval(() => this.beat(), 5000);
    if (this.channel && 'locks' in navigator) {
      navigator.locks.request('headwater.live', { signal: this.stop.signal }, () => {
        this.lead();
        return new Promise<void>((resolve) => this.stop.signal.addEventListener('abort', () => resolve()));
      }).catch(() => undefined);
    } else {
      this.lead();
    }
  }

  close(): void {
    this.stop.abort();
    this.post({ kind: 'bye', tab: this.tab });
    clearInterval(this.tick);
    clearTimeout(this.retry);
    this.source?.close();
    this.channel?.close();
    this.listeners.clear();
    this.coalescer.clear();
  }

  subscribe(topic: string, listener: Listener): () => void {
    let set = this.listeners.get(topic);
    if (!set) { set = new Set(); this.listeners.set(topic, set); }
    set.add(listener);
    this.announce();
    return () => {
      set.delete(listener);
      if (set.size === 0) this.listeners.delete(topic);
      this.announce();
    };
  }

  onState(listener: () => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  private lead(): void {
    this.leading = true;
    this.post({ kind: 'leader' });
    this.announce();
    this.open();
  }

  private topics(): string[] {
    return [...this.listeners.keys()];
  }

  private announce(): void {
    this.wants.set(this.tab, this.topics(), Date.now());
    if (this.leading) this.adjust();
    else this.post({ kind: 'want', tab: this.tab, topics: this.topics() });
  }

  private beat(): void {
    this.announce();
    if (this.leading) {
      this.adjust();
      if (this.state === 'live' && this.lastEventAt !== null && Date.now() - this.lastEventAt > silence) this.fail();
    } else if (this.lastEventAt !== null && Date.now() - this.lastEventAt > 2 * silence) {
      this.setState('lost');
    }
  }

  private adjust(): void {
    // A moment's wait gathers the topics of a page that is just opening or closing.
    if (this.source && this.wants.union(Date.now()).join(',') !== this.opened) {
      clearTimeout(this.retry);
      this.retry = setTimeout(() => { if (this.wants.union(Date.now()).join(',') !== this.opened) this.open(); }, 150);
    }
  }

  private open(): void {
    clearTimeout(this.retry);
    this.source?.close();
    const topics = this.wants.union(Date.now());
    this.opened = topics.join(',');
    const source = new EventSource(`${this.url}?topics=${encodeURIComponent(this.opened || 'overview')}`);
    this.source = source;
    source.addEventListener('open', () => { this.attempt = 0; this.lastEventAt ??= Date.now(); this.setState('live'); this.post({ kind: 'state', state: 'live' }); });
    source.addEventListener('error', () => { if (this.source === source) this.fail(); });
    source.addEventListener('signedOut', () => { source.close(); this.post({ kind: 'event', topic: 'signedOut', data: null }); this.onSignedOut(); });
    for (const topic of new Set(['overview', ...topics])) {
      source.addEventListener(topic, (event) => {
        const data: unknown = parse((event as MessageEvent<string>).data);
        this.post({ kind: 'event', topic, data });
        this.take(topic, data);
      });
    }
  }

  private fail(): void {
    this.source?.close();
    this.source = null;
    this.setState('lost');
    this.post({ kind: 'state', state: 'lost' });
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.open(), backOff(this.attempt++));
  }

  private take(topic: string, data: unknown): void {
    this.lastEventAt = Date.now();
    if (this.state !== 'live') this.setState('live');
    this.coalescer.push(topic, data);
  }

  private hear(message: Message): void {
    switch (message.kind) {
      case 'event':
        if (message.topic === 'signedOut') this.onSignedOut();
        else this.take(message.topic, message.data);
        break;
      case 'state': this.setState(message.state); break;
      case 'leader': if (!this.leading) this.announce(); break;
      case 'want': this.wants.set(message.tab, message.topics, Date.now()); if (this.leading) this.adjust(); break;
      case 'bye': this.wants.remove(message.tab); if (this.leading) this.adjust(); break;
    }
  }

  private post(message: Message): void {
    try {
      this.channel?.postMessage(message);
    } catch {
      // a closed channel: this tab is going away
    }
  }

  private setState(state: LiveState): void {
    if (this.state === state) return;
    this.state = state;
    for (const listener of this.stateListeners) listener();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
