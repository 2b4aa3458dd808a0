import { useEffect, useMemo, useRef } from 'react';
import { useComputedColorScheme } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { HeatmapChart } from 'echarts/charts';
import { GridComponent, TooltipComponent, VisualMapComponent } from 'echarts/components';
import { init, use as include } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useTranslation } from 'react-i18next';
import { api, segment } from '../../api/client';
import type { DeviceRegister, Profiles } from '../../api/types';
import { useLocale } from '../../app';
import { Bone, Empty, ProblemNotice } from '../../components/Bits';
import { Meaning } from '../../components/Meaning';
import { formatNumber } from '../../format/number';
import { patternData } from './patternData';

include([HeatmapChart, GridComponent, TooltipComponent, VisualMapComponent, CanvasRenderer]);

const statusWords: Record<number, string> = { 1: 'status.missing', 2: 'status.estimated', 5: 'status.doubtful' };

/** A load profile by day and time of day: habits, outages and lost intervals at one glance. */
export default function Pattern({ id, register, from, to, zone }: { id: string; register: DeviceRegister; from: number; to: number; zone: string }) {
  const { t } = useTranslation('devices');
  const locale = useLocale();
  const scheme = useComputedColorScheme('light');
  const host = useRef<HTMLDivElement>(null);
  const span = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  const profiles = useQuery({ queryKey: ['profiles', id, register.registerId, span.from, span.to], placeholderData: keepPreviousData, queryFn: ({ signal }) => api.get<Profiles>(`/devices/${segment(id)}/profiles`, { registerId: register.registerId, ...span }, signal) });
  const data = useMemo(() => (profiles.data ? patternData(profiles.data, zone) : null), [profiles.data, zone]);
  const unit = profiles.data?.unit ?? '';
  const height = Math.min(720, 110 + (data?.days.length ?? 1) * 22);

  useEffect(() => {
    const element = host.current;
    if (!element || !data || data.cells.length === 0) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const chart = init(element, null, { renderer: 'canvas' });
    const text = { color: colour('ink-2'), fontFamily: 'system-ui, sans-serif', fontSize: 12 };
    chart.setOption({
      animation: false,
      grid: { left: 86, right: 16, top: 8, bottom: 76 },
      // Rich text, not HTML: nothing a device sent is ever parsed as markup.
      tooltip: { renderMode: 'richText', backgroundColor: colour('surface'), borderColor: colour('line-strong'), textStyle: { ...text, color: colour('ink') }, formatter: (item: unknown) => {
        const [slot, day, value, status] = (item as { data: [number, number, number | string, number] }).data;
        const words = statusWords[status];
        return `${data.days[day] ?? ''} ${data.slots[slot] ?? ''}\n${typeof value === 'number' ? `${formatNumber(value, locale, Number.isInteger(value) ? 0 : 1)} ${unit}` : t('pattern.missing')}${words ? ` · ${t(words)}` : ''}`;
      } },
      xAxis: { type: 'category', data: data.slots, axisLabel: { ...text, interval: (index: number) => index % Math.max(1, Math.round(data.slots.length / 12)) === 0 }, axisTick: { show: false }, axisLine: { show: false }, splitArea: { show: false } },
      yAxis: { type: 'category', data: data.days, inverse: true, axisLabel: text, axisTick: { show: false }, axisLine: { show: false } },
      visualMap: { dimension: 2, seriesIndex: 1, min: 0, max: data.top || 1, calculable: false, orient: 'horizontal', left: 78, bottom: 4, itemHeight: 160, itemWidth: 12, text: [`${formatNumber(data.top, locale)} ${unit}`, '0'], textStyle: text, inRange: { color: scheme === 'dark' ? ['#14212d', '#1f4d73', '#2f8acf', '#a5cceb', '#f1f8fd'] : ['#f1f6fa', '#a5cceb', '#4c9bd8', '#0a5fa4', '#032a4a'] }, outOfRange: { color: colour('line-strong') } },
      series: [{ type: 'heatmap', data: data.cells.filter((cell) => cell[2] === null).map(([slot, day, , status]) => [slot, day, '', status]), itemStyle: { color: colour('line-strong') }, silent: false }, { type: 'heatmap', data: data.cells.filter((cell) => cell[2] !== null), emphasis: { itemStyle: { borderColor: colour('ink'), borderWidth: 1 } }, progressive: 4000 }],
    });
    const observer = new ResizeObserver(() => chart.resize());
    observer.observe(element);
    return () => { observer.disconnect(); chart.dispose(); };
  }, [data, unit, scheme, locale, t]);

  if (profiles.error && !profiles.data) return <ProblemNotice error={profiles.error} retry={() => void profiles.refetch()} />;
  if (!data) return <Bone height={360} />;
  if (data.cells.length === 0) return <Empty title={t('pattern.none')}>{t('pattern.noneWords')}</Empty>;
  return (
    <div>
      <div ref={host} style={{ height }} role="img" aria-label={t('pattern.label', { register: register.name, device: id })} />
      <p className="row dim num"><Meaning name={data.known < data.cells.length ? 'missing' : 'ok'}>{t('pattern.coverage', { known: formatNumber(data.known, locale), total: formatNumber(data.cells.length, locale) })}</Meaning><span className="grow" /><span>{zone}</span></p>
    </div>
  );
}
