import { useCallback, useEffect, useRef, useState } from 'react';
import { Button, Checkbox, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { QuarantineDetail, QuarantineItem, QuarantinePage as Listing } from '../../api/types';
import { useLive, useLocale, useMay, useTopic } from '../../app';
import { Age, Amount, Bone, Card, Confirm, Empty, PageHead, problemWords, ProblemNotice, Time } from '../../components/Bits';
import { Icon } from '../../components/Icon';
import { LineToPaste } from '../../components/LineToPaste';
import { Meaning } from '../../components/Meaning';
import { Payload } from '../../components/Payload';
import { usePages, VirtualTable, type Column } from '../../components/VirtualTable';
import { formatBytes, formatNumber } from '../../format/number';
import { useUrl } from '../../url';
import { JobStrip } from './JobStrip';

type Key = { commitNumber: string; ordinal: number };
const keyOf = (item: Key) => `${item.commitNumber}/${item.ordinal}`;
const keyFrom = (text: string): Key => ({ commitNumber: text.split('/')[0] ?? '', ordinal: Number(text.split('/')[1] ?? 0) });

export default function QuarantinePage() {
  const { t } = useTranslation('quarantine');
  const [url, set] = useUrl();
  const { reason = '', device = '', selected, job } = url;
  const locale = useLocale();
  const client = useQueryClient();
  const operator = useMay('operator');
  const { paused } = useLive();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [askDiscard, setAskDiscard] = useState(false);
  const fetch = useCallback((offset: number, limit: number, signal: AbortSignal) => api.get<Listing>('/quarantine', { reason, device, state: 'held', offset, limit }, signal), [reason, device]);
  const pages = usePages<QuarantineItem>(['quarantine', reason, device], fetch, paused ? false : 10);
  const summary = useQuery({ queryKey: ['quarantine', 'reasons'], queryFn: ({ signal }) => api.get<Listing>('/quarantine', { state: 'held', limit: 1 }, signal), refetchInterval: paused ? false : 10_000 });
  const refresh = useCallback(() => { void client.invalidateQueries({ queryKey: ['quarantine'] }); }, [client]);
  const heardAt = useRef(0);
  // Under a flood of bad messages the list is read anew every 3 s, not at every event.
  const heard = useCallback(() => {
    if (Date.now() - heardAt.current < 3000) return;
    heardAt.current = Date.now();
    refresh();
  }, [refresh]);
  useTopic('quarantine', heard);
  useEffect(() => { setChosen(new Set()); }, [reason, device]);

  const replay = useMutation({
    mutationFn: (body: unknown) => api.post<{ jobId: string }>('/quarantine/replay', body),
    onSuccess: ({ jobId }) => { setChosen(new Set()); set({ job: jobId }); void client.invalidateQueries({ queryKey: ['jobs'] }); },
  });
  // Discards and restores are short jobs: the list is read again once they have had their second.
  const soon = () => { refresh(); setTimeout(refresh, 1000); };
  const restore = useMutation({ mutationFn: (keys: Key[]) => api.post('/quarantine/restore', { items: keys }), onSuccess: () => { soon(); notifications.show({ message: t('restored') }); }, onError: (error) => { const words = problemWords(error, t); notifications.show({ title: words.title, message: words.detail, color: 'red' }); } });
  const discard = useMutation({
    mutationFn: (keys: Key[]) => api.post('/quarantine/discard', { items: keys }),
    onSuccess: (_, keys) => {
      setChosen(new Set());
      setAskDiscard(false);
      set({ selected: undefined });
      soon();
      const id = `discard-${keys.length}-${Date.now()}`;
      notifications.show({ id, autoClose: 20_000, message: <div className="row"><span className="grow">{t('discarded', { count: keys.length })}</span><Button size="compact-sm" variant="default" onClick={() => { notifications.hide(id); restore.mutate(keys); }}>{t('undo')}</Button></div> });
    },
  });
  const keys = [...chosen].map(keyFrom);
  const toggle = (key: string) => setChosen((before) => { const next = new Set(before); if (next.has(key)) next.delete(key); else next.add(key); return next; });
  const search = useDebouncedCallback((text: string) => set({ device: text }), 200);
  const reasons = summary.data?.reasons ?? [];
  const held = reasons.reduce((sum, each) => sum + each.held, 0);
  const heldOfReason = reasons.find((each) => each.reason === reason)?.held ?? 0;
  const panel = selected !== undefined;

  const columns: Column<QuarantineItem>[] = [
    ...(operator ? [{ key: 'select', label: '', track: '22px', narrow: true, render: (row: QuarantineItem) => <Checkbox size="xs" aria-label={`${t('select')} ${keyOf(row)}`} checked={chosen.has(keyOf(row))} onChange={() => toggle(keyOf(row))} /> }] : []),
    { key: 'arrived', label: t('arrived'), track: '92px', right: true, narrow: true, render: (row) => <Age at={row.arrivedAt} /> },
    { key: 'reason', label: t('reason'), track: 'minmax(140px, 1fr)', narrow: true, render: (row) => <Meaning name="attention">{t(`reason.${row.reason}`, row.reason)}</Meaning> },
    { key: 'device', label: t('device'), track: 'minmax(110px, .8fr)', render: (row) => row.deviceId ?? <span className="dim">{row.clientId}</span> },
    ...(panel ? [] : [
      { key: 'detail', label: t('detail'), track: 'minmax(160px, 1.6fr)', render: (row: QuarantineItem) => <span title={row.detail}>{row.detail}</span> },
      { key: 'preview', label: t('preview'), track: 'minmax(140px, 1.6fr)', render: (row: QuarantineItem) => <span className="mono dim">{printable(row.payloadPreview)}</span> },
      { key: 'size', label: t('size'), track: '84px', right: true, render: (row: QuarantineItem) => <Amount quantity={formatBytes(row.payloadBytes, locale)} /> },
    ]),
  ];

  return (
    <div className="page full">
      <PageHead title={t('title')} state={summary.data ? held > 0 ? t('state', { count: held, text: formatNumber(held, locale) }) : t('state.none') : <Bone width={320} />}>
        {operator && chosen.size > 0 ? <><Button variant="default" onClick={() => setAskDiscard(true)}>{t('discardSelected', { count: chosen.size })}</Button><Button loading={replay.isPending} onClick={() => replay.mutate({ items: keys })}>{t('replaySelected', { count: chosen.size })}</Button></> : null}
        {operator && chosen.size === 0 && reason && heldOfReason > 0 ? <Button loading={replay.isPending} onClick={() => replay.mutate({ filter: { reason, device: device || null } })}>{t('replayReason', { text: formatNumber(heldOfReason, locale) })}</Button> : null}
      </PageHead>
      <div className="filters quarantine-filters">
        <div className="chips" role="group" aria-label={t('reasons')}>
        <button type="button" className="chip" aria-pressed={!reason} onClick={() => set({ reason: undefined })}>{t('allReasons')} <b className="num">{summary.data ? formatNumber(held, locale) : ''}</b></button>
        {reasons.map((each) => <button type="button" key={each.reason} className="chip" aria-pressed={reason === each.reason} onClick={() => set({ reason: each.reason })}>{t(`reason.${each.reason}`, each.reason)} <b className="num">{formatNumber(each.held, locale)}</b></button>)}
        </div>
        <TextInput aria-label={t('filter.device')} placeholder={t('filter.device')} defaultValue={device} onChange={(event) => search(event.currentTarget.value)} w={200} leftSection={<Icon name="search" size={15} />} />
      </div>
      <JobStrip job={job} onHide={() => set({ job: undefined })} onEnd={refresh} />
      {replay.error ? <ProblemNotice error={replay.error} /> : null}
      {pages.error ? <ProblemNotice error={pages.error} retry={pages.retry} /> : null}
      <div className="split" data-open={panel}>
        <VirtualTable label={t('list')} columns={columns} pages={pages} rowKey={keyOf} selected={selected} onOpen={(row) => set({ selected: keyOf(row) }, { push: !panel })}
          empty={reason || device ? <Empty title={t('none')}><Button variant="default" onClick={() => set({ reason: undefined, device: undefined })}>{t('clearFilter')}</Button></Empty>
            : <Empty title={t('empty')}>{t('emptyWords')}<LineToPaste line={(grant, where) => `mosquitto_pub -h ${where} -V mqttv5 -q 1 -i '${grant.clientId}' -u '${grant.userName}' -P '${grant.password}' -t smart_meter/meter_readings -m 'not JSON'`} /></Empty>} />
        {selected ? <Detail key={selected} id={selected} operator={operator} onClose={() => set({ selected: undefined })} onReplay={() => replay.mutate({ items: [keyFrom(selected)] })} onDiscard={() => discard.mutate([keyFrom(selected)])} /> : null}
      </div>
      <Confirm opened={askDiscard} title={t('discardSelected', { count: chosen.size })} action={t('discard')} busy={discard.isPending} error={discard.error} onClose={() => { setAskDiscard(false); discard.reset(); }} onConfirm={() => discard.mutate(keys)}>
        {reason ? t(`reason.${reason}`, reason) : t('allReasons')}: {formatNumber(chosen.size, locale)}
      </Confirm>
    </div>
  );
}

function Detail({ id, operator, onClose, onReplay, onDiscard }: { id: string; operator: boolean; onClose: () => void; onReplay: () => void; onDiscard: () => void }) {
  const { t } = useTranslation('quarantine');
  const key = keyFrom(id);
  const detail = useQuery({ queryKey: ['quarantine', 'detail', id], queryFn: ({ signal }) => api.get<QuarantineDetail>(`/quarantine/${key.commitNumber}/${key.ordinal}`, {}, signal) });
  const d = detail.data;
  useEffect(() => {
    const press = (event: KeyboardEvent) => { if (event.key === 'Escape' && !document.querySelector('[role=dialog]')) onClose(); };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [onClose]);
  return (
    <aside className="panel" aria-label={id}>
      <header><h2 className="grow num">{id}</h2><button type="button" className="tool" aria-label={t('common:close')} onClick={onClose}><Icon name="close" /></button></header>
      <div className="body">
        {detail.error ? <ProblemNotice error={detail.error} retry={() => void detail.refetch()} /> : null}
        <dl className="facts">
          <dt>{t('reason')}</dt><dd>{d ? <Meaning name="attention">{t(`reason.${d.reason}`, d.reason)}</Meaning> : <Bone width={120} />}</dd>
          <dt>{t('detail')}</dt><dd>{d ? d.detail : <Bone width={200} />}</dd>
          <dt>{t('state')}</dt><dd>{d ? t(`state.${d.state}`, d.state) : <Bone width={60} />}</dd>
          <dt>{t('arrived')}</dt><dd>{d ? <Time at={d.arrivedAt} precision="millisecond" /> : <Bone width={140} />}</dd>
          <dt>{t('device')}</dt><dd>{d ? d.deviceId ? <Link to="/devices/$device" params={{ device: d.deviceId }}>{d.deviceId}</Link> : <span className="dim">–</span> : <Bone width={90} />}</dd>
          <dt>{t('client')}</dt><dd>{d ? `${d.clientId}${d.owner !== d.clientId ? ` (${d.owner})` : ''}` : <Bone width={90} />}</dd>
          <dt>{t('topic')}</dt><dd className="mono">{d ? d.topic : <Bone width={180} />}</dd>
        </dl>
        <Link to="/trace/$commit/$ordinal" params={{ commit: key.commitNumber, ordinal: String(key.ordinal) }} className="row" style={{ gap: 6 }}><Icon name="path" size={16} />{t('trace')}</Link>
        <div><div className="section-title">{t('bytes')}</div>{d ? <Payload base64={d.payloadBase64} text={d.payloadText} /> : <Bone height={120} />}</div>
        {operator && d?.state === 'held' ? <Card className="flat"><p className="dim" style={{ marginBottom: 10 }}>{t('replayWords')}</p><div className="row"><Button onClick={onReplay}>{t('replay')}</Button><Button variant="default" onClick={onDiscard}>{t('discard')}</Button></div></Card> : null}
      </div>
    </aside>
  );
}

function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f\ufffd]/g, '·');
}
