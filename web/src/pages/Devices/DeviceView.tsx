import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Button, SegmentedControl, Select, TextInput } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { keepPreviousData, queryOptions, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, segment } from '../../api/client';
import type { Conflict, Credential, Device, DeviceRegister, MeterEvent, NewSecret, Profiles, ReadingPage, Series } from '../../api/types';
import { useLive, useLocale, useMay, useTopic, useZone } from '../../app';
import { Age, Bone, Card, Confirm, Count, Empty, ProblemNotice, Time, Value } from '../../components/Bits';
import { Icon } from '../../components/Icon';
import { Meaning, qualityMeaning } from '../../components/Meaning';
import { Tabs } from '../../components/Tabs';
import { formatNumber } from '../../format/number';
import { fromField, isZone, toField, zoneOffset } from '../../format/time';
import { useUrl } from '../../url';
import { items } from '../lists';
import { pasteLine } from '../pasteLine';
import { download, toCsv } from './csv';
import { marksOf, ReadingsChart } from './ReadingsChart';
import { presets, rangeOf } from './range';
import { Secret } from './Secret';

const Pattern = lazy(() => import('./Pattern'));

export const deviceQuery = (id: string) => queryOptions({ queryKey: ['device', id], queryFn: ({ signal }) => api.get<Device>(`/devices/${segment(id)}`, {}, signal), staleTime: 5000, placeholderData: keepPreviousData });

export function DeviceView({ id, compact = false }: { id: string; compact?: boolean }) {
  const { t } = useTranslation('devices');
  const client = useQueryClient();
  const [url] = useUrl();
  const { paused } = useLive();
  const narrow = useMediaQuery('(max-width: 1180px)', undefined, { getInitialValueInEffect: false }) ?? false;
  const device = useQuery({ ...deviceQuery(id), refetchInterval: paused ? false : 15_000 });
  const last = useRef(0);
  const late = useRef<ReturnType<typeof setTimeout>>(undefined);
  // A live event says only that the device spoke; what it said is read where it is shown, every 3 s at most. The last event of a
  // burst is never dropped: a device may be silent for hours after it.
  const heard = useCallback(() => {
    const read = () => {
      last.current = Date.now();
      void client.invalidateQueries({ queryKey: ['device', id] });
      void client.invalidateQueries({ queryKey: ['readings', id] });
      void client.invalidateQueries({ queryKey: ['series', id] });
    };
    clearTimeout(late.current);
    late.current = setTimeout(read, Math.max(0, last.current + 3000 - Date.now()));
  }, [client, id]);
  useEffect(() => () => clearTimeout(late.current), [heard]);
  useTopic(`devices:${id}`, heard);
  const d = device.data?.id === id ? device.data : undefined;
  if (device.error && !d) return <ProblemNotice error={device.error} retry={() => void device.refetch()} />;
  const tab = url['tab'] ?? 'readings';
  // Where the cards stand below each other, what stands below waits for what stands above: nothing is pushed down while it is read.
  const above = narrow && !d;

  if (compact) {
    return (
      <>
        <Summary device={d} />
        {d ? <Readings id={id} device={d} compact /> : null}
        {d && d.credentials.length === 0 ? <p className="dim">{t('credential.none')}</p> : null}
      </>
    );
  }
  return (
    <>
      <div className="grid device-grid">
        <Card title={t('summary')} className="device-side"><Summary device={d} /></Card>
        {above ? null : <Card title={t('registers')} className="device-main"><Registers device={d} /></Card>}
      </div>
      {above ? null : <Tabs value={tab} label={id} tabs={[
        ['readings', t('readings')], ['credentials', t('credentials')], ['events', t('events')], ['conflicts', t('conflicts')],
      ]} fallback="readings" />}
      {!above && tab === 'readings' ? <Readings id={id} device={d} /> : null}
      {!above && tab === 'credentials' ? <Credentials id={id} device={d} /> : null}
      {!above && tab === 'events' ? <Events id={id} zone={d?.timeZone} /> : null}
      {!above && tab === 'conflicts' ? <Conflicts id={id} zone={d?.timeZone} /> : null}
    </>
  );
}

