/** Numbers as people read them: the locale's separators, sensible digits, the unit beside. Formatters are cached, for making one costs far more than using one. */
export type Locale = 'en' | 'ko';

export interface Quantity {
  text: string;
  unit: string;
}

const formatters = new Map<string, Intl.NumberFormat>();

function formatter(locale: Locale, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale + JSON.stringify(options);
  let found = formatters.get(key);
  if (!found) {
    found = new Intl.NumberFormat(locale === 'ko' ? 'ko-KR' : 'en-US', options);
    formatters.set(key, found);
  }
  return found;
}

/** What stands where a number is not known. Never "0". */
export const unknown = '–';

export function formatNumber(value: number | null | undefined, locale: Locale, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return unknown;
  return formatter(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/**
 * A reading's value. It arrives as a decimal string scaled in the register's unit and is shown digit for digit:
 * what is billed never passes through a binary fraction.
 */
export function formatDecimal(value: string | null | undefined, locale: Locale): string {
  if (value === null || value === undefined || value === '') return unknown;
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value);
  if (!match) return value;
  const [, sign, whole = '0', fraction] = match;
  const grouped = formatter(locale, { maximumFractionDigits: 0 }).format(BigInt(whole));
  const minus = sign === '-' ? '−' : '';
  return fraction === undefined ? minus + grouped : `${minus}${grouped}.${fraction}`;
}

/** Digits that keep a changing rate readable: 0.4, 12.5, 1,234. */
export function rateDigits(value: number): number {
  const size = Math.abs(value);
  if (size === 0 || size >= 100) return 0;
  return size >= 1 ? 1 : 2;
}

export function formatRate(value: number | null | undefined, locale: Locale): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return unknown;
  return formatNumber(value, locale, rateDigits(value));
}

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Bytes in powers of 1,000, as disks and links are sold. */
export function formatBytes(value: number | null | undefined, locale: Locale): Quantity {
  if (value === null || value === undefined || !Number.isFinite(value)) return { text: unknown, unit: '' };
  let scaled = value;
  let step = 0;
  while (Math.abs(scaled) >= 999.5 && step < byteUnits.length - 1) {
    scaled /= 1000;
    step++;
  }
  const digits = step === 0 || scaled >= 100 ? 0 : 1;
  return { text: formatNumber(scaled, locale, digits), unit: byteUnits[step] ?? 'B' };
}

/** A latency: microseconds never matter to a person, so 0.4 ms, 3.2 ms, 412 ms, 1.24 s. */
export function formatMilliseconds(value: number | null | undefined, locale: Locale): Quantity {
  if (value === null || value === undefined || !Number.isFinite(value)) return { text: unknown, unit: '' };
  if (value < 100) return { text: formatNumber(value, locale, 1), unit: 'ms' };
  if (value < 1000) return { text: formatNumber(value, locale, 0), unit: 'ms' };
  if (value < 100_000) return { text: formatNumber(value / 1000, locale, value < 10_000 ? 2 : 1), unit: 's' };
  return { text: formatNumber(value / 1000, locale, 0), unit: 's' };
}

type AgeUnit = 'second' | 'minute' | 'hour' | 'day';

/** How old something is, in one unit: 3 sec, 4 min, 2 hr, 5 days. Negative ages (a clock ahead of ours) count as 0. */
export function formatAge(milliseconds: number, locale: Locale): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  let unit: AgeUnit = 'second';
  let value = seconds;
  if (seconds >= 2 * 86_400) { unit = 'day'; value = Math.floor(seconds / 86_400); }
  else if (seconds >= 2 * 3600) { unit = 'hour'; value = Math.floor(seconds / 3600); }
  else if (seconds >= 120) { unit = 'minute'; value = Math.floor(seconds / 60); }
  return formatter(locale, { style: 'unit', unit, unitDisplay: 'short' }).format(value);
}

/** Large counts where space is short: 12.3K, 1.2만. */
export function formatCompact(value: number | null | undefined, locale: Locale): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return unknown;
  if (Math.abs(value) < 10_000) return formatNumber(value, locale);
  return formatter(locale, { notation: 'compact', maximumFractionDigits: 1 }).format(value);
}
