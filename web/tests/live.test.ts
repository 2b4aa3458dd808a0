import { describe, expect, it } from 'vitest';
import { backOff, Coalescer, Wants } from '../src/live/coalesce';
import { dotSpeed } from '../src/pages/Overview/flowSpeed';

describe('live stream', () => {
  it('passes_on_only_the_newest_value_of_each_topic_when_many_arrive_between_two_flushes', () => {
    const flushed: [string, unknown][][] = [];
    let run: (() => void) | null = null;
    const coalescer = new Coalescer((values) => flushed.push([...values]), (next) => { run = next; });
    for (let value = 0; value < 10_000; value++) coalescer.push('overview', value);
    coalescer.push('broker', 'b');
    expect(flushed).toHaveLength(0);
    run!();
    expect(flushed).toEqual([[['overview', 9999], ['broker', 'b']]]);
  });
  it('schedules_again_when_a_value_comes_after_a_flush', () => {
    const runs: (() => void)[] = [];
    const seen: unknown[] = [];
    const coalescer = new Coalescer((values) => seen.push(values.get('t')), (next) => runs.push(next));
    coalescer.push('t', 1);
    runs.shift()!();
    coalescer.push('t', 2);
    expect(runs).toHaveLength(1);
    runs.shift()!();
    expect(seen).toEqual([1, 2]);
  });
  it('flushes_nothing_old_when_it_was_cleared', () => {
    const seen: number[] = [];
    let run: (() => void) | null = null;
    const coalescer = new Coalescer((values) => seen.push(values.size), (next) => { run = next; });
    coalescer.push('t', 1);
    coalescer.clear();
    run!();
    expect(seen).toEqual([0]);
  });
  it('waits_longer_each_time_but_never_more_than_half_a_minute_and_a_quarter_of_it', () => {
    expect([0, 1, 2, 3].map((attempt) => backOff(attempt, () => 0))).toEqual([1000, 2000, 4000, 8000]);
    expect(backOff(50, () => 0)).toBe(30_000);
    expect(backOff(50, () => 1)).toBe(37_500);
  });
  it('asks_for_what_any_tab_wants_and_forgets_a_tab_that_fell_silent', () => {
    const wants = new Wants(30_000);
    wants.set('a', ['overview', 'broker'], 0);
    wants.set('b', ['overview', 'quarantine'], 20_000);
    expect(wants.union(20_000)).toEqual(['broker', 'overview', 'quarantine']);
    expect(wants.union(31_000)).toEqual(['overview', 'quarantine']);
    wants.remove('b');
    expect(wants.union(31_000)).toEqual([]);
  });
});

describe('flow picture', () => {
  it('stands_still_at_nothing_and_runs_faster_with_the_rate', () => {
    expect(dotSpeed(0)).toBe(0);
    expect(dotSpeed(Number.NaN)).toBe(0);
    const speeds = [0.1, 1, 100, 10_000].map(dotSpeed);
    expect([...speeds].sort((a, b) => a - b)).toEqual(speeds);
    expect(dotSpeed(1e12)).toBe(150);
  });
});
