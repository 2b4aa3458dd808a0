/**
 * Keeps only the newest value of each topic between two flushes. However fast a stream talks, a listener hears each
 * topic at most once a flush, so a burst costs a page no more than a steady stream does.
 */
export class Coalescer {
  private readonly waiting = new Map<string, unknown>();
  private scheduled = false;

  constructor(
    private readonly flush: (values: ReadonlyMap<string, unknown>) => void,
    private readonly schedule: (run: () => void) => void,
  ) {}

  push(topic: string, value: unknown): void {
    this.waiting.set(topic, value);
    if (this.scheduled) return;
    this.scheduled = true;
    this.schedule(() => {
      this.scheduled = false;
      const values = new Map(this.waiting);
      this.waiting.clear();
      this.flush(values);
    });
  }

  clear(): void {
    this.waiting.clear();
  }
}

/** Delay before attempt n (from 0): doubles from 1 s to 30 s, with up to a quarter added so that many browsers do not come back at once. */
export function backOff(attempt: number, random: () => number = Math.random): number {
  const base = Math.min(30_000, 1000 * 2 ** Math.min(attempt, 5));
  return Math.round(base * (1 + random() / 4));
}

/** Topics wanted by the tabs of one browser. A tab that has said nothing for a while is gone. */
export class Wants {
  private readonly tabs = new Map<string, { topics: string[]; at: number }>();

  constructor(private readonly lifetime = 30_000) {}

  set(tab: string, topics: string[], now: number): void {
    this.tabs.set(tab, { topics, at: now });
  }

  remove(tab: string): void {
    this.tabs.delete(tab);
  }

  /** Sorted and without repeats, so that equal wants compare equal as text. */
  union(now: number): string[] {
    const topics = new Set<string>();
    for (const [tab, want] of this.tabs) {
      if (now - want.at > this.lifetime) { this.tabs.delete(tab); continue; }
      for (const topic of want.topics) topics.add(topic);
    }
    return [...topics].sort();
  }
}