function Summary({ device: d }: { device: Device | undefined }) {
  const { t } = useTranslation('devices');
  const row = (name: string, value: React.ReactNode) => <div key={name} style={{ display: 'contents' }}><dt>{name}</dt><dd>{d ? value : <Bone width={120} height={12} />}</dd></div>;
  return (
    <dl className="facts">
      {row(t('connection'), d?.connection ? <Meaning name="ok">{t('connected')}</Meaning> : <Meaning name="stale">{d?.lastSeenAt ? t('notConnected') : t('neverSeen')}</Meaning>)}
      {row(t('lastSeen'), <Age at={d?.lastSeenAt} />)}
      {row(t('lastReading'), <Age at={d?.lastReadingAt} />)}
      {row(t('remote'), d?.connection ? <span className="mono one-line" title={`${d.connection.remote} · ${d.connection.listener} · MQTT ${d.connection.version}`}>{d.connection.remote} · {d.connection.listener} · MQTT {d.connection.version}</span> : <span className="dim">–</span>)}
      {row(t('connectedSince'), <Time at={d?.connection?.connectedAt} zone={d?.timeZone ?? ''} />)}
      {row(t('carrier'), d?.carrierId ? <Link to="/devices/$device" params={{ device: d.carrierId }}>{d.carrierId}</Link> : <span className="dim">{t('carrier.none')}</span>)}
      {row(t('timeZone'), d ? <span>{d.timeZone} {isZone(d.timeZone) ? <span className="dim num">{zoneOffset(d.timeZone, Date.now())}</span> : null}</span> : null)}
      {row(t('createdAt'), <><Time at={d?.createdAt} precision="minute" zone={d?.timeZone ?? ''} />{d?.registeredAutomatically ? <span className="dim"> · {t('automatic')}</span> : null}</>)}
      {row(t('held'), d && d.counts.held > 0 ? <Link to="/quarantine" search={{ device: d.id } as never}><Meaning name="attention">{t('heldCount', { count: d.counts.held })}</Meaning></Link> : t('heldNone'))}
    </dl>
  );
}

function Registers({ device: d }: { device: Device | undefined }) {
  const { t } = useTranslation('devices');
  if (!d) return <div style={{ height: 146 }}><Bone height={120} /></div>;
  if (d.registers.length === 0) return <Empty title={t('registers.none')}>{t('registers.noneWords')}</Empty>;
  return (
    <div className="bleed" tabIndex={0} role="region" aria-label={t('registers')}>
      <table className="plain">
        <thead><tr><th>OBIS</th><th>{t('register')}</th><th className="num">{t('lastValue')}</th><th className="num">{t('at')}</th><th className="num">{t('limits')}</th><th className="num">{t('versions')}</th></tr></thead>
        <tbody>{d.registers.map((register) => (
          <tr key={register.registerId}>
            <td className="mono" style={{ whiteSpace: 'nowrap' }}>{register.obis}</td><td>{register.name}</td>
            <td className="num"><Value value={register.lastValue} unit={register.unit} /></td>
            <td className="num"><Time at={register.lastAt} zone={d.timeZone} precision="minute" /></td>
            <td className="num dim">{register.minimum !== null && register.maximum !== null ? <><Value value={register.minimum} /> – <Value value={register.maximum} unit={register.unit} /></> : '–'}</td>
            <td className="num"><Count value={register.versions} /></td>
          </tr>
        ))}</tbody>
      </table>
    </div>
  );
}

