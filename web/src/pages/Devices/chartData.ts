import type { Series } from '../../api/types';

export interface ChartData { x: number[]; last: (number | null)[]; low: (number | null)[]; high: (number | null)[]; banded: boolean }

/**
 * Columns for the chart, in seconds. A gap becomes one null, so that no line crosses it; rows that hide several
 * readings carry their lowest and highest, drawn as a band.
 */
export function chartData(series: Series): ChartData {
  const out: ChartData = { x: [], last: [], low: [], high: [], banded: false };
  const gaps = [...series.gaps].sort((a, b) => a[0] - b[0]);
  let next = 0;
  const hole = (at: number) => { out.x.push(at / 1000); out.last.push(null); out.low.push(null); out.high.push(null); };
  for (const [at, minimum, maximum, last, count] of series.points) {
    while (next < gaps.length && (gaps[next]?.[0] ?? Infinity) < at) {
      const start = gaps[next++]?.[0] ?? at;
      if (out.x.length > 0 && start / 1000 > (out.x[out.x.length - 1] ?? -Infinity)) hole(start);
    }
    out.x.push(at / 1000);
    out.last.push(last);
    out.low.push(minimum);
    out.high.push(maximum);
    if (count > 1 && minimum !== maximum) out.banded = true;
  }
  return out;
}
