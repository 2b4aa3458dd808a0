import { memo } from 'react';

/** The last quarter of an hour of one figure, from zero. Absent samples leave a gap; nothing is bridged. */
export const Sparkline = memo(function Sparkline({ values, colour = 'var(--accent)', label }: { values: readonly (number | null)[]; colour?: string; label: string }) {
  const width = 300;
  const height = 44;
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
  const top = Math.max(...known, 0) || 1;
  const x = (index: number) => (values.length < 2 ? 0 : (index / (values.length - 1)) * width);
  const y = (value: number) => height - 2 - (value / top) * (height - 5);
  let line = '';
  let area = '';
  let start = -1;
  values.forEach((value, index) => {
    if (value === null || !Number.isFinite(value)) { start = -1; return; }
    line += `${start < 0 ? 'M' : 'L'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    if (start < 0) { start = index; area += `M${x(index).toFixed(1)} ${height}L${x(index).toFixed(1)} ${y(value).toFixed(1)}`; }
    else area += `L${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    const next = values[index + 1];
    if (next === null || next === undefined) area += `L${x(index).toFixed(1)} ${height}Z`;
  });
  return (
    <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path d={area} fill={colour} opacity="0.1" />
      <path d={`M0 ${height - 0.5}H${width}`} stroke="var(--line)" vectorEffect="non-scaling-stroke" />
      <path d={line} fill="none" stroke={colour} strokeWidth="1.5" strokeLinejoin="round" vectorEffect="non-scaling-stroke" />
    </svg>
  );
});