function Readings({ id, device, compact = false }: { id: string; device: Device | undefined; compact?: boolean }) {
  const { t } = useTranslation('devices');
  const [url, set] = useUrl();
  const { paused } = useLive();
  const own = useZone();
  const zone = device && isZone(device.timeZone) ? device.timeZone : own;
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => { if (paused) return; const timer = setInterval(() => setNow(Date.now()), 60_000); return () => clearInterval(timer); }, [paused]);
  const range = useMemo(() => rangeOf({ range: url['range'], from: url['from'], to: url['to'] }, now, zone), [url, now, zone]);
  const registers = device?.registers ?? [];
  const register = registers.find((each) => each.registerId === url['register']) ?? registers[0];
  const view = url['view'] ?? 'chart';
  const profiled = typeof register?.intervalSeconds === 'number';
  const from = new Date(range.from).toISOString();
  const to = new Date(range.to).toISOString();
  const series = useQuery({
    queryKey: ['series', id, register?.registerId, from, to], enabled: register !== undefined, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => api.get<Series>(`/devices/${segment(id)}/series`, { registerId: register?.registerId, from, to, points: compact ? 400 : 800 }, signal),
  });
  const readings = useInfiniteQuery({
    queryKey: ['readings', id, register?.registerId, from, to], enabled: register !== undefined && !profiled, placeholderData: keepPreviousData, initialPageParam: '',
    queryFn: ({ signal, pageParam }) => api.get<ReadingPage>(`/devices/${segment(id)}/readings`, { registerId: register?.registerId, from, to, limit: compact ? 50 : 200, cursor: pageParam }, signal),
    getNextPageParam: (page) => page.next ?? undefined,
  });
  const rows = useMemo(() => readings.data?.pages.flatMap((page) => page.items) ?? [], [readings.data]);
  const marks = useMemo(() => marksOf(rows), [rows]);
  const zoom = useCallback((a: number, b: number) => set({ from: new Date(a).toISOString(), to: new Date(b).toISOString(), range: undefined }, { push: true }), [set]);

  useEffect(() => {
    if (compact) return;
    const press = (event: KeyboardEvent) => {
      if (event.key !== 't' || event.ctrlKey || event.metaKey || event.altKey || (event.target as HTMLElement).closest('input,textarea,[role=dialog]')) return;
      set({ view: view === 'table' ? undefined : 'table' });
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [compact, view, set]);

  const empty = series.data !== undefined && series.data.points.length === 0;
  const table = profiled && register ? <Intervals id={id} register={register} from={from} to={to} zone={zone} /> : (
    <div style={{ overflow: 'auto', maxHeight: compact ? 320 : 560, margin: compact ? 0 : '0 -16px' }} tabIndex={0} role="region" aria-label={t('readings.table')}>
      <table className="plain">
        <thead><tr><th>{t('at')}</th><th className="num">{t('value')}</th><th>{t('quality')}</th>{compact ? null : <><th className="num">{t('receivedAt')}</th><th className="num">{t('commit')}</th></>}<th>{compact ? '' : t('trace')}</th></tr></thead>
        <tbody>{rows.map((reading) => (
          <tr key={`${reading.at}/${reading.commitNumber}/${reading.ordinal}`}>
            <td><Time at={reading.at} zone={zone} /></td>
            <td className="num"><Value value={reading.value} unit={reading.unit} /></td>
            <td><Meaning name={qualityMeaning(reading.quality)}>{t(`quality.${reading.quality}`, reading.quality)}</Meaning>{reading.suspicions.map((suspicion) => <span key={suspicion} style={{ marginLeft: 10 }}><Meaning name="attention">{t(`suspicion.${suspicion}`, suspicion)}</Meaning></span>)}</td>
            {compact ? null : <><td className="num"><Time at={reading.receivedAt} zone={zone} /></td><td className="num">{reading.commitNumber}<span className="dim">/{reading.ordinal}</span></td></>}
            <td><Link to="/trace/$commit/$ordinal" params={{ commit: reading.commitNumber, ordinal: String(reading.ordinal) }} aria-label={t('traceOf', { commit: reading.commitNumber, ordinal: reading.ordinal })} style={{ display: 'inline-flex', gap: 4, alignItems: 'center' }}><Icon name="path" size={15} />{compact ? null : t('trace')}</Link></td>
          </tr>
        ))}</tbody>
      </table>
      {readings.isPending && register ? <div style={{ padding: 16 }}><Bone height={120} /></div> : null}
      {!readings.isPending && rows.length === 0 ? <Empty title={t('readings.none')}>{t('readings.noneWords')}</Empty> : null}
      {readings.hasNextPage ? <div style={{ padding: 12, textAlign: 'center' }}><Button variant="default" size="xs" loading={readings.isFetchingNextPage} onClick={() => void readings.fetchNextPage()}>{t('readings.more')}</Button></div> : null}
    </div>
  );
  const chart = series.error && !series.data ? <ProblemNotice error={series.error} retry={() => void series.refetch()} />
    : !register && device ? <Empty title={t('readings.none')}>{t('readings.firstWords')} <Link to="/devices/$device" params={{ device: id }} search={{ tab: 'credentials' } as never}>{t('credential.create')}</Link></Empty>
    : empty ? <div style={{ minHeight: compact ? 222 : 322, display: 'grid', placeItems: 'center' }}><Empty title={t('readings.none')}>{t('readings.noneWords')}</Empty></div>
    : series.data && register ? <ReadingsChart series={series.data} marks={marks} from={range.from} to={range.to} zone={zone} height={compact ? 200 : 300} label={t('chart.label', { register: register.name, device: id })} onZoom={zoom} />
    : <div style={{ height: compact ? 222 : 322 }}><Bone height={compact ? 200 : 300} /></div>;

  return (
    <Card className={compact ? 'flat' : ''}>
      <div className="filters" style={{ marginBottom: 12 }}>
        <Select aria-label={t('register')} w={compact ? '100%' : 204} value={register?.registerId ?? null} allowDeselect={false} onChange={(value) => set({ register: value ?? undefined })} data={registers.map((each) => ({ value: each.registerId, label: `${each.obis} · ${each.name}` }))} />
        <SegmentedControl aria-label={t('range')} size="sm" value={range.preset ?? 'free'} onChange={(value) => { setNow(Date.now()); set({ range: value === '24h' ? undefined : value, from: undefined, to: undefined }); }} data={[...presets.map((preset) => ({ value: preset as string, label: t(`range.${preset}`) })), ...(range.preset ? [] : [{ value: 'free', label: t('range.free') }])]} />
        {compact ? null : (
          <>
            <Instant label={t('range.from')} at={range.from} zone={zone} onChange={(at) => { if (at < range.to) zoom(at, range.to); }} />
            <Instant label={t('range.to')} at={range.to} zone={zone} onChange={(at) => { if (at > range.from) zoom(range.from, at); }} />
            <span className="grow" />
            <SegmentedControl aria-label={t('view')} value={view} onChange={(value) => set({ view: value === 'chart' ? undefined : value })} data={(profiled ? ['chart', 'pattern', 'table'] : ['chart', 'table']).map((value) => ({ value, label: t(`view.${value}`) }))} />
            <Button variant="default" leftSection={<Icon name="download" size={15} />} disabled={rows.length === 0} onClick={() => download(`${id}_${register?.obis.replace(/[^\w.-]/g, '_') ?? ''}.csv`, toCsv(rows))}>{t('common:csv')}</Button>
          </>
        )}
      </div>
      {compact || view === 'chart' ? <div style={{ marginBottom: 14 }}>{chart}</div> : null}
      {!compact && profiled && view === 'pattern' && register ? <Suspense fallback={<Bone height={360} />}><Pattern id={id} register={register} from={range.from} to={range.to} zone={zone} /></Suspense> : null}
      {register && (compact || view !== 'pattern' || !profiled) ? table : null}
    </Card>
  );
}

/** The values of a load profile, newest first: one row an interval, absent ones told as such. */
function Intervals({ id, register, from, to, zone }: { id: string; register: DeviceRegister; from: string; to: string; zone: string }) {
  const { t } = useTranslation('devices');
  const locale = useLocale();
  const profiles = useQuery({ queryKey: ['profiles', id, register.registerId, from, to], placeholderData: keepPreviousData, queryFn: ({ signal }) => api.get<Profiles>(`/devices/${segment(id)}/profiles`, { registerId: register.registerId, from, to }, signal) });
  const [shown, setShown] = useState(96);
  const points = useMemo(() => [...(profiles.data?.points ?? [])].reverse(), [profiles.data]);
  if (profiles.error && !profiles.data) return <ProblemNotice error={profiles.error} retry={() => void profiles.refetch()} />;
  return (
    <div className="bleed" style={{ maxHeight: 560, overflow: 'auto' }} tabIndex={0} role="region" aria-label={t('readings.table')}>
      <table className="plain">
        <thead><tr><th>{t('at')}</th><th className="num">{t('value')}</th><th>{t('quality')}</th></tr></thead>
        <tbody>{points.slice(0, shown).map(([at, value, status]) => (
          <tr key={at}><td><Time at={at} zone={zone} precision="minute" /></td><td className="num">{formatNumber(value, locale, value === null || Number.isInteger(value) ? 0 : 3)}{value === null ? null : <span className="unit">{profiles.data?.unit}</span>}</td>
            <td>{value === null || status === 1 ? <Meaning name="missing">{t('quality.missing')}</Meaning> : status === 2 ? <Meaning name="estimated">{t('quality.estimated')}</Meaning> : status >= 3 ? <Meaning name="attention">{t(`profileStatus.${status}`, String(status))}</Meaning> : <Meaning name="ok">{t('quality.measured')}</Meaning>}</td></tr>
        ))}</tbody>
      </table>
      {profiles.data && points.length === 0 ? <Empty title={t('readings.none')}>{t('readings.noneWords')}</Empty> : null}
      {points.length > shown ? <div style={{ padding: 12, textAlign: 'center' }}><Button variant="default" size="xs" onClick={() => setShown((before) => before + 480)}>{t('readings.more')}</Button></div> : null}
    </div>
  );
}

/** An instant typed as it is shown everywhere: 2026-11-20 10:15 in the zone named beside. */
function Instant({ label, at, zone, onChange }: { label: string; at: number; zone: string; onChange: (at: number) => void }) {
  const shown = toField(at, zone);
  const [text, setText] = useState(shown);
  useEffect(() => { setText(shown); }, [shown]);
  const parsed = fromField(text, zone);
  const take = () => { if (text === shown) return; if (parsed === null) setText(shown); else onChange(parsed); };
  return <TextInput aria-label={label} title={label} value={text} error={parsed === null} onChange={(event) => setText(event.currentTarget.value)} onBlur={take} onKeyDown={(event) => { if (event.key === 'Enter') take(); }} w={156} className="num" spellCheck={false} autoComplete="off" />;
}

function Credentials({ id, device }: { id: string; device: Device | undefined }) {
  const { t } = useTranslation('devices');
  const client = useQueryClient();
  const operator = useMay('operator');
  const [label, setLabel] = useState('');
  const [revoking, setRevoking] = useState<Credential | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ['device', id] });
  const create = useMutation({ mutationFn: () => api.post<NewSecret>(`/devices/${segment(id)}/credentials`, { label }), onSuccess: () => { setLabel(''); void refresh(); } });
  const revoke = useMutation({ mutationFn: (credential: Credential) => api.delete(`/credentials/${segment(credential.id)}`), onSuccess: () => { setRevoking(null); void refresh(); } });
  return (
    <Card>
      {operator ? (
        <form className="filters" style={{ marginBottom: 14 }} onSubmit={(event) => { event.preventDefault(); create.mutate(); }}>
          <TextInput aria-label={t('credential.label')} placeholder={t('credential.label')} value={label} onChange={(event) => setLabel(event.currentTarget.value)} w={260} />
          <Button type="submit" loading={create.isPending} leftSection={<Icon name="key" size={16} />}>{t('credential.create')}</Button>
        </form>
      ) : null}
      {create.error ? <ProblemNotice error={create.error} /> : null}
      {create.data ? <div style={{ marginBottom: 18 }}><Secret secret={create.data.secret} userName={create.data.userName} line={create.data.pasteLine || pasteLine(id, create.data.secret)} /></div> : null}
      {device && device.credentials.length === 0 ? <Empty title={t('credential.none')} /> : (
        <div className="bleed" tabIndex={0} role="region" aria-label={t('credentials')}>
          <table className="plain">
            <thead><tr><th>{t('credential.userName')}</th><th>{t('credential.kind')}</th><th>{t('credential.label')}</th><th className="num">{t('createdAt')}</th><th>{t('status')}</th><th /></tr></thead>
            <tbody>{(device?.credentials ?? []).map((credential) => (
              <tr key={credential.id}>
                <td className="mono">{credential.userName}</td><td>{t(`credentialKind.${credential.kind}`, credential.kind)}</td><td>{credential.label}</td><td className="num"><Time at={credential.createdAt} precision="minute" /></td>
                <td>{credential.revokedAt ? <Meaning name="stale">{t('credential.revoked')} <Age at={credential.revokedAt} /></Meaning> : <Meaning name="ok">{t('credential.valid')}</Meaning>}</td>
                <td className="num">{operator && !credential.revokedAt ? <Button size="compact-sm" variant="default" onClick={() => setRevoking(credential)}>{t('credential.revoke')}</Button> : null}</td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
      <Confirm opened={revoking !== null} title={t('credential.revokeTitle')} action={t('credential.revoke')} busy={revoke.isPending} error={revoke.error} onClose={() => { setRevoking(null); revoke.reset(); }} onConfirm={() => { if (revoking) revoke.mutate(revoking); }}>
        {t('credential.revokeWords', { userName: revoking?.userName ?? '', label: revoking?.label ?? '' })}
      </Confirm>
    </Card>
  );
}

function Events({ id, zone }: { id: string; zone: string | undefined }) {
  const { t } = useTranslation('devices');
  const events = useQuery({ queryKey: ['device-events', id], queryFn: ({ signal }) => api.get<MeterEvent[] | { items: MeterEvent[] }>(`/devices/${segment(id)}/events`, { limit: 200 }, signal) });
  if (events.error) return <ProblemNotice error={events.error} retry={() => void events.refetch()} />;
  const rows = items(events.data);
  return (
    <Card>
      {events.data && rows.length === 0 ? <Empty title={t('events.none')}>{t('events.noneWords')}</Empty> : (
        <div className="bleed whole" tabIndex={0} role="region" aria-label={t('events')}><table className="plain">
          <thead><tr><th>{t('at')}</th><th>{t('event')}</th><th className="num">{t('sequence')}</th><th>{t('data')}</th><th>{t('trace')}</th></tr></thead>
          <tbody>{rows.map((event) => <tr key={`${event.commitNumber}/${event.ordinal}`}><td><Time at={event.at} zone={zone ?? ''} /></td><td>{t(`eventCode.${event.code}`, event.code)}</td><td className="num">{event.sequence ?? '–'}</td><td className="mono">{data(event.data)}</td><td><Link to="/trace/$commit/$ordinal" params={{ commit: event.commitNumber, ordinal: String(event.ordinal) }}>{t('trace')}</Link></td></tr>)}</tbody>
        </table></div>
      )}
    </Card>
  );
}

function data(value: unknown): string {
  if (value === null || value === undefined) return '–';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text === '{}' || text === '' ? '–' : text;
}

function Conflicts({ id, zone }: { id: string; zone: string | undefined }) {
  const { t } = useTranslation('devices');
  const conflicts = useQuery({ queryKey: ['device-conflicts', id], queryFn: ({ signal }) => api.get<Conflict[] | { items: Conflict[] }>(`/devices/${segment(id)}/conflicts`, {}, signal) });
  if (conflicts.error) return <ProblemNotice error={conflicts.error} retry={() => void conflicts.refetch()} />;
  const rows = items(conflicts.data);
  return (
    <Card>
      {conflicts.data && rows.length === 0 ? <Empty title={t('conflicts.none')}>{t('conflicts.noneWords')}</Empty> : (
        <div className="bleed whole" tabIndex={0} role="region" aria-label={t('conflicts')}><table className="plain">
          <thead><tr><th>{t('at')}</th><th>{t('register')}</th><th className="num">{t('conflict.standing')}</th><th className="num">{t('receivedAt')}</th><th className="num">{t('conflict.other')}</th><th className="num">{t('receivedAt')}</th></tr></thead>
          <tbody>{rows.map((row, index) => <tr key={index}><td><Time at={row.at} zone={zone ?? ''} /></td><td className="mono">{row.obis ?? row.registerId}</td><td className="num"><Value value={row.standingValue ?? row.keptValue} unit={row.unit ?? ''} /></td><td className="num"><Time at={row.standingReceivedAt ?? row.keptReceivedAt} zone={zone ?? ''} /></td><td className="num"><Meaning name="attention"><Value value={row.otherValue ?? row.value} unit={row.unit ?? ''} /></Meaning></td><td className="num"><Time at={row.otherReceivedAt ?? row.receivedAt} zone={zone ?? ''} /></td></tr>)}</tbody>
        </table></div>
      )}
    </Card>
  );
}
