import { dayStart } from '../../format/time';

/** Ranges of a chart, named or free. Free ones stand in the address as ISO instants, so a link shows the same span. */
export const presets = ['today', '24h', '7d', '30d'] as const;
export type Preset = (typeof presets)[number];

export interface Range { from: number; to: number; preset: Preset | null }

const hour = 3_600_000;

/** Half open, [from, to). Named ranges end at the next whole minute, so that requests repeat and can be cached. */
export function rangeOf(url: { range?: string | undefined; from?: string | undefined; to?: string | undefined }, now: number, zone: string): Range {
  const from = Date.parse(url.from ?? '');
  const to = Date.parse(url.to ?? '');
  if (Number.isFinite(from) && Number.isFinite(to) && to > from) return { from, to, preset: null };
  const end = Math.ceil(now / 60_000) * 60_000;
  const preset = presets.find((each) => each === url.range) ?? '24h';
  switch (preset) {
    case 'today': return { from: dayStart(now, zone), to: dayStart(now, zone, 1), preset };
    case '7d': return { from: dayStart(now, zone, -6), to: end, preset };
    case '30d': return { from: dayStart(now, zone, -29), to: end, preset };
    default: return { from: end - 24 * hour, to: end, preset };
  }
}
