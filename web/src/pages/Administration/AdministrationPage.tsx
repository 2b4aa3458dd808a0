import { useCallback, useState, type FormEvent, type ReactNode } from 'react';
import { Button, Modal, Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, segment } from '../../api/client';
import type { AuditRow, Page, PersonRow, Role, Setting, Token } from '../../api/types';
import { usePerson } from '../../app';
import { Age, Bone, Card, Confirm, Empty, PageHead, Paste, ProblemNotice, Time } from '../../components/Bits';
import { Icon } from '../../components/Icon';
import { Meaning } from '../../components/Meaning';
import { Tabs } from '../../components/Tabs';
import { usePages, VirtualTable, type Column } from '../../components/VirtualTable';
import { useUrl } from '../../url';
import { items } from '../lists';

const tabs = ['people', 'tokens', 'audit', 'settings'] as const;
const roles: Role[] = ['viewer', 'operator', 'administrator'];
type Listed<T> = T[] | { items: T[] };

export default function AdministrationPage() {
  const { t } = useTranslation('administration');
  const [url] = useUrl();
  const tab = tabs.find((each) => each === url['tab']) ?? 'people';
  return (
    <div className={`page${tab === 'audit' ? ' full' : ''}`}>
      <PageHead title={t('title')} state={t('state')} />
      <Tabs value={tab} label={t('title')} fallback="people" tabs={tabs.map((each) => [each, t(`tab.${each}`)])} />
      {tab === 'people' ? <People /> : null}
      {tab === 'tokens' ? <Tokens /> : null}
      {tab === 'audit' ? <Audit /> : null}
      {tab === 'settings' ? <Settings /> : null}
    </div>
  );
}

function Rows({ label, head, children, loading, columns }: { label: string; head: ReactNode; children: ReactNode; loading: boolean; columns: number }) {
  return (
    <div className="bleed whole" tabIndex={0} role="region" aria-label={label}><table className="plain middle">
      <thead><tr>{head}</tr></thead>
      <tbody>{loading ? Array.from({ length: 5 }, (_, index) => <tr key={index}><td colSpan={columns}><Bone height={13} /></td></tr>) : children}</tbody>
    </table></div>
  );
}

function People() {
  const { t } = useTranslation('administration');
  const client = useQueryClient();
  const self = usePerson();
  const list = useQuery({ queryKey: ['people'], queryFn: ({ signal }) => api.get<Listed<PersonRow>>('/people', {}, signal) });
  const [adding, setAdding] = useState(false);
  const [name, setName] = useState('');
  const [displayName, setDisplayName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [secret, setSecret] = useState<{ name: string; password: string } | null>(null);
  const [resetting, setResetting] = useState<PersonRow | null>(null);
  const [disabling, setDisabling] = useState<PersonRow | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ['people'] });
  const create = useMutation({ mutationFn: () => api.post<{ password: string }>('/people', { name, displayName: displayName || name, role }), onSuccess: ({ password }) => { setAdding(false); setSecret({ name, password }); setName(''); setDisplayName(''); void refresh(); } });
  const change = useMutation({ mutationFn: ({ person, patch }: { person: PersonRow; patch: Partial<PersonRow> }) => api.patch(`/people/${segment(person.name)}`, { displayName: person.displayName, role: person.role, disabled: person.disabled, ...patch }), onSuccess: () => { setDisabling(null); void refresh(); } });
  const reset = useMutation({ mutationFn: (person: PersonRow) => api.post<{ password: string }>(`/people/${segment(person.name)}/password`), onSuccess: ({ password }, person) => { setResetting(null); setSecret({ name: person.name, password }); } });
  const choices = roles.map((value) => ({ value, label: t(`common:role.${value}`) }));
  return (
    <>
      {list.error && !list.data ? <ProblemNotice error={list.error} retry={() => void list.refetch()} /> : null}
      {change.error && !disabling ? <ProblemNotice error={change.error} /> : null}
      <div className="filters"><span className="grow" /><Button leftSection={<Icon name="plus" size={16} />} onClick={() => setAdding(true)}>{t('person.create')}</Button></div>
      <Card>
        <Rows label={t('tab.people')} loading={!list.data} columns={6} head={<><th>{t('name')}</th><th>{t('displayName')}</th><th>{t('role')}</th><th>{t('status')}</th><th>{t('lastSignIn')}</th><th /></>}>
          {items(list.data).map((person) => (
            <tr key={person.name}>
              <td className="mono">{person.name}</td><td>{person.displayName}</td>
              <td><Select size="xs" aria-label={`${t('role')} ${person.name}`} w={150} value={person.role} data={choices} disabled={person.name === self.name} allowDeselect={false} onChange={(value) => { if (value) change.mutate({ person, patch: { role: value as Role } }); }} /></td>
              <td>{person.disabled ? <Meaning name="stale">{t('disabled')}</Meaning> : <Meaning name="ok">{t('active')}</Meaning>}</td>
              <td><Age at={person.lastSignInAt} /></td>
              <td className="num"><span className="row" style={{ justifyContent: 'flex-end', flexWrap: 'nowrap' }}>{person.name === self.name ? null : <><Button size="compact-sm" variant="default" onClick={() => setResetting(person)}>{t('person.reset')}</Button>{person.disabled ? <Button size="compact-sm" variant="default" onClick={() => change.mutate({ person, patch: { disabled: false } })}>{t('person.enable')}</Button> : <Button size="compact-sm" variant="default" onClick={() => setDisabling(person)}>{t('person.disable')}</Button>}</>}</span></td>
            </tr>
          ))}
        </Rows>
      </Card>
      <Modal opened={adding} onClose={() => setAdding(false)} title={t('person.create')} closeButtonProps={{ 'aria-label': t('common:close') }}>
        <form style={{ display: 'flex', flexDirection: 'column', gap: 14 }} onSubmit={(event: FormEvent) => { event.preventDefault(); create.mutate(); }}>
          {create.error ? <ProblemNotice error={create.error} /> : null}
          <TextInput label={t('name')} description={t('person.nameRule')} value={name} onChange={(event) => setName(event.currentTarget.value)} data-autofocus spellCheck={false} autoComplete="off" />
          <TextInput label={t('displayName')} value={displayName} onChange={(event) => setDisplayName(event.currentTarget.value)} autoComplete="off" />
          <Select label={t('role')} value={role} onChange={(value) => setRole((value ?? 'viewer') as Role)} data={choices} allowDeselect={false} />
          <Button type="submit" disabled={!/^[A-Za-z0-9._-]{1,64}$/.test(name)} loading={create.isPending} style={{ alignSelf: 'flex-end' }}>{t('person.create')}</Button>
        </form>
      </Modal>
      <Modal opened={secret !== null} onClose={() => setSecret(null)} title={secret?.name} closeOnClickOutside={false} closeButtonProps={{ 'aria-label': t('common:close') }}>
        <Meaning name="attention">{t('person.password')}</Meaning><div style={{ height: 10 }} /><Paste text={secret?.password ?? ''} />
      </Modal>
      <Confirm opened={resetting !== null} title={t('person.resetTitle', { name: resetting?.name ?? '' })} action={t('person.reset')} busy={reset.isPending} error={reset.error} onClose={() => { setResetting(null); reset.reset(); }} onConfirm={() => { if (resetting) reset.mutate(resetting); }}>{t('person.resetWords', { name: resetting?.name ?? '' })}</Confirm>
      <Confirm opened={disabling !== null} title={t('person.disableTitle', { name: disabling?.name ?? '' })} action={t('person.disable')} busy={change.isPending} error={change.error} onClose={() => { setDisabling(null); change.reset(); }} onConfirm={() => { if (disabling) change.mutate({ person: disabling, patch: { disabled: true } }); }}>{t('person.disableWords', { name: disabling?.name ?? '' })}</Confirm>
    </>
  );
}

