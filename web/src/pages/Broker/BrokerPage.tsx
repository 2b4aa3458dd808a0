import { lazy, Suspense, useCallback, useMemo, useRef, useState } from 'react';
import { Button, Select, Textarea, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, segment } from '../../api/client';
import type { Broker, BrokerClient, BrokerEvent, BrokerSession, BrokerSubscription, Credential, NewSecret, Page, PassedMessage, RetainedMessage } from '../../api/types';
import { useLive, useLocale, useMay, useStale, useTopic, useZone } from '../../app';
import { Age, Amount, Bone, Card, Confirm, Count, Empty, PageHead, ProblemNotice, Time } from '../../components/Bits';
import { Icon } from '../../components/Icon';
import { LineToPaste } from '../../components/LineToPaste';
import { Meaning } from '../../components/Meaning';
import { Sparkline } from '../../components/Sparkline';
import { Tabs } from '../../components/Tabs';
import { usePages, VirtualTable, type Column } from '../../components/VirtualTable';
import { formatAge, formatBytes, formatNumber, formatRate } from '../../format/number';
import { formatClock } from '../../format/time';
import { useUrl } from '../../url';
import { Secret } from '../Devices/Secret';
import { items } from '../lists';
import { portOf } from '../pasteLine';

const ClientTab = lazy(() => import('./ClientTab').then((module) => ({ default: module.ClientTab })));
const tabs = ['messages', 'sessions', 'subscriptions', 'retained', 'events', 'credentials', 'configuration', 'client'] as const;
const tables = ['sessions', 'subscriptions', 'retained'];
/** Samples of the rates kept while the page is open: 5 minutes at one a second. */
const kept = 300;

export default function BrokerPage() {
  const { t } = useTranslation('broker');
  const [url] = useUrl();
  const locale = useLocale();
  const client = useQueryClient();
  const tab = tabs.find((each) => each === url['tab']) ?? 'messages';
  const broker = useQuery({ queryKey: ['broker'], queryFn: ({ signal }) => api.get<Broker>('/broker', {}, signal) });
  const [history, setHistory] = useState<Broker['rates'][]>([]);
  const hear = useMemo(() => (data: unknown) => {
    if (!data || typeof data !== 'object' || !('rates' in data)) return;
    const next = data as Broker;
    client.setQueryData(['broker'], (before: Broker | undefined) => ({ ...before, ...next }));
    setHistory((before) => [...before, next.rates].slice(-kept));
  }, [client]);
  useTopic('broker', hear);
  const b = broker.data;
  return (
    <div className={`page${tables.includes(tab) ? ' full' : ''}`}>
      <PageHead title={t('title')} state={b ? t('state', { count: b.connections, connections: formatNumber(b.connections, locale), in: formatRate(b.rates.inPerSecond, locale), out: formatRate(b.rates.outPerSecond, locale) }) : <Bone width={340} />} />
      <Tabs value={tab} label={t('title')} fallback="messages" tabs={tabs.map((each) => [each, t(`tab.${each}`)])} />
      {broker.error && !b ? <ProblemNotice error={broker.error} retry={() => void broker.refetch()} /> : null}
      {tab === 'messages' ? <Messages broker={b} history={history} /> : null}
      {tab === 'sessions' ? <Sessions /> : null}
      {tab === 'subscriptions' ? <Subscriptions /> : null}
      {tab === 'retained' ? <Retained /> : null}
      {tab === 'events' ? <Events /> : null}
      {tab === 'credentials' ? <ServiceCredentials /> : null}
      {tab === 'configuration' ? <Configuration broker={b} /> : null}
      {tab === 'client' ? <Suspense fallback={<Bone height={360} />}><ClientTab /></Suspense> : null}
    </div>
  );
}

