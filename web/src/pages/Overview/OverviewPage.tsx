import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Overview } from '../../api/types';
import { useLocale, useOverview, useStale } from '../../app';
import { Age, Amount, Bone, Card, Count, Empty, PageHead, ProblemNotice, Time } from '../../components/Bits';
import { Meaning, severityMeaning } from '../../components/Meaning';
import { Sparkline } from '../../components/Sparkline';
import { formatBytes, formatMilliseconds, formatNumber, formatRate, type Quantity } from '../../format/number';
import { Flow } from './Flow';

export default function OverviewPage() {
  const { t } = useTranslation('overview');
  const { data: o, error, refetch } = useOverview();
  const stale = useStale();
  const locale = useLocale();
  const sentence = o ? t('state', { registered: formatNumber(o.devices.registered, locale), connected: formatNumber(o.devices.connected, locale), count: o.devices.registered }) : <Bone width={260} />;
  const history = o?.history ?? [];
  // 15 minutes by 5 s: what was before the server's start is empty, not stretched over.
  const series = (pick: (point: Overview['history'][number]) => number | null) => [...Array<null>(Math.max(0, 180 - history.length)).fill(null), ...history.map(pick)];
  return (
    <div className="page">
      <PageHead title={t('title')} state={<>{sentence}{o ? <> · <Meaning name={o.health.state}>{t(`health.${o.health.state}`)}</Meaning></> : null}</>} />
      {error && !o ? <ProblemNotice error={error} retry={() => void refetch()} /> : null}
      <Flow overview={o} stale={stale} />
      <div className="grid">
        <Card title={t('needs')} style={{ gridColumn: 'span 12' }}>{o ? <Needs overview={o} /> : <Bone height={38} />}</Card>
      </div>
      {o && o.devices.registered === 0 && o.flow.received.total === 0 ? (
        <Card><Empty title={t('empty')}>{t('emptyWords')} <Link to="/devices" search={{ create: 'device' } as never}>{t('emptyLink')}</Link></Empty></Card>
      ) : null}
      <div className={`figures${stale ? ' stale-values' : ''}`}>
        <Figure label={t('figure.received')} value={o && { text: formatRate(o.flow.received.perSecond, locale), unit: t('unit.messages') }} values={series((p) => p.received)} top={(v) => formatRate(v, locale)} />
        <Figure label={t('figure.committed')} value={o && { text: formatRate(o.flow.committed.perSecond, locale), unit: t('unit.messages') }} values={series((p) => p.committed)} top={(v) => formatRate(v, locale)} />
        <Figure label={t('figure.latency')} value={o && formatMilliseconds(o.acknowledgement.p99Milliseconds, locale)} values={series((p) => p.acknowledgementP99)} colour="var(--ok)" top={(v) => { const q = formatMilliseconds(v, locale); return `${q.text} ${q.unit}`; }} />
        <Figure label={t('figure.quarantined')} value={o && { text: formatRate(o.flow.quarantined.perSecond, locale), unit: t('unit.messages') }} values={series((p) => p.quarantined)} colour="var(--attention)" top={(v) => formatRate(v, locale)} />
      </div>
      <div className={`grid two${stale ? ' stale-values' : ''}`}>
        <Card title={t('writing')} className="half">
          <Facts rows={[
            [t('writing.commits'), o && <Amount quantity={{ text: formatRate(o.commit.batchesPerSecond, locale), unit: '/s' }} />],
            [t('writing.rows'), o && <Count value={o.commit.averageRows} digits={1} />],
            [t('writing.last'), o && <><span className="num">{o.commit.lastCommitNumber ?? '–'}</span> · <Age at={o.commit.lastCommittedAt} /></>],
            [t('writing.queue'), o && <Share part={o.commit.queueBytes} whole={o.commit.queueLimitBytes} />],
            [t('writing.total'), o && <Count value={o.flow.committed.total} />],
          ]} />
        </Card>
        <Card title={t('storage')} className="half">
          <Facts rows={[
            [t('storage.database'), o && <Amount quantity={formatBytes(o.storage.databaseBytes, locale)} />],
            [t('storage.free'), o && <Amount quantity={formatBytes(o.storage.diskFreeBytes, locale)} />],
            [t('storage.readings'), o && <Count value={o.storage.readingsEstimate} />],
            [t('storage.oldest'), o && <Time at={o.storage.oldestReadingAt} precision="minute" />],
            [t('storage.partitions'), o && <Count value={o.storage.partitions} />],
          ]} />
        </Card>
      </div>
    </div>
  );
}

