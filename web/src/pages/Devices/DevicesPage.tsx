import { useCallback, useEffect, useState } from 'react';
import { Button, Checkbox, Menu, Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { DeviceRow, Page } from '../../api/types';
import { useLive, useLocale, useMay, useOverview } from '../../app';
import { Age, Bone, Count, Empty, PageHead, ProblemNotice } from '../../components/Bits';
import { Icon } from '../../components/Icon';
import { Meaning } from '../../components/Meaning';
import { usePages, VirtualTable, type Column } from '../../components/VirtualTable';
import { formatNumber } from '../../format/number';
import { useUrl } from '../../url';
import { classes, CreateDevice } from './CreateDevice';
import { DeviceView } from './DeviceView';

export default function DevicesPage() {
  const { t } = useTranslation('devices');
  const [url, set] = useUrl();
  const { paused } = useLive();
  const locale = useLocale();
  const operator = useMay('operator');
  const navigate = useNavigate();
  const overview = useOverview().data;
  const { query = '', status = '', connected = '', class: kind = '', sort = 'id', descending = '', selected, columns = '', create } = url;
  const filter = { query, status, connected, class: kind, sort, descending };
  const fetch = useCallback((offset: number, limit: number, signal: AbortSignal) => api.get<Page<DeviceRow>>('/devices', { query, status, connected, class: kind, sort, descending, offset, limit }, signal), [query, status, connected, kind, sort, descending]);
  const pages = usePages<DeviceRow>(['devices', filter], fetch, paused ? false : 10);
  const filtered = Boolean(query || status || connected || kind);

  const all: Column<DeviceRow>[] = [
    { key: 'state', label: t('connection'), track: '128px', narrow: true, render: (row) => <Connection row={row} /> },
    { key: 'id', label: t('id'), track: 'minmax(130px, 1.1fr)', sort: 'id', narrow: true, render: (row) => <span title={row.id} style={{ fontWeight: 550 }}>{row.id}</span> },
    { key: 'name', label: t('name'), track: 'minmax(140px, 1.6fr)', sort: 'name', render: (row) => <span title={row.name}>{row.name}</span> },
    { key: 'class', label: t('class'), track: 'minmax(90px, .7fr)', render: (row) => t(`class.${row.class}`, row.class) },
    { key: 'status', label: t('status'), track: '110px', render: (row) => t(`status.${row.status}`, row.status) },
    { key: 'lastSeen', label: t('lastSeen'), track: '124px', right: true, sort: 'lastSeen', narrow: true, render: (row) => <Age at={row.lastSeenAt} /> },
    { key: 'lastReading', label: t('lastReading'), track: '124px', right: true, render: (row) => <Age at={row.lastReadingAt} /> },
    { key: 'registers', label: t('registers'), track: '84px', right: true, render: (row) => <Count value={row.registersCount} /> },
    { key: 'carrier', label: t('carrier'), track: 'minmax(110px, .8fr)', render: (row) => row.carrierId ?? <span className="dim">–</span> },
    { key: 'zone', label: t('timeZone'), track: 'minmax(110px, .8fr)', render: (row) => row.timeZone },
  ];
  const hiddenByDefault = ['zone', 'status'];
  const chosen = columns ? columns.split(',') : all.filter((column) => !hiddenByDefault.includes(column.key)).map((column) => column.key);
  const panel = selected !== undefined;
  const shown = all.filter((column) => chosen.includes(column.key) && (!panel || ['state', 'id', 'name', 'lastSeen'].includes(column.key)));

  const search = useDebouncedCallback((text: string) => set({ query: text }), 180);
  const [typed, setTyped] = useState(query);
  useEffect(() => { setTyped(query); }, [query]);

  useEffect(() => {
    if (!panel) return;
    const press = (event: KeyboardEvent) => { if (event.key === 'Escape' && !document.querySelector('[role=dialog]')) set({ selected: undefined, register: undefined, range: undefined, from: undefined, to: undefined }); };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [panel, set]);

  const state = overview ? t('state', { count: overview.devices.registered, registered: formatNumber(overview.devices.registered, locale), connected: formatNumber(overview.devices.connected, locale), seen: formatNumber(overview.devices.seenLastHour, locale) }) : <Bone width={280} />;
  return (
    <div className="page full">
      <PageHead title={t('title')} state={state}>
        {operator ? <Button leftSection={<Icon name="plus" size={16} />} onClick={() => set({ create: 'device' })}>{t('create')}</Button> : null}
      </PageHead>
      <div className="filters">
        <TextInput aria-label={t('search')} placeholder={t('search')} leftSection={<Icon name="search" size={16} />} value={typed} onChange={(event) => { setTyped(event.currentTarget.value); search(event.currentTarget.value); }} style={{ flex: '1 1 220px', maxWidth: 360 }} />
        <Select aria-label={t('connection')} value={connected} allowDeselect={false} onChange={(value) => set({ connected: value ?? '' })} data={[{ value: '', label: t('filter.anyConnection') }, { value: 'true', label: t('connected') }, { value: 'false', label: t('notConnected') }]} w={164} />
        <Select aria-label={t('class')} value={kind} allowDeselect={false} onChange={(value) => set({ class: value ?? '' })} data={[{ value: '', label: t('filter.anyClass') }, ...classes.map((value) => ({ value, label: t(`class.${value}`) }))]} w={164} />
        <span className="dim num grow" role="status">{pages.total === undefined ? '' : filtered ? t('matching', { count: pages.total, text: formatNumber(pages.total, locale) }) : ''}</span>
        <Menu closeOnItemClick={false}>
          <Menu.Target><button type="button" className="tool only-wide"><Icon name="columns" size={16} />{t('common:columns')}</button></Menu.Target>
          <Menu.Dropdown>
            {all.filter((column) => column.key !== 'id').map((column) => (
              <Menu.Item key={column.key} component="label" leftSection={<Checkbox tabIndex={-1} size="xs" readOnly checked={chosen.includes(column.key)} aria-label={column.label} />} onClick={(event: React.MouseEvent) => { event.preventDefault(); set({ columns: (chosen.includes(column.key) ? chosen.filter((key) => key !== column.key) : all.map((each) => each.key).filter((key) => key === column.key || chosen.includes(key))).join(',') }); }}>{column.label}</Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      </div>
      {pages.error ? <ProblemNotice error={pages.error} retry={pages.retry} /> : null}
      <div className="split" data-open={panel}>
        <VirtualTable label={t('title')} columns={shown} pages={pages} rowKey={(row) => row.id} selected={selected}
          sort={sort} descending={descending === 'true'} onSort={(key, down) => set({ sort: key, descending: down ? 'true' : '' })}
          onOpen={(row) => set({ selected: row.id, register: undefined, from: undefined, to: undefined }, { push: !panel })}
          empty={filtered
            ? <Empty title={t('none')}><Button variant="default" onClick={() => set({ query: '', status: '', connected: '', class: '' })}>{t('clearFilter')}</Button></Empty>
            : <Empty title={t('empty')}><p>{t('emptyWords')}</p>{operator ? <Button mt="sm" onClick={() => set({ create: 'device' })}>{t('create')}</Button> : null}</Empty>} />
        {selected ? (
          <aside className="panel" aria-label={selected}>
            <header>
              <h2 className="grow">{selected}</h2>
              <Link to="/devices/$device" params={{ device: selected }} className="tool">{t('openPage')}<Icon name="right" size={15} /></Link>
              <button type="button" className="tool" aria-label={t('common:close')} onClick={() => set({ selected: undefined, register: undefined, from: undefined, to: undefined, range: undefined })}><Icon name="close" /></button>
            </header>
            <div className="body"><DeviceView key={selected} id={selected} compact /></div>
          </aside>
        ) : null}
      </div>
      <CreateDevice opened={create === 'device'} onClose={() => set({ create: undefined })} onOpen={(id) => void navigate({ to: '/devices/$device', params: { device: id } })} />
    </div>
  );
}

export function Connection({ row }: { row: Pick<DeviceRow, 'connected' | 'lastSeenAt'> }) {
  const { t } = useTranslation('devices');
  if (row.connected) return <Meaning name="ok">{t('connected')}</Meaning>;
  return <Meaning name="stale">{row.lastSeenAt ? t('notConnected') : t('neverSeen')}</Meaning>;
}