function Messages({ broker: b, history }: { broker: Broker | undefined; history: Broker['rates'][] }) {
  const { t } = useTranslation('broker');
  const locale = useLocale();
  const stale = useStale();
  const pad = (pick: (rates: Broker['rates']) => number): (number | null)[] => [...Array<null>(Math.max(0, kept - history.length)).fill(null), ...history.map(pick)];
  const bytes = (value: number | undefined) => { const q = formatBytes(value, locale); return { text: q.text, unit: q.unit ? `${q.unit}/s` : '' }; };
  const figures: [string, { text: string; unit: string }, (number | null)[], string][] = [
    [t('in'), { text: formatRate(b?.rates.inPerSecond, locale), unit: t('unit.messages') }, pad((r) => r.inPerSecond), 'var(--accent)'],
    [t('out'), { text: formatRate(b?.rates.outPerSecond, locale), unit: t('unit.messages') }, pad((r) => r.outPerSecond), 'var(--ok)'],
    [t('bytesIn'), bytes(b?.rates.bytesIn), pad((r) => r.bytesIn), 'var(--accent)'],
    [t('bytesOut'), bytes(b?.rates.bytesOut), pad((r) => r.bytesOut), 'var(--ok)'],
  ];
  const now: [string, number | undefined][] = [[t('connections'), b?.connections], [t('sessions'), b?.sessions], [t('subscriptions'), b?.subscriptions], [t('retained'), b?.retained], [t('queued'), b?.queued]];
  return (
    <>
      <div className={`figures${stale ? ' stale-values' : ''}`}>
        {figures.map(([label, value, values, colour]) => <section key={label} className="card figure" aria-label={label}><div className="label">{label}</div><div className="value">{b ? <Amount quantity={value} /> : <Bone width={110} height={24} />}</div><Sparkline values={values} label={label} colour={colour} /><div className="legend"><span>{t('rates.span')}</span></div></section>)}
      </div>
      <div className={`grid three${stale ? ' stale-values' : ''}`}>
        <Card title={t('now')}><dl className="facts figures-right">{now.map(([name, value]) => <div key={name} style={{ display: 'contents' }}><dt>{name}</dt><dd>{b ? <Count value={value} /> : <Bone width={60} />}</dd></div>)}</dl></Card>
        <Card title={t('counters')}><dl className="facts figures-right">{b ? Object.entries(b.counters).map(([name, value]) => <div key={name} style={{ display: 'contents' }}><dt className="ellipsis" title={name}>{words(name)}</dt><dd><Count value={value} /></dd></div>) : Array.from({ length: 13 }, (_, index) => <div key={index} style={{ display: 'contents' }}><dt><Bone width={110} /></dt><dd><Bone width={60} /></dd></div>)}</dl></Card>
        <Card title={t('dropped')}>{b && b.dropped.length === 0 ? <Meaning name="ok">{t('dropped.none')}</Meaning> : <dl className="facts figures-right">{(b?.dropped ?? []).map((each) => <div key={each.reason} style={{ display: 'contents' }}><dt>{words(each.reason)}</dt><dd><Meaning name="attention"><Count value={each.count} /></Meaning></dd></div>)}</dl>}</Card>
      </div>
      <Card title={t('listeners')}>
        <div className="bleed" tabIndex={0} role="region" aria-label={t('listeners')}><table className="plain">
          <thead><tr><th>{t('listener')}</th><th>{t('address')}</th><th>{t('tls')}</th><th>{t('anonymous')}</th></tr></thead>
          <tbody>{(b?.listeners ?? []).map((each) => <tr key={each.name}><td>{each.name}</td><td className="mono">{each.address}:{each.port}</td><td>{each.tls ? <Meaning name="ok">{t('tls.yes')}</Meaning> : <span className="dim">{t('tls.no')}</span>}</td><td>{each.anonymous ? <Meaning name="attention">{t('anonymous.yes')}</Meaning> : t('anonymous.no')}</td></tr>)}</tbody>
        </table></div>
      </Card>
      <Passing />
    </>
  );
}

/** What passes through the broker right now: a sample of the newest messages, at most 200 kept. */
function Passing() {
  const { t } = useTranslation('broker');
  const locale = useLocale();
  const zone = useZone();
  const { paused } = useLive();
  const [shown, setShown] = useState<(PassedMessage & { key: number })[]>([]);
  const key = useRef(0);
  const hear = useMemo(() => (data: unknown) => {
    const passed = (data as { items?: PassedMessage[] } | null)?.items ?? [];
    setShown((before) => [...[...passed].reverse().map((message) => ({ ...message, key: key.current++ })), ...before].slice(0, 200));
  }, []);
  useTopic('messages', hear);
  return (
    <Card title={t('passing')} aside={<span className="dim" style={{ fontSize: 13 }}>{paused ? t('common:live.paused') : t('passing.sample')}</span>}>
      <div className="messages" tabIndex={0} role="log" aria-live="off" aria-label={t('passing')} style={{ height: 340 }}>
        {shown.length === 0 ? <div style={{ padding: 16 }} className="dim">{t('passing.none')}</div> : null}
        {shown.map((message) => (
          <div className="m passing" key={message.key}>
            <span className="num dim">{formatClock(message.at, zone)}</span><b className="ellipsis" title={message.topic}>{message.topic}</b>
            <span className="ellipsis" title={message.payloadText ?? ''}>{message.payloadText ?? '·'}</span>
            <span className="num dim right">QoS {message.qos} · {formatNumber(message.bytes, locale)} B</span>
          </div>
        ))}
      </div>
    </Card>
  );
}

