import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Reading, Series } from '../../api/types';
import { useLocale } from '../../app';
import { Meaning } from '../../components/Meaning';
import { formatNumber } from '../../format/number';
import { formatTime } from '../../format/time';
import { chartData } from './chartData';

export interface Mark { at: number; value: number; kind: 'suspect' | 'estimated' | 'edited' }

/** Readings whose value is doubted or was not measured, as marks on the line. */
export function marksOf(readings: readonly Reading[]): Mark[] {
  const marks: Mark[] = [];
  for (const reading of readings) {
    const kind = reading.suspicions.length > 0 ? 'suspect' : reading.quality === 'estimated' || reading.quality === 'calculated' ? 'estimated' : reading.quality === 'edited' ? 'edited' : null;
    if (kind) marks.push({ at: Date.parse(reading.at), value: Number(reading.value), kind });
  }
  return marks;
}

export function ReadingsChart({ series, marks, from, to, zone, height = 300, label, onZoom }: { series: Series; marks: Mark[]; from: number; to: number; zone: string; height?: number; label: string; onZoom: (from: number, to: number) => void }) {
  const { t } = useTranslation('devices');
  const host = useRef<HTMLDivElement>(null);
  const read = useRef<HTMLSpanElement>(null);
  const scheme = useComputedColorScheme('light');
  const locale = useLocale();
  const zoom = useRef(onZoom);
  zoom.current = onZoom;

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const data = chartData(series);
    const ink = colour('ink-2');
    const line = colour('line');
    const accent = colour('accent');
    const font = '12px system-ui, sans-serif';
    const interval = series.kind === 'interval';
    const hatch = hatchPattern(colour('line-strong'));
    const show = (index: number | null | undefined) => {
      if (!read.current) return;
      const x = index === null || index === undefined ? undefined : data.x[index];
      const value = index === null || index === undefined ? null : data.last[index];
      if (x === undefined) { read.current.textContent = ''; return; }
      const digits = Math.abs(value ?? 0) >= 1000 ? 1 : 2;
      const low = data.low[index ?? 0] ?? null;
      const high = data.high[index ?? 0] ?? null;
      const span = data.banded && low !== null && high !== null && low !== high ? ` (${formatNumber(low, locale, digits)} – ${formatNumber(high, locale, digits)})` : '';
      read.current.textContent = `${formatTime(Math.round(x * 1000), zone)}   ${value === null || value === undefined ? t('chart.noReading') : `${formatNumber(value, locale, digits)} ${series.unit}`}${span}`;
    };
    const options: uPlot.Options = {
      width: Math.max(200, element.clientWidth), height,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      fmtDate: (template) => uPlot.fmtDate(template, locale === 'ko' ? korean : undefined),
      legend: { show: false },
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 }, y: false },
      scales: { x: { time: true, range: () => [from / 1000, to / 1000] }, y: { range: (_plot, low, high) => spread(low, high, interval) } },
      axes: [
        { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 5 }, space: 64, values: axisTimes },
        { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: (_plot, values) => 14 + Math.max(...(values ?? ['0']).map((value) => value.length)) * 7, label: series.unit, labelFont: font, labelSize: 18, labelGap: 2, values: (_plot, splits) => axisNumbers(splits, locale) },
      ],
      series: [
        {},
        { stroke: accent, width: 1.6, points: { show: data.x.length < 60, size: 5, fill: accent }, spanGaps: false, ...(interval ? { paths: uPlot.paths.stepped?.({ align: 1 }) ?? undefined, fill: alpha(accent, 0.12) } : {}) },
        { stroke: 'transparent', width: 0, points: { show: false }, spanGaps: false },
        { stroke: 'transparent', width: 0, points: { show: false }, spanGaps: false },
      ],
      bands: data.banded ? [{ series: [3, 2], fill: alpha(accent, 0.16) }] : [],
      hooks: {
        drawClear: [(plot) => {
          const context = plot.ctx;
          context.save();
          for (const [start, end] of series.gaps) {
            const left = Math.max(plot.bbox.left, plot.valToPos(start / 1000, 'x', true));
            const right = Math.min(plot.bbox.left + plot.bbox.width, plot.valToPos(end / 1000, 'x', true));
            if (right - left < 1) continue;
            context.fillStyle = hatch ?? line;
            context.fillRect(left, plot.bbox.top, right - left, plot.bbox.height);
          }
          context.restore();
        }],
        draw: [(plot) => {
          const context = plot.ctx;
          const size = 5 * devicePixelRatio;
          for (const mark of marks) {
            if (mark.at < from || mark.at > to) continue;
            const x = plot.valToPos(mark.at / 1000, 'x', true);
            const y = plot.valToPos(mark.value, 'y', true);
            context.fillStyle = colour(mark.kind === 'suspect' ? 'attention' : mark.kind);
            context.beginPath();
            if (mark.kind === 'suspect') { context.moveTo(x, y - size); context.lineTo(x + size, y + size * 0.8); context.lineTo(x - size, y + size * 0.8); }
            else if (mark.kind === 'estimated') { context.moveTo(x, y - size); context.lineTo(x + size, y); context.lineTo(x, y + size); context.lineTo(x - size, y); }
            else context.rect(x - size * 0.8, y - size * 0.8, size * 1.6, size * 1.6);
            context.closePath();
            context.fill();
          }
        }],
        setCursor: [(plot) => show(plot.cursor.idx)],
        setSelect: [(plot) => {
          if (plot.select.width < 6) return;
          zoom.current(Math.floor(plot.posToVal(plot.select.left, 'x')) * 1000, Math.ceil(plot.posToVal(plot.select.left + plot.select.width, 'x')) * 1000);
        }],
      },
    };
    const plot = new uPlot(options, [data.x, data.last, data.low, data.high] as uPlot.AlignedData, element);
    const observer = new ResizeObserver(() => { if (element.clientWidth > 0 && element.clientWidth !== plot.width) plot.setSize({ width: element.clientWidth, height }); });
    observer.observe(element);
    return () => { observer.disconnect(); plot.destroy(); };
  }, [series, marks, from, to, zone, height, scheme, locale, t]);

  return (
    <div>
      <div className="chart" ref={host} style={{ minHeight: height, height }} role="img" aria-label={label} />
      <div className="chart-read">
        <span className="num grow" ref={read} />
        <span className="dim">{zone}</span>
        {series.gaps.length > 0 ? <span className="chart-key"><Meaning name="missing">{t('chart.gap')}</Meaning></span> : null}
        {marks.some((mark) => mark.kind === 'suspect') ? <span className="chart-key"><Meaning name="attention">{t('chart.suspect')}</Meaning></span> : null}
        {marks.some((mark) => mark.kind === 'estimated') ? <span className="chart-key"><Meaning name="estimated">{t('quality.estimated')}</Meaning></span> : null}
        {marks.some((mark) => mark.kind === 'edited') ? <span className="chart-key"><Meaning name="edited">{t('quality.edited')}</Meaning></span> : null}
      </div>
    </div>
  );
}