function Tokens() {
  const { t } = useTranslation('administration');
  const client = useQueryClient();
  const list = useQuery({ queryKey: ['tokens'], queryFn: ({ signal }) => api.get<Listed<Token>>('/tokens', {}, signal) });
  const [label, setLabel] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [revoking, setRevoking] = useState<Token | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ['tokens'] });
  const create = useMutation({ mutationFn: () => api.post<{ token?: string; secret?: string }>('/tokens', { label, role }), onSuccess: () => { setLabel(''); void refresh(); } });
  const revoke = useMutation({ mutationFn: (token: Token) => api.delete(`/tokens/${segment(token.id)}`), onSuccess: () => { setRevoking(null); void refresh(); } });
  const rows = items(list.data);
  const made = create.data ? create.data.token ?? create.data.secret ?? '' : '';
  return (
    <>
      {list.error && !list.data ? <ProblemNotice error={list.error} retry={() => void list.refetch()} /> : null}
      <Card title={t('token.create')}>
        <p className="dim" style={{ marginBottom: 12 }}>{t('token.words')}</p>
        <form className="filters" onSubmit={(event) => { event.preventDefault(); create.mutate(); }}>
          <TextInput aria-label={t('token.label')} placeholder={t('token.label')} value={label} onChange={(event) => setLabel(event.currentTarget.value)} w={260} />
          <Select aria-label={t('role')} value={role} onChange={(value) => setRole((value ?? 'viewer') as Role)} data={roles.map((value) => ({ value, label: t(`common:role.${value}`) }))} w={160} allowDeselect={false} />
          <Button type="submit" disabled={!label} loading={create.isPending} leftSection={<Icon name="key" size={16} />}>{t('token.create')}</Button>
        </form>
        {create.error ? <div style={{ marginTop: 12 }}><ProblemNotice error={create.error} /></div> : null}
        {made ? <div style={{ marginTop: 16, display: 'flex', flexDirection: 'column', gap: 12 }}><Meaning name="attention">{t('token.created')}</Meaning><Paste text={made} /><div><div className="section-title">{t('token.line')}</div><Paste text={`curl -H 'Authorization: Bearer ${made}' ${location.origin}/api/v1/overview`} /></div></div> : null}
      </Card>
      <Card>
        {list.data && rows.length === 0 ? <Empty title={t('token.none')} /> : (
          <Rows label={t('tab.tokens')} loading={!list.data} columns={6} head={<><th>{t('token.label')}</th><th>{t('role')}</th><th>{t('token.createdAt')}</th><th>{t('token.lastUsed')}</th><th>{t('token.expires')}</th><th /></>}>
            {rows.map((token) => <tr key={token.id}><td>{token.label}</td><td>{t(`common:role.${token.role}`)}</td><td><Time at={token.createdAt} precision="minute" />{token.createdBy ? <span className="dim"> · {token.createdBy}</span> : null}</td><td><Age at={token.lastUsedAt} /></td><td>{token.expiresAt ? <Time at={token.expiresAt} precision="minute" /> : t('token.never')}</td><td className="num">{token.revokedAt ? null : <Button size="compact-sm" variant="default" onClick={() => setRevoking(token)}>{t('token.revoke')}</Button>}</td></tr>)}
          </Rows>
        )}
      </Card>
      <Confirm opened={revoking !== null} title={t('token.revokeTitle')} action={t('token.revoke')} busy={revoke.isPending} error={revoke.error} onClose={() => { setRevoking(null); revoke.reset(); }} onConfirm={() => { if (revoking) revoke.mutate(revoking); }}>{t('token.revokeWords', { label: revoking?.label ?? '' })}</Confirm>
    </>
  );
}