/** `connectsRefused` as "Connects refused": counters and settings carry the server's own names. */
function words(name: string): string {
  const text = name.replace(/[._]/g, ' ').replace(/([a-z0-9])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function Search({ label, children }: { label: string; children?: React.ReactNode }) {
  const [url, set] = useUrl();
  const search = useDebouncedCallback((text: string) => set({ query: text }), 180);
  return <div className="filters"><TextInput aria-label={label} placeholder={label} leftSection={<Icon name="search" size={16} />} defaultValue={url['query'] ?? ''} onChange={(event) => search(event.currentTarget.value)} style={{ flex: '1 1 220px', maxWidth: 380 }} />{children}</div>;
}

function useList<T>(name: string) {
  const [{ query = '' }] = useUrl();
  const { paused } = useLive();
  const fetch = useCallback((offset: number, limit: number, signal: AbortSignal) => api.get<Page<T>>(`/broker/${name}`, { query, offset, limit }, signal), [name, query]);
  return { query, pages: usePages<T>(['broker', name, query], fetch, paused ? false : 5) };
}

const sub = (clientId: string, userName: string, secret: string, where: string) => `mosquitto_sub -h ${where} -V mqttv5 -q 1 -i '${clientId}' -u '${userName}' -P '${secret}' -t 'hw/v1/+/up/#' -v`;
const listen = (grant: BrokerClient, where: string) => sub(grant.clientId, grant.userName, grant.password, where);

function Sessions() {
  const { t } = useTranslation('broker');
  const locale = useLocale();
  const operator = useMay('operator');
  const client = useQueryClient();
  const { query, pages } = useList<BrokerSession>('sessions');
  const [ending, setEnding] = useState<BrokerSession | null>(null);
  const end = useMutation({ mutationFn: (session: BrokerSession) => api.delete(`/broker/sessions/${segment(session.clientId)}`), onSuccess: () => { setEnding(null); void client.invalidateQueries({ queryKey: ['broker'] }); } });
  const seconds = (value: number) => formatAge(value * 1000, locale);
  const columns: Column<BrokerSession>[] = [
    { key: 'status', label: t('status'), track: '116px', narrow: true, render: (row) => row.connected ? <Meaning name="ok">{t('connected')}</Meaning> : <Meaning name="stale">{t('away')}</Meaning> },
    { key: 'client', label: t('client'), track: 'minmax(130px, 1.2fr)', narrow: true, render: (row) => <span title={`${row.clientId} · ${t('owner')}: ${row.owner}`} style={{ fontWeight: 550 }}>{row.clientId}</span> },
    { key: 'version', label: t('version'), track: '64px', render: (row) => <span className="num">{row.version}</span> },
    { key: 'remote', label: t('remote'), track: 'minmax(140px, 1.1fr)', render: (row) => <span className="mono" title={row.listener ?? ''}>{row.remote ?? '–'}</span> },
    { key: 'keep', label: t('keepAlive'), track: '88px', right: true, render: (row) => <span title={`${t('expiry')}: ${seconds(row.expirySeconds)}`}>{seconds(row.keepAliveSeconds)}</span> },
    { key: 'since', label: t('since'), track: '112px', right: true, render: (row) => <Age at={row.connected ? row.connectedAt : row.disconnectedAt ?? row.connectedAt} /> },
    { key: 'subscriptions', label: t('subscriptions'), track: '108px', right: true, render: (row) => <Count value={row.subscriptions} /> },
    { key: 'queued', label: t('queuedShort'), track: '80px', right: true, render: (row) => row.queued > 0 ? <Meaning name="attention"><Count value={row.queued} /></Meaning> : <Count value={0} /> },
    { key: 'inFlight', label: t('inFlight'), track: '84px', right: true, render: (row) => <span title={row.uncommitted ? `${t('uncommitted')}: ${row.uncommitted}` : undefined}><Count value={row.inFlight} /></span> },
    ...(operator ? [{ key: 'end', label: '', track: '108px', narrow: true, right: true, render: (row: BrokerSession) => <Button size="compact-xs" variant="default" onClick={() => setEnding(row)}>{t('disconnect')}</Button> }] : []),
  ];
  return (
    <>
      <Search label={t('search.session')} />
      {pages.error ? <ProblemNotice error={pages.error} retry={pages.retry} /> : null}
      <VirtualTable label={t('sessions')} columns={columns} pages={pages} rowKey={(row) => row.clientId} empty={query ? <Empty title={t('none.match')} /> : <Empty title={t('none.sessions')}>{t('none.sessionsWords')}<LineToPaste line={listen} /></Empty>} />
      <Confirm opened={ending !== null} title={t('disconnectTitle')} action={t('disconnect')} busy={end.isPending} error={end.error} onClose={() => { setEnding(null); end.reset(); }} onConfirm={() => { if (ending) end.mutate(ending); }}>{t('disconnectWords', { client: ending?.clientId ?? '', count: ending?.queued ?? 0 })}</Confirm>
    </>
  );
}

function Subscriptions() {
  const { t } = useTranslation('broker');
  const { query, pages } = useList<BrokerSubscription>('subscriptions');
  const columns: Column<BrokerSubscription>[] = [
    { key: 'filter', label: t('filter'), track: 'minmax(160px, 2fr)', narrow: true, render: (row) => <span className="mono" title={row.filter}>{row.filter}</span> },
    { key: 'client', label: t('client'), track: 'minmax(110px, 1fr)', narrow: true, render: (row) => row.clientId },
    { key: 'qos', label: t('qos'), track: '60px', right: true, narrow: true, render: (row) => <Count value={row.qos} /> },
    { key: 'shared', label: t('shared'), track: 'minmax(90px, .6fr)', render: (row) => row.shared ?? <span className="dim">–</span> },
    { key: 'options', label: t('options'), track: 'minmax(90px, .6fr)', render: (row) => row.options ?? (row.noLocal ? 'no local' : <span className="dim">–</span>) },
    { key: 'identifier', label: t('identifier'), track: '90px', right: true, render: (row) => row.identifier ?? <span className="dim">–</span> },
  ];
  return <><Search label={t('search.subscription')} />{pages.error ? <ProblemNotice error={pages.error} retry={pages.retry} /> : null}<VirtualTable label={t('subscriptions')} columns={columns} pages={pages} rowKey={(row) => `${row.clientId} ${row.filter}`} empty={query ? <Empty title={t('none.match')} /> : <Empty title={t('none.subscriptions')}>{t('none.subscriptionsWords')}<LineToPaste line={listen} /></Empty>} /></>;
}

function Retained() {
  const { t } = useTranslation('broker');
  const locale = useLocale();
  const operator = useMay('operator');
  const client = useQueryClient();
  const { query, pages } = useList<RetainedMessage>('retained');
  const [clearing, setClearing] = useState<RetainedMessage | null>(null);
  const clear = useMutation({ mutationFn: (message: RetainedMessage) => api.delete('/broker/retained', { topic: message.topic }), onSuccess: () => { setClearing(null); void client.invalidateQueries({ queryKey: ['broker', 'retained'] }); } });
  const columns: Column<RetainedMessage>[] = [
    { key: 'topic', label: t('topic'), track: 'minmax(170px, 2fr)', narrow: true, render: (row) => <span className="mono" title={row.topic}>{row.topic}</span> },
    { key: 'payload', label: t('payload'), track: 'minmax(90px, 1.4fr)', narrow: true, render: (row) => <span className="mono">{row.payloadText ?? '–'}</span> },
    { key: 'size', label: t('size'), track: '84px', right: true, render: (row) => <Amount quantity={formatBytes(row.bytes, locale)} /> },
    { key: 'qos', label: t('qos'), track: '60px', right: true, render: (row) => <Count value={row.qos} /> },
    { key: 'published', label: t('published'), track: '124px', right: true, render: (row) => <Age at={row.publishedAt} /> },
    ...(operator ? [{ key: 'clear', label: '', track: '80px', right: true, render: (row: RetainedMessage) => <Button size="compact-xs" variant="default" onClick={() => setClearing(row)}>{t('clear')}</Button> }] : []),
  ];
  return (
    <>
      <Search label={t('search.retained')} />
      {pages.error ? <ProblemNotice error={pages.error} retry={pages.retry} /> : null}
      <VirtualTable label={t('retained')} columns={columns} pages={pages} rowKey={(row) => row.topic} empty={<Empty title={query ? t('none.match') : t('none.retained')}>{query ? null : t('none.retainedWords')}</Empty>} />
      <Confirm opened={clearing !== null} title={t('clearTitle')} action={t('clear')} busy={clear.isPending} error={clear.error} onClose={() => { setClearing(null); clear.reset(); }} onConfirm={() => { if (clearing) clear.mutate(clearing); }}>{t('clearWords', { topic: clearing?.topic ?? '' })}</Confirm>
    </>
  );
}

function Events() {
  const { t } = useTranslation('broker');
  const [{ query = '', kind = '' }, set] = useUrl();
  const { paused } = useLive();
  const events = useQuery({ queryKey: ['broker', 'events', query, kind], queryFn: ({ signal }) => api.get<BrokerEvent[] | { items: BrokerEvent[] }>('/broker/events', { query, kind }, signal), refetchInterval: paused ? false : 3000, placeholderData: keepPreviousData });
  const rows = items(events.data);
  const known = (value: string) => (value.startsWith('contest') ? 'contested' : value.startsWith('connect') ? 'connected' : value.startsWith('refus') ? 'refused' : 'disconnected');
  const meaning = { connected: 'ok', disconnected: 'stale', refused: 'attention', contested: 'attention' } as const;
  return (
    <>
      <Search label={t('search.event')}><Select aria-label={t('kind')} value={kind} onChange={(value) => set({ kind: value ?? '' })} allowDeselect={false} w={160} data={['', 'connected', 'disconnected', 'refused', 'contested'].map((value) => ({ value, label: value ? t(`kind.${value}`) : t('kind.all') }))} /></Search>
      {events.error && !events.data ? <ProblemNotice error={events.error} retry={() => void events.refetch()} /> : null}
      <Card>
        {events.data && rows.length === 0 ? <Empty title={query || kind ? t('none.match') : t('none.events')} /> : (
          <div className="bleed whole" tabIndex={0} role="region" aria-label={t('tab.events')}><table className="plain">
            <thead><tr><th>{t('at')}</th><th>{t('kind')}</th><th>{t('client')}</th><th>{t('reason')}</th><th>{t('identity')}</th><th>{t('remote')}</th></tr></thead>
            <tbody>{events.data ? rows.map((event, index) => <tr key={`${event.at}${event.clientId}${index}`}><td><Time at={event.at} /></td><td><Meaning name={meaning[known(event.kind)]}>{t(`kind.${known(event.kind)}`)}</Meaning></td><td>{event.clientId}</td><td>{event.text ?? '–'}{event.reason && event.reason !== event.text ? <span className="dim mono"> {event.reason}</span> : null}</td><td>{event.identity ?? '–'}</td><td className="mono">{event.remote ?? '–'}{event.listener ? ` · ${event.listener}` : ''}</td></tr>)
              : Array.from({ length: 12 }, (_, index) => <tr key={index}><td colSpan={6}><Bone height={13} /></td></tr>)}</tbody>
          </table></div>
        )}
      </Card>
    </>
  );
}

function ServiceCredentials() {
  const { t } = useTranslation('broker');
  const operator = useMay('operator');
  const client = useQueryClient();
  const list = useQuery({ queryKey: ['broker', 'credentials'], queryFn: ({ signal }) => api.get<Credential[] | { items: Credential[] }>('/broker/credentials', {}, signal) });
  const [userName, setUserName] = useState('');
  const [label, setLabel] = useState('');
  const [publish, setPublish] = useState('');
  const [subscribe, setSubscribe] = useState('hw/v1/+/up/#');
  const [revoking, setRevoking] = useState<Credential | null>(null);
  const lines = (text: string) => text.split('\n').map((line) => line.trim()).filter(Boolean);
  const refresh = () => client.invalidateQueries({ queryKey: ['broker', 'credentials'] });
  const create = useMutation({ mutationFn: () => api.post<NewSecret>('/broker/credentials', { userName, label, publishFilters: lines(publish), subscribeFilters: lines(subscribe) }), onSuccess: () => { setUserName(''); setLabel(''); void refresh(); } });
  const revoke = useMutation({ mutationFn: (credential: Credential) => api.delete(`/broker/credentials/${segment(credential.id)}`), onSuccess: () => { setRevoking(null); void refresh(); } });
  const rows = items(list.data);
  const made = create.data;
  return (
    <>
      {list.error && !list.data ? <ProblemNotice error={list.error} retry={() => void list.refetch()} /> : null}
      {operator ? (
        <Card title={t('credential.create')}>
          <p className="dim" style={{ marginBottom: 12 }}>{t('credential.words')}</p>
          <form className="form-grid" onSubmit={(event) => { event.preventDefault(); create.mutate(); }}>
            <TextInput label={t('credential.userName')} value={userName} onChange={(event) => setUserName(event.currentTarget.value)} required withAsterisk={false} spellCheck={false} autoComplete="off" />
            <TextInput label={t('credential.label')} value={label} onChange={(event) => setLabel(event.currentTarget.value)} autoComplete="off" />
            <Textarea label={t('credential.publish')} description={t('credential.filtersHint')} value={publish} onChange={(event) => setPublish(event.currentTarget.value)} rows={3} spellCheck={false} />
            <Textarea label={t('credential.subscribe')} description={t('credential.filtersHint')} value={subscribe} onChange={(event) => setSubscribe(event.currentTarget.value)} rows={3} spellCheck={false} />
            <Button type="submit" disabled={!userName} loading={create.isPending} leftSection={<Icon name="key" size={16} />} style={{ justifySelf: 'start' }}>{t('credential.create')}</Button>
          </form>
          {create.error ? <div style={{ marginTop: 12 }}><ProblemNotice error={create.error} /></div> : null}
          {made ? <div style={{ marginTop: 18 }}><Secret secret={made.secret} userName={made.userName} line={made.pasteLine || sub(made.userName, made.userName, made.secret, `${location.hostname} -p ${portOf(client.getQueryData<Broker>(['broker']))}`)} /></div> : null}
        </Card>
      ) : null}
      <Card>
        {list.data && rows.length === 0 ? <Empty title={t('none.credentials')} /> : (
          <div className="bleed whole" tabIndex={0} role="region" aria-label={t('tab.credentials')}><table className="plain">
            <thead><tr><th>{t('credential.userName')}</th><th>{t('credential.label')}</th><th>{t('credential.publish')}</th><th>{t('credential.subscribe')}</th><th>{t('credential.created')}</th><th>{t('status')}</th><th /></tr></thead>
            <tbody>{rows.map((row) => <tr key={row.id}><td className="mono">{row.userName}</td><td>{row.label}</td><td className="mono">{(row.publishFilters ?? []).join(', ') || '–'}</td><td className="mono">{(row.subscribeFilters ?? []).join(', ') || '–'}</td><td><Time at={row.createdAt} precision="minute" /></td><td>{row.revokedAt ? <Meaning name="stale">{t('credential.revoked')}</Meaning> : <Meaning name="ok">{t('credential.valid')}</Meaning>}</td><td className="num">{operator && !row.revokedAt ? <Button size="compact-sm" variant="default" onClick={() => setRevoking(row)}>{t('credential.revoke')}</Button> : null}</td></tr>)}</tbody>
          </table></div>
        )}
      </Card>
      <Confirm opened={revoking !== null} title={t('credential.revokeTitle')} action={t('credential.revoke')} busy={revoke.isPending} error={revoke.error} onClose={() => { setRevoking(null); revoke.reset(); }} onConfirm={() => { if (revoking) revoke.mutate(revoking); }}>{t('credential.revokeWords', { userName: revoking?.userName ?? '' })}</Confirm>
    </>
  );
}

function Configuration({ broker: b }: { broker: Broker | undefined }) {
  const { t } = useTranslation('broker');
  const locale = useLocale();
  const shown = (value: string | number) => (typeof value === 'number' || /^\d{4,15}$/.test(value) ? formatNumber(Number(value), locale, Number.isInteger(Number(value)) ? 0 : 2) : value);
  return (
    <Card>
      <div className="bleed whole" tabIndex={0} role="region" aria-label={t('tab.configuration')}><table className="plain">
        <thead><tr><th>{t('limit')}</th><th className="num">{t('value')}</th><th className="num">{t('default')}</th><th>{t('why')}</th></tr></thead>
        <tbody>{b ? b.limits.map((each) => {
          const changed = String(each.value) !== String(each.default);
          return <tr key={each.name}><td><span className="mono">{each.name}</span>{changed ? <span style={{ marginLeft: 10 }}><Meaning name="edited">{t('changed')}</Meaning></span> : null}</td><td className="num">{shown(each.value)}<span className="unit">{each.unit}</span></td><td className="num dim">{shown(each.default)}<span className="unit">{each.unit}</span></td><td style={{ minWidth: 260 }}>{each.reason}</td></tr>;
        }) : Array.from({ length: 8 }, (_, index) => <tr key={index}><td colSpan={4}><Bone height={13} /></td></tr>)}</tbody>
      </table></div>
    </Card>
  );
}