const korean: uPlot.DateNames = {
  MMMM: ['1월', '2월', '3월', '4월', '5월', '6월', '7월', '8월', '9월', '10월', '11월', '12월'], MMM: ['1월', '2월', '3월', '4월', '5월', '6월', '7월', '8월', '9월', '10월', '11월', '12월'],
  WWWW: ['일요일', '월요일', '화요일', '수요일', '목요일', '금요일', '토요일'], WWW: ['일', '월', '화', '수', '목', '금', '토'],
};

// Year-month-day and 24 hours in every language, as everywhere else in the app.
const axisTimes: (string | number | null)[][] = [
  [3600 * 24 * 365, '{YYYY}', null, null, null, null, null, null, 1],
  [3600 * 24 * 28, '{YYYY}-{MM}', null, null, null, null, null, null, 1],
  [3600 * 24, '{MM}-{DD}', '\n{YYYY}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', '\n{YYYY}-{MM}-{DD}', null, '\n{MM}-{DD}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', '\n{YYYY}-{MM}-{DD}', null, '\n{MM}-{DD}', null, null, null, 1],
];

function axisNumbers(splits: number[], locale: 'en' | 'ko'): string[] {
  const step = splits.length > 1 ? Math.abs((splits[1] ?? 0) - (splits[0] ?? 0)) : 1;
  const digits = step >= 1 ? 0 : Math.min(4, Math.ceil(-Math.log10(step)));
  return splits.map((value) => formatNumber(value, locale, digits));
}

/** Energy of an interval starts at zero; a counter or a voltage shows its own span, with a margin, never a flat line at the edge. */
export function spread(low: number | null, high: number | null, fromZero: boolean): [number, number] {
  if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const bottom = fromZero ? Math.min(0, low) : low;
  const size = high - bottom || Math.abs(high) * 0.02 || 1;
  return [fromZero && bottom === 0 ? 0 : bottom - size * 0.06, high + size * 0.06];
}

function alpha(colour: string, share: number): string {
  return `color-mix(in srgb, ${colour} ${share * 100}%, transparent)`;
}

function hatchPattern(colour: string): CanvasPattern | null {
  const tile = document.createElement('canvas');
  tile.width = tile.height = 8;
  const context = tile.getContext('2d');
  if (!context) return null;
  context.strokeStyle = colour;
  context.globalAlpha = 0.7;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(-2, 6); context.lineTo(6, -2); context.moveTo(2, 10); context.lineTo(10, 2);
  context.stroke();
  return context.createPattern(tile, 'repeat');
}