/** What needs a person now, worst first. */
function Needs({ overview }: { overview: Overview }) {
  const { t } = useTranslation('overview');
  const locale = useLocale();
  const rows: { key: string; meaning: 'fault' | 'attention' | 'ok'; text: ReactNode; since?: string }[] = overview.alarms.filter((alarm) => alarm.link !== '/quarantine').map((alarm, index) => {
    const meaning = severityMeaning(alarm.severity) === 'fault' ? 'fault' as const : 'attention' as const;
    return { key: `a${index}`, meaning, text: alarm.link?.startsWith('/') ? <Link to={alarm.link as '/'}>{alarm.text}</Link> : alarm.text, since: alarm.since };
  });
  const told = new Set(overview.alarms.map((alarm) => alarm.text));
  for (const sentence of overview.health.sentences) if (overview.health.state !== 'ok' && !told.has(sentence)) rows.push({ key: sentence, meaning: overview.health.state === 'fault' ? 'fault' : 'attention', text: sentence });
  const { held, newest } = overview.quarantine;
  if (held > 0) {
    const reasons = newest.map(({ reason, count }) => `${t(`quarantine:reason.${reason}`, reason)} ${formatNumber(count, locale)}`).join(' · ');
    rows.push({ key: 'quarantine', meaning: 'attention', text: <><Link to="/quarantine">{t('needs.quarantine', { count: held, text: formatNumber(held, locale) })}</Link> <span className="dim">{reasons}</span></> });
  }
  rows.sort((a, b) => Number(b.meaning === 'fault') - Number(a.meaning === 'fault'));
  if (rows.length === 0) return <Meaning name="ok">{t('needs.nothing')}</Meaning>;
  return (
    <ul className="alarms">
      {rows.map((row) => <li key={row.key}><span style={{ minWidth: 92 }}><Meaning name={row.meaning}>{t(`common:severity.${row.meaning}`)}</Meaning></span><span>{row.text}</span>{row.since ? <span className="since"><Age at={row.since} /></span> : null}</li>)}
    </ul>
  );
}

function Figure({ label, value, values, colour, top }: { label: string; value: Quantity | undefined; values: (number | null)[]; colour?: string; top: (value: number) => string }) {
  const { t } = useTranslation('overview');
  const highest = values.reduce<number>((max, each) => (each !== null && each > max ? each : max), 0);
  return (
    <section className="card figure" aria-label={label}>
      <div className="label">{label}</div>
      <div className="value">{value ? <Amount quantity={value} /> : <Bone width={110} height={24} />}</div>
      <Sparkline values={values} label={`${label}. ${t('figure.span')}. ${t('figure.highest', { value: top(highest) })}`} {...(colour ? { colour } : {})} />
      <div className="legend"><span>{t('figure.span')}</span><span className="num">{values.some((each) => each !== null) ? t('figure.highest', { value: top(highest) }) : ''}</span></div>
    </section>
  );
}

export function Facts({ rows }: { rows: [ReactNode, ReactNode][] }) {
  return <dl className="facts">{rows.map(([name, value], index) => <div key={index} style={{ display: 'contents' }}><dt>{name}</dt><dd>{value === undefined ? <Bone width={90} height={12} /> : value}</dd></div>)}</dl>;
}

function Share({ part, whole }: { part: number; whole: number }) {
  const locale = useLocale();
  const { t } = useTranslation('overview');
  const share = whole > 0 ? Math.min(1, part / whole) : 0;
  const a = formatBytes(part, locale);
  const b = formatBytes(whole, locale);
  return (
    <div>
      <span className="num" style={{ whiteSpace: 'normal' }}>{a.text}<span className="unit">{a.unit}</span> <span className="dim">{t('of')} {b.text} {b.unit}</span></span>
      <div className="meter-bar" role="meter" aria-label={t('writing.queue')} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}><i style={{ width: `${Math.max(share > 0 ? 0.5 : 0, share * 100)}%` }} /></div>
    </div>
  );
}
