import { useEffect, useState, type KeyboardEvent } from 'react';
import { Modal, useMantineColorScheme } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api } from '../api/client';
import type { SearchHit } from '../api/types';
import { useLive } from '../app';
import { Icon, type IconName } from '../components/Icon';
import { usePlaces } from './Frame';

interface Entry { key: string; title: string; subtitle?: string | null; kind: string; icon: IconName; run: () => void }

const known: Record<string, IconName> = { device: 'devices', page: 'right', session: 'broker', person: 'person', reading: 'path' };

/** Ctrl-K: devices, pages and actions from one field. */
export function Palette({ opened, onClose, onHelp }: { opened: boolean; onClose: () => void; onHelp: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal.Root opened={opened} onClose={onClose} centered={false} yOffset="12vh" padding={0} size={620} className="palette">
      <Modal.Overlay backgroundOpacity={0.45} />
      <Modal.Content aria-label={t('search')}><Modal.Body><Choices onClose={onClose} onHelp={onHelp} /></Modal.Body></Modal.Content>
    </Modal.Root>
  );
}

function Choices({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const places = usePlaces();
  const { paused, setPaused } = useLive();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [text, setText] = useState('');
  const [asked] = useDebouncedValue(text.trim(), 140);
  const [active, setActive] = useState(0);
  const found = useQuery({ queryKey: ['search', asked], queryFn: ({ signal }) => api.get<SearchHit[] | { items: SearchHit[] }>('/search', { query: asked }, signal), enabled: asked.length > 0, placeholderData: keepPreviousData, staleTime: 10_000 });
  const hits = asked && found.data ? (Array.isArray(found.data) ? found.data : found.data.items) : [];

  const matches = (title: string) => title.toLowerCase().includes(text.trim().toLowerCase());
  const entries: Entry[] = [
    ...hits.map((hit): Entry => ({ key: `${hit.kind}${hit.link}`, title: hit.title, subtitle: hit.subtitle, kind: t(`kind.${hit.kind}`, hit.kind), icon: known[hit.kind] ?? 'right', run: () => void navigate({ href: hit.link }) })),
    ...places.map((place): Entry => ({ key: place.to, title: t(place.key), kind: t('kind.page'), icon: place.icon, run: () => void navigate({ to: place.to }) })).filter((entry) => matches(entry.title)),
    ...[
      { key: 'pause', title: paused ? t('live.resume') : t('live.pause'), icon: paused ? 'play' as const : 'pause' as const, run: () => setPaused(!paused) },
      { key: 'theme', title: colorScheme === 'dark' ? t('action.light') : t('action.dark'), icon: 'moon' as const, run: () => setColorScheme(colorScheme === 'dark' ? 'light' : 'dark') },
      { key: 'client', title: t('action.client'), icon: 'broker' as const, run: () => void navigate({ to: '/broker', search: { tab: 'client' } as never }) },
      { key: 'account', title: t('account'), icon: 'person' as const, run: () => void navigate({ to: '/account' }) },
      { key: 'help', title: t('shortcuts'), icon: 'keyboard' as const, run: onHelp },
    ].map((entry): Entry => ({ ...entry, kind: t('kind.action') })).filter((entry) => matches(entry.title)),
  ];
  useEffect(() => { setActive(0); }, [asked]);
  const index = Math.min(active, entries.length - 1);
  const run = (entry: Entry | undefined) => { if (!entry) return; onClose(); entry.run(); };
  const press = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const next = (index + (event.key === 'ArrowDown' ? 1 : -1) + entries.length) % Math.max(1, entries.length);
      setActive(next);
      document.getElementById(`choice-${next}`)?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter' && !event.nativeEvent.isComposing) { event.preventDefault(); run(entries[index]); }
  };
  return (
    <div>
      <input data-autofocus role="combobox" aria-expanded="true" aria-controls="choices" aria-activedescendant={entries.length ? `choice-${index}` : undefined} aria-label={t('search')} placeholder={t('search.hint')} value={text} onChange={(event) => setText(event.currentTarget.value)} onKeyDown={press} spellCheck={false} autoComplete="off" />
      {entries.length === 0 ? <div className="none" role="status">{found.isFetching ? t('loading') : t('search.none', { text })}</div> : null}
      <ul id="choices" role="listbox" aria-label={t('search.results')}>
        {entries.map((entry, at) => (
          <li key={entry.key} id={`choice-${at}`} role="option" aria-selected={at === index} onMouseMove={() => setActive(at)} onClick={() => run(entry)}>
            <Icon name={entry.icon} size={17} /><span>{entry.title}</span>{entry.subtitle ? <span className="dim ellipsis">{entry.subtitle}</span> : null}<span className="kind">{entry.kind}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
