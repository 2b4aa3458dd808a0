import type { Locale } from './number';

/** Instants shown in a named zone. Local days are 23, 24 or 25 hours long, so a day is never "plus 86,400 seconds". */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale + JSON.stringify(options);
  let found = formatters.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale, options);
    formatters.set(key, found);
  }
  return found;
}

export function isZone(zone: string): boolean {
  try {
    formatter('en-US', { timeZone: zone });
    return zone !== '';
  } catch {
    return false;
  }
}

interface Fields { year: number; month: number; day: number; hour: number; minute: number; second: number }

function fields(at: number, zone: string): Fields {
  const parts = formatter('en-US', {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
  }).formatToParts(at);
  const pick = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  return { year: pick('year'), month: pick('month'), day: pick('day'), hour: pick('hour'), minute: pick('minute'), second: pick('second') };
}

/** Minutes a zone is ahead of UTC at an instant. */
export function offsetMinutes(at: number, zone: string): number {
  const f = fields(at, zone);
  const wall = Date.UTC(f.year, f.month - 1, f.day, f.hour, f.minute, f.second);
  return Math.round((wall - Math.floor(at / 1000) * 1000) / 60_000);
}

/** The instant at which a wall clock in a zone first shows the given date and time; in a spring gap, the instant the gap ends. */
export function instantOf(zone: string, year: number, month: number, day: number, hour = 0, minute = 0): number {
  const wall = Date.UTC(year, month - 1, day, hour, minute);
  const before = offsetMinutes(wall - 86_400_000, zone);
  const after = offsetMinutes(wall + 86_400_000, zone);
  // The larger offset is the earlier instant, which is the first of two in autumn.
  for (const offset of [Math.max(before, after), Math.min(before, after)]) {
    const candidate = wall - offset * 60_000;
    if (offsetMinutes(candidate, zone) === offset) return candidate;
  }
  return wall - Math.min(before, after) * 60_000;
}

/** Start of the local day that holds `at`, moved by whole days. */
export function dayStart(at: number, zone: string, days = 0): number {
  const f = fields(at, zone);
  return instantOf(zone, f.year, f.month, f.day + days);
}

const pad = (value: number) => String(value).padStart(2, '0');

/** 2026-11-20 10:15:00: one form in every language, sortable by eye, never mistaken for month-day order. */
export function formatTime(at: number | string | null | undefined, zone: string, precision: 'minute' | 'second' | 'millisecond' = 'second'): string {
  const instant = toInstant(at);
  if (instant === null) return '–';
  const f = fields(instant, zone);
  const base = `${f.year}-${pad(f.month)}-${pad(f.day)} ${pad(f.hour)}:${pad(f.minute)}`;
  if (precision === 'minute') return base;
  const seconds = `${base}:${pad(f.second)}`;
  return precision === 'second' ? seconds : `${seconds}.${String(((instant % 1000) + 1000) % 1000).padStart(3, '0')}`;
}

export function formatClock(at: number | string | null | undefined, zone: string): string {
  return formatTime(at, zone).slice(11);
}

export function formatDay(at: number | string, zone: string): string {
  return formatTime(at, zone).slice(0, 10);
}

/** UTC+9, UTC−3:30, UTC: exact where an abbreviation (IST, CST) names several zones. */
export function zoneOffset(zone: string, at: number): string {
  const minutes = offsetMinutes(at, zone);
  if (minutes === 0) return 'UTC';
  const size = Math.abs(minutes);
  const rest = size % 60;
  return `UTC${minutes < 0 ? '−' : '+'}${Math.floor(size / 60)}${rest ? `:${pad(rest)}` : ''}`;
}

export function formatUtc(at: number | string | null | undefined): string {
  const instant = toInstant(at);
  return instant === null ? '–' : `${new Date(instant).toISOString().replace('T', ' ').replace(/\.000Z$/, 'Z').replace('Z', '')} UTC`;
}

export function toInstant(at: number | string | null | undefined): number | null {
  if (at === null || at === undefined || at === '') return null;
  const instant = typeof at === 'number' ? at : Date.parse(at);
  return Number.isFinite(instant) ? instant : null;
}

/** The text of an instant in a field, to the minute, and back. */
export function toField(at: number, zone: string): string {
  return formatTime(at, zone, 'minute');
}

export function fromField(text: string, zone: string): number | null {
  const match = /^\s*(\d{4})-(\d\d?)-(\d\d?)[ T]+(\d\d?):(\d\d)\s*$/.exec(text);
  if (!match || Number(match[2]) > 12 || Number(match[3]) > 31 || Number(match[4]) > 23 || Number(match[5]) > 59) return null;
  return instantOf(zone, Number(match[1]), Number(match[2]), Number(match[3]), Number(match[4]), Number(match[5]));
}

export type { Locale };