function Audit() {
  const { t } = useTranslation('administration');
  const [{ query = '' }, set] = useUrl();
  const search = useDebouncedCallback((text: string) => set({ query: text }), 200);
  const fetch = useCallback(async (offset: number, limit: number, signal: AbortSignal): Promise<Page<AuditRow>> => {
    const found = await api.get<AuditRow[] | Page<AuditRow>>('/audit', { query, offset, limit }, signal);
    // A bare list tells no total: as long as a page is full there may be one more row.
    return Array.isArray(found) ? { items: found, total: offset + found.length + (found.length === limit ? 1 : 0) } : found;
  }, [query]);
  const pages = usePages<AuditRow>(['audit', query], fetch, false);
  const columns: Column<AuditRow>[] = [
    { key: 'at', label: t('audit.at'), track: '170px', narrow: true, render: (row) => <Time at={row.at} /> },
    { key: 'actor', label: t('audit.actor'), track: 'minmax(90px, .6fr)', narrow: true, render: (row) => row.actor },
    { key: 'action', label: t('audit.action'), track: 'minmax(120px, 1fr)', narrow: true, render: (row) => <span className="mono">{row.action}</span> },
    { key: 'target', label: t('audit.target'), track: 'minmax(120px, 1fr)', render: (row) => row.target ?? '–' },
    { key: 'detail', label: t('audit.detail'), track: 'minmax(140px, 1.6fr)', render: (row) => { const text = row.detail === null || row.detail === undefined ? '–' : typeof row.detail === 'string' ? row.detail : JSON.stringify(row.detail); return <span className="mono" title={text}>{text}</span>; } },
    { key: 'remote', label: t('audit.remote'), track: '130px', render: (row) => <span className="mono">{row.remote ?? '–'}</span> },
  ];
  return (
    <>
      <div className="filters"><TextInput aria-label={t('audit.search')} placeholder={t('audit.search')} leftSection={<Icon name="search" size={16} />} defaultValue={query} onChange={(event) => search(event.currentTarget.value)} style={{ flex: '1 1 220px', maxWidth: 380 }} /></div>
      {pages.error ? <ProblemNotice error={pages.error} retry={pages.retry} /> : null}
      <VirtualTable label={t('tab.audit')} columns={columns} pages={pages} rowKey={(row) => `${row.at}${row.action}`} empty={<Empty title={query ? t('audit.noneMatch') : t('audit.none')} />} />
    </>
  );
}

function Settings() {
  const { t } = useTranslation('administration');
  const list = useQuery({ queryKey: ['settings'], queryFn: ({ signal }) => api.get<Listed<Setting>>('/settings', {}, signal) });
  const shown = (value: Setting['value']) => (value === null ? '–' : String(value));
  return (
    <>
      {list.error && !list.data ? <ProblemNotice error={list.error} retry={() => void list.refetch()} /> : null}
      <Card>
        <Rows label={t('tab.settings')} loading={!list.data} columns={5} head={<><th>{t('setting')}</th><th>{t('setting.value')}</th><th>{t('setting.default')}</th><th>{t('setting.source')}</th><th>{t('setting.reason')}</th></>}>
          {items(list.data).map((setting) => <tr key={setting.name}><td className="mono">{setting.name}</td><td className="mono">{shown(setting.value)}{String(setting.value) !== String(setting.default) ? <span style={{ marginLeft: 10, fontFamily: 'initial' }}><Meaning name="edited">{t('setting.changed')}</Meaning></span> : null}</td><td className="mono dim">{shown(setting.default)}</td><td>{setting.source}</td><td style={{ minWidth: 220 }}>{setting.reason}</td></tr>)}
        </Rows>
      </Card>
    </>
  );
}
