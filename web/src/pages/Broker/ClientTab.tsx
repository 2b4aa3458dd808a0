import { useCallback, useEffect, useReducer, useRef, useState, type FormEvent } from 'react';
import { Button, SegmentedControl, Select, Switch, Textarea, TextInput } from '@mantine/core';
import type { MqttClient } from 'mqtt';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { BrokerClient } from '../../api/types';
import { useLocale, useMay } from '../../app';
import { Card, ProblemNotice, Time } from '../../components/Bits';
import { Icon } from '../../components/Icon';
import { Meaning } from '../../components/Meaning';
import { asText, hexRows, prettyJson } from '../../format/bytes';
import { formatNumber } from '../../format/number';
import { formatClock } from '../../format/time';
import { useZone } from '../../app';
import { emptyLog, limit, payloadLimit, reduceLog, type Received } from './messageLog';

type State = 'idle' | 'connecting' | 'connected' | 'lost';
type QoS = 0 | 1 | 2;
const levels = [{ value: '0', label: 'QoS 0' }, { value: '1', label: 'QoS 1' }, { value: '2', label: 'QoS 2' }];

/** MQTT 5 in the page. The credential lives as long as the page needs it and is asked for anew when it has expired. */
export function ClientTab() {
  const { t } = useTranslation('broker');
  const operator = useMay('operator');
  const [state, setState] = useState<State>('idle');
  const [error, setError] = useState<unknown>(null);
  const [note, setNote] = useState('');
  const [expires, setExpires] = useState<string | null>(null);
  const [filter, setFilter] = useState('hw/v1/+/up/#');
  const [subscribeQos, setSubscribeQos] = useState('1');
  const [filters, setFilters] = useState<{ filter: string; qos: QoS }[]>([]);
  const [topic, setTopic] = useState('');
  const [payload, setPayload] = useState('');
  const [publishQos, setPublishQos] = useState('1');
  const [retain, setRetain] = useState(false);
  const [log, dispatch] = useReducer(reduceLog, emptyLog);
  const client = useRef<MqttClient | null>(null);
  const waiting = useRef<Received[]>([]);
  const key = useRef(0);
  const wanted = useRef(filters);
  wanted.current = filters;

  useEffect(() => {
    // Received messages reach the page ten times a second at most, however many there are.
    const timer = setInterval(() => {
      if (waiting.current.length === 0) return;
      const batch = waiting.current;
      waiting.current = [];
      dispatch({ kind: 'received', batch });
    }, 100);
    return () => { clearInterval(timer); client.current?.end(true); client.current = null; };
  }, []);

  const connect = useCallback(async () => {
    setError(null);
    setNote('');
    setState('connecting');
    try {
      const [grant, { default: mqtt }] = await Promise.all([api.post<BrokerClient>('/broker/client'), import('mqtt')]);
      setExpires(grant.expiresAt);
      const made = mqtt.connect(grant.url, {
        protocolVersion: 5, username: grant.userName, password: grant.password, clientId: grant.clientId, clean: true, keepalive: 30, reconnectPeriod: 3000, connectTimeout: 10_000, resubscribe: false, queueQoSZero: false,
        // A worker made from a blob would need its own grant in the content policy.
        timerVariant: 'native',
      });
      client.current?.end(true);
      client.current = made;
      made.on('connect', () => { setState('connected'); for (const each of wanted.current) made.subscribe(each.filter, { qos: each.qos }); });
      made.on('close', () => setState((before) => (before === 'idle' ? 'idle' : 'lost')));
      made.on('disconnect', (packet) => setError(new Error(`0x${(packet.reasonCode ?? 0).toString(16).padStart(2, '0')} ${packet.properties?.reasonString ?? ''}`)));
      made.on('error', (failure) => {
        setError(failure);
        // A refused sign-in is an answer: the same credential will not do the second time.
        if ('code' in failure && typeof failure.code === 'number' && failure.code > 0) { made.end(true); client.current = null; setState('idle'); }
      });
      made.on('message', (name, bytes, packet) => {
        if (waiting.current.length >= 2 * limit) waiting.current.splice(0, limit);
        waiting.current.push({ key: key.current++, at: Date.now(), topic: name, qos: packet.qos, retain: packet.retain, bytes: Uint8Array.from(bytes.subarray(0, payloadLimit)) });
      });
    } catch (failure) {
      setError(failure);
      setState('idle');
    }
  }, []);

  const disconnect = () => { client.current?.end(); client.current = null; setState('idle'); setFilters([]); };
  const subscribe = (event: FormEvent) => {
    event.preventDefault();
    const qos = Number(subscribeQos) as QoS;
    client.current?.subscribe(filter, { qos }, (failure, granted) => {
      const code = granted?.[0]?.qos ?? 0;
      if (failure || code >= 128) { setError(new Error(t('page.refused', { reason: failure?.message ?? `0x${code.toString(16)}` }))); return; }
      setError(null);
      setFilters((before) => [...before.filter((each) => each.filter !== filter), { filter, qos }]);
    });
  };
  const unsubscribe = (name: string) => { client.current?.unsubscribe(name); setFilters((before) => before.filter((each) => each.filter !== name)); };
  const publish = (event: FormEvent) => {
    event.preventDefault();
    const name = topic;
    client.current?.publish(name, payload, { qos: Number(publishQos) as QoS, retain }, (failure, packet) => {
      const code = packet && 'reasonCode' in packet ? Number(packet.reasonCode ?? 0) : 0;
      if (failure || code >= 128) { setError(new Error(t('page.refused', { reason: failure?.message ?? `0x${code.toString(16)}` }))); setNote(''); return; }
      setError(null);
      setNote(t(code === 0x10 ? 'page.publishedNone' : 'page.published', { topic: name }));
    });
  };
  const connected = state === 'connected';

  return (
    <div className="client-grid">
      <div style={{ display: 'flex', flexDirection: 'column', gap: 14, minWidth: 0 }}>
        <Card>
          <div className="row"><Meaning name={connected ? 'ok' : state === 'idle' ? 'stale' : 'attention'}>{t(`page.state.${state}`)}</Meaning><span className="grow" />
            {state === 'idle' ? <Button onClick={() => void connect()} disabled={!operator}>{t('page.connect')}</Button> : <Button variant="default" onClick={disconnect}>{t('page.disconnect')}</Button>}
          </div>
          <p className="dim" style={{ marginTop: 8, fontSize: 13 }}>{t('page.words')}{expires ? <> {t('page.expires')} <Time at={expires} clock />.</> : null}</p>
          {error ? <div style={{ marginTop: 10 }}><ProblemNotice error={error} /></div> : null}
        </Card>
        <Card title={t('page.subscribe')}>
          <form onSubmit={subscribe} className="filters">
            <TextInput aria-label={t('filter')} placeholder="hw/v1/+/up/#" value={filter} onChange={(event) => setFilter(event.currentTarget.value)} style={{ flex: '1 1 180px' }} spellCheck={false} />
            <Select aria-label={t('qos')} value={subscribeQos} onChange={(value) => setSubscribeQos(value ?? '1')} data={levels} w={92} allowDeselect={false} />
            <Button type="submit" disabled={!connected || filter === ''}>{t('page.subscribe')}</Button>
          </form>
          <div className="row" style={{ marginTop: 10 }}>{filters.map((each) => <span key={each.filter} className="tag mono" style={{ height: 26 }}>{each.filter} · {each.qos}<button type="button" className="tool" style={{ height: 22, padding: '0 2px', marginLeft: 4 }} aria-label={t('page.unsubscribe', { filter: each.filter })} onClick={() => unsubscribe(each.filter)}><Icon name="close" size={13} /></button></span>)}</div>
        </Card>
        <Card title={t('page.publish')}>
          <form onSubmit={publish} style={{ display: 'flex', flexDirection: 'column', gap: 10 }}>
            <TextInput aria-label={t('topic')} placeholder={t('topic')} value={topic} onChange={(event) => setTopic(event.currentTarget.value)} spellCheck={false} autoComplete="off" />
            <Textarea aria-label={t('payload')} placeholder={t('payload')} value={payload} onChange={(event) => setPayload(event.currentTarget.value)} autosize minRows={4} maxRows={12} spellCheck={false} styles={{ input: { fontFamily: 'var(--mono)', fontSize: 12.5 } }} />
            <div className="filters">
              <Select aria-label={t('qos')} value={publishQos} onChange={(value) => setPublishQos(value ?? '1')} data={levels} w={92} allowDeselect={false} />
              <Switch label={t('page.retain')} checked={retain} onChange={(event) => setRetain(event.currentTarget.checked)} />
              <span className="grow" />
              <Button type="submit" disabled={!connected || !topic || /[+#]/.test(topic)}>{t('page.publish')}</Button>
            </div>
            <span role="status" className="dim" style={{ minHeight: 21 }}>{note ? <Meaning name="ok">{note}</Meaning> : ''}</span>
          </form>
        </Card>
      </div>
      <Messages log={log} dispatch={dispatch} />
    </div>
  );
}

type Format = 'json' | 'text' | 'hex';

function Messages({ log, dispatch }: { log: ReturnType<typeof reduceLog>; dispatch: (action: Parameters<typeof reduceLog>[1]) => void }) {
  const { t } = useTranslation('broker');
  const locale = useLocale();
  const zone = useZone();
  const [format, setFormat] = useState<Format>('json');
  const list = useRef<HTMLDivElement>(null);
  const pinned = useRef(true);
  useEffect(() => { if (pinned.current && list.current) list.current.scrollTop = list.current.scrollHeight; }, [log.messages]);
  return (
    <Card title={t('page.messages')} aside={<span className="dim num" style={{ fontSize: 13 }}>{t('page.count', { count: log.total })}{log.total > limit ? ` · ${t('page.kept', { limit: formatNumber(limit, locale) })}` : ''}{log.missed > 0 ? ` · ${t('page.missed', { count: log.missed })}` : ''}</span>}>
      <div className="filters" style={{ marginBottom: 10 }}>
        <SegmentedControl size="xs" aria-label={t('page.format')} value={format} onChange={(value) => setFormat(value as Format)} data={(['json', 'text', 'hex'] as const).map((value) => ({ value, label: t(`page.format.${value}`) }))} />
        <span className="grow" />
        <Button size="xs" variant="default" leftSection={<Icon name={log.paused ? 'play' : 'pause'} size={14} />} onClick={() => dispatch({ kind: log.paused ? 'resume' : 'pause' })}>{log.paused ? t('page.resume') : t('page.pause')}</Button>
        <Button size="xs" variant="default" onClick={() => dispatch({ kind: 'clear' })}>{t('page.clear')}</Button>
      </div>
      <div className="messages" ref={list} tabIndex={0} role="log" aria-live="off" aria-label={t('page.messages')} onScroll={(event) => { const e = event.currentTarget; pinned.current = e.scrollHeight - e.scrollTop - e.clientHeight < 40; }}>
        {log.messages.length === 0 ? <div style={{ padding: 16 }} className="dim">{t('page.none')}</div> : null}
        {log.messages.map((message) => (
          <div className="m" key={message.key}>
            <header><span className="num">{formatClock(message.at, zone)}</span><b className="grow">{message.topic}</b><span>QoS {message.qos}{message.retain ? ` · ${t('page.retained')}` : ''} · {formatNumber(message.bytes.length, locale)} B</span></header>
            <pre>{body(message.bytes, format)}</pre>
          </div>
        ))}
      </div>
    </Card>
  );
}

function body(bytes: Uint8Array, format: Format): string {
  const text = format === 'hex' ? null : asText(bytes);
  if (text === null) return hexRows(bytes, 1024).map((row) => `${row.offset}  ${row.hex.padEnd(50)}${row.text}`).join('\n');
  return (format === 'json' ? prettyJson(text) ?? text : text).slice(0, 8192);
}
