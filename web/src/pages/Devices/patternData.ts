import type { Profiles } from '../../api/types';
import { formatTime } from '../../format/time';

export interface PatternData { days: string[]; slots: string[]; cells: [slot: number, day: number, value: number | null, status: number][]; known: number; top: number }

/** Interval values by local day and time of day. On the day a clock goes back two intervals share a cell: the later one shows. */
export function patternData(profiles: Profiles, zone: string): PatternData {
  const every = Math.max(60, profiles.everySeconds);
  const count = Math.min(1440, Math.ceil(86_400 / every));
  const slots = Array.from({ length: count }, (_, slot) => { const minutes = Math.floor((slot * every) / 60); return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`; });
  const days: string[] = [];
  const cells = new Map<number, PatternData['cells'][number]>();
  let known = 0;
  let top = 0;
  for (const [at, value, status] of profiles.points) {
    const text = formatTime(at, zone);
    const day = text.slice(0, 10);
    if (days[days.length - 1] !== day && !days.includes(day)) days.push(day);
    const seconds = Number(text.slice(11, 13)) * 3600 + Number(text.slice(14, 16)) * 60 + Number(text.slice(17, 19));
    const slot = Math.min(count - 1, Math.floor(seconds / every));
    const row = days.indexOf(day);
    cells.set(row * count + slot, [slot, row, value, status]);
    if (value !== null) { known++; if (value > top) top = value; }
  }
  return { days, slots, cells: [...cells.values()], known, top };
}
