import { useEffect, useRef, useState, type ReactNode } from 'react';
import { Link, useNavigate, useRouterState } from '@tanstack/react-router';
import { Menu, Modal, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '../api/client';
import type { Preferences } from '../api/types';
import { useLive, useLocale, useMay, useNow, useOverview, usePerson, useSession, useZone } from '../app';
import { Age, Time } from '../components/Bits';
import { Icon, type IconName } from '../components/Icon';
import { Meaning, severityMeaning } from '../components/Meaning';
import { formatAge, formatNumber } from '../format/number';
import { formatClock, zoneOffset } from '../format/time';
import { changeLocale, write } from '../i18n';
import { Palette } from './Palette';

export interface Place { to: string; icon: IconName; key: string; letter: string }
const stages: Place[] = [
  { to: '/', icon: 'overview', key: 'nav.overview', letter: 'o' },
  { to: '/devices', icon: 'devices', key: 'nav.devices', letter: 'd' },
  { to: '/broker', icon: 'broker', key: 'nav.broker', letter: 'b' },
  { to: '/quarantine', icon: 'quarantine', key: 'nav.quarantine', letter: 'q' },
  { to: '/administration', icon: 'administration', key: 'nav.administration', letter: 'a' },
];

export function usePlaces(): Place[] {
  const administrator = useMay('administrator');
  return stages.filter((place) => place.to !== '/administration' || administrator);
}

/** Stores a choice for the next sign-in; the page has already changed, so a failure costs nothing now. */
export function useKeep() {
  const client = useQueryClient();
  const person = usePerson();
  return (patch: Preferences) => {
    client.setQueryData(['session'], (before: { person: typeof person } | undefined) => before && { ...before, person: { ...before.person, preferences: { ...before.person.preferences, ...patch } } });
    void api.put('/session/preferences', { ...person.preferences, ...patch }).catch(() => undefined);
  };
}

export function Frame({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const places = usePlaces();
  const navigate = useNavigate();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const session = useSession();
  const overview = useOverview();
  const locale = useLocale();
  const live = useLive();
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const waiting = useRef(0);
  const main = useRef<HTMLElement>(null);
  const { setPaused, paused } = live;

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') { event.preventDefault(); setPalette(true); return; }
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input,textarea,select,[contenteditable],[role=dialog],[role=menu]')) return;
      if (event.key === '?') { setHelp(true); return; }
      if (event.key === '/') { event.preventDefault(); setPalette(true); return; }
      if (event.key === 'p') { setPaused(!paused); return; }
      if (event.key === 'g') { waiting.current = Date.now(); return; }
      if (Date.now() - waiting.current < 1200) {
        const place = places.find((each) => each.letter === event.key);
        waiting.current = 0;
        if (place) { event.preventDefault(); void navigate({ to: place.to }); }
      }
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [places, navigate, paused, setPaused]);

  const current = places.find((place) => (place.to === '/' ? path === '/' : path.startsWith(place.to)));
  useEffect(() => { document.title = current ? `${t(current.key)} · Headwater` : 'Headwater'; }, [current, t, locale]);

  const held = overview.data?.quarantine.held ?? 0;
  return (
    <div className="frame">
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>{t('skip')}</a>
      <header className="bar">
        <Link to="/" className="brand" aria-label="Headwater"><img src="/headwater.svg" alt="" width={24} height={24} /><span className="text">Headwater</span></Link>
        <span className="organization ellipsis" title={session.data?.person.organization?.name}>{session.data?.person.organization?.name}</span>
        <button type="button" className="find" onClick={() => setPalette(true)}><Icon name="search" size={16} /><span className="label ellipsis">{t('search')}</span><kbd aria-hidden="true">Ctrl K</kbd></button>
        <span className="grow only-wide" />
        <ZoneTool />
        <LiveTool />
        <AlarmTool />
        <LanguageTool />
        <ThemeTool />
        <AccountTool onHelp={() => setHelp(true)} />
      </header>
      <nav className="rail" aria-label={t('nav.label')}>
        {places.map((place) => (
          <Link key={place.to} to={place.to} data-active={current === place} aria-current={current === place ? 'page' : undefined}>
            <Icon name={place.icon} /><span className="text">{t(place.key)}</span>
            {place.to === '/quarantine' && held > 0 ? <span className="badge" title={t('nav.held', { count: held })}>{formatNumber(held, locale)}</span> : null}
          </Link>
        ))}
        <div className="foot">{session.data?.demo ? <div>{t('demo')}</div> : null}<div className="num">Headwater {session.data?.version ?? ''}</div></div>
      </nav>
      <main className="main" id="main" ref={main} tabIndex={-1}>
        {(session.data?.warnings ?? []).map((warning) => <div key={warning} className="banner" role="note"><Meaning name="attention">{t('warning')}</Meaning><span>{warning}</span></div>)}
        <LostBanner />
        {children}
      </main>
      <Palette opened={palette} onClose={() => setPalette(false)} onHelp={() => { setPalette(false); setHelp(true); }} />
      <Shortcuts opened={help} onClose={() => setHelp(false)} places={places} />
    </div>
  );
}

/** Floats over the page's foot: when the line breaks or returns, nothing on the page moves. */
function LostBanner() {
  const { t } = useTranslation();
  const { state, stream, paused, pausedAt, setPaused } = useLive();
  const locale = useLocale();
  const now = useNow();
  if (state === 'lost') return <div className="floating" role="status"><Meaning name="stale">{t('live.lost')}</Meaning><span>{t('live.lostWords', { age: formatAge(now - (stream?.lastEventAt ?? now), locale) })}</span></div>;
  if (paused) return <div className="floating" role="status"><Icon name="pause" size={16} /><span>{t('live.pausedWords')} <Time at={pausedAt} clock /></span><button type="button" className="tool" style={{ height: 26 }} onClick={() => setPaused(false)}><Icon name="play" size={15} />{t('live.resume')}</button></div>;
  return null;
}

function ZoneTool() {
  const { t } = useTranslation();
  const zone = useZone();
  const now = useNow();
  const keep = useKeep();
  const person = usePerson();
  const choices = [...new Set([person.organization.timeZone, Intl.DateTimeFormat().resolvedOptions().timeZone, 'UTC'].filter(Boolean))];
  return (
    <Menu>
      <Menu.Target><button type="button" className="tool num only-wide"><Icon name="clock" size={16} /><span className="visually-hidden">{t('zone.label', { zone })}</span>{formatClock(now, zone)} {zoneOffset(zone, now)}</button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('zone')}</Menu.Label>
        {choices.map((choice) => <Menu.Item key={choice} onClick={() => keep({ timeZone: choice })} leftSection={zone === choice ? <Icon name="check" size={14} /> : <span style={{ width: 14 }} />}>{choice} <span className="dim num">{zoneOffset(choice, now)}</span></Menu.Item>)}
      </Menu.Dropdown>
    </Menu>
  );
}

function LiveTool() {
  const { t } = useTranslation();
  const { state, paused, setPaused } = useLive();
  const word = paused ? t('live.paused') : state === 'lost' ? t('live.lost') : state === 'live' ? t('live.live') : t('live.connecting');
  return (
    <button type="button" className="tool" onClick={() => setPaused(!paused)} aria-pressed={paused} title={paused ? t('live.resume') : t('live.pause')} aria-label={`${word}. ${paused ? t('live.resume') : t('live.pause')}`}>
      {paused ? <Icon name="play" size={16} /> : <Icon name="pause" size={16} />}
      <span className="only-wide" style={{ display: 'inline-flex', minWidth: 84 }}><Meaning name={paused || state !== 'live' ? 'stale' : 'ok'}>{word}</Meaning></span>
    </button>
  );
}

function AlarmTool() {
  const { t } = useTranslation();
  const overview = useOverview();
  const navigate = useNavigate();
  const alarms = overview.data?.alarms ?? [];
  const worst = alarms.some((alarm) => severityMeaning(alarm.severity) === 'fault') ? 'fault' : alarms.length > 0 ? 'attention' : undefined;
  return (
    <Menu width={360}>
      <Menu.Target><button type="button" className="tool"><Icon name="alarm" /><span className="visually-hidden">{t('alarms')}</span><span className="count" data-meaning={worst}>{alarms.length}</span></button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('alarms')}</Menu.Label>
        {alarms.length === 0 ? <div style={{ padding: '6px 12px 10px' }} className="dim">{t('alarms.none')}</div> : alarms.map((alarm, index) => (
          <Menu.Item key={index} onClick={() => { if (alarm.link?.startsWith('/')) void navigate({ href: alarm.link }); }}>
            <Meaning name={severityMeaning(alarm.severity)}>{t(`severity.${severityMeaning(alarm.severity)}`)}</Meaning> <span className="dim" style={{ float: 'right' }}><Age at={alarm.since} /></span><div>{alarm.text}</div>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function LanguageTool() {
  const { t } = useTranslation();
  const locale = useLocale();
  const keep = useKeep();
  const choose = (next: 'en' | 'ko') => { void changeLocale(next); keep({ language: next }); };
  return (
    <Menu>
      <Menu.Target><button type="button" className="tool only-wide"><Icon name="language" /><span className="visually-hidden">{t('language')}</span>{locale === 'ko' ? '한국어' : 'EN'}</button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Item lang="en" onClick={() => choose('en')} leftSection={locale === 'en' ? <Icon name="check" size={14} /> : <span style={{ width: 14 }} />}>English</Menu.Item>
        <Menu.Item lang="ko" onClick={() => choose('ko')} leftSection={locale === 'ko' ? <Icon name="check" size={14} /> : <span style={{ width: 14 }} />}>한국어</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

const schemes: { name: MantineColorScheme; icon: IconName }[] = [{ name: 'auto', icon: 'auto' }, { name: 'light', icon: 'sun' }, { name: 'dark', icon: 'moon' }];

function ThemeTool() {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const keep = useKeep();
  return (
    <Menu>
      <Menu.Target><button type="button" className="tool only-wide" aria-label={t('theme')}><Icon name={schemes.find((each) => each.name === colorScheme)?.icon ?? 'auto'} /></button></Menu.Target>
      <Menu.Dropdown>
        {schemes.map((each) => <Menu.Item key={each.name} leftSection={<Icon name={each.icon} size={16} />} rightSection={colorScheme === each.name ? <Icon name="check" size={14} /> : null} onClick={() => { setColorScheme(each.name); write('headwater.theme', each.name); keep({ theme: each.name }); }}>{t(`theme.${each.name}`)}</Menu.Item>)}
      </Menu.Dropdown>
    </Menu>
  );
}

function AccountTool({ onHelp }: { onHelp: () => void }) {
  const { t } = useTranslation();
  const person = usePerson();
  const client = useQueryClient();
  const navigate = useNavigate();
  const signOut = async () => {
    try { await api.delete('/session'); } finally { await client.resetQueries({ queryKey: ['session'] }); }
  };
  return (
    <Menu width={230}>
      <Menu.Target><button type="button" className="tool" aria-label={t('account.of', { name: person.displayName })}><Icon name="person" /></button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{person.displayName} · {t(`role.${person.role}`)}</Menu.Label>
        <Menu.Item leftSection={<Icon name="person" size={16} />} onClick={() => void navigate({ to: '/account' })}>{t('account')}</Menu.Item>
        <Menu.Item leftSection={<Icon name="keyboard" size={16} />} onClick={onHelp}>{t('shortcuts')}</Menu.Item>
        <Menu.Divider />
        <Menu.Item onClick={() => void signOut()}>{t('signOut')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Shortcuts({ opened, onClose, places }: { opened: boolean; onClose: () => void; places: Place[] }) {
  const { t } = useTranslation();
  const rows: [string[], string][] = [
    [['Ctrl', 'K'], t('shortcut.search')], [['/'], t('shortcut.search')], [['p'], t('shortcut.pause')], [['?'], t('shortcuts')],
    ...places.map((place): [string[], string] => [['g', place.letter], t(place.key)]),
    [['↑', '↓'], t('shortcut.rows')], [['Enter'], t('shortcut.open')], [['Esc'], t('shortcut.close')],
  ];
  return (
    <Modal opened={opened} onClose={onClose} title={t('shortcuts')} closeButtonProps={{ 'aria-label': t('close') }}>
      <table className="plain"><tbody>{rows.map(([keys, words], index) => <tr key={index}><td style={{ width: 110 }}>{keys.map((key) => <kbd key={key} style={{ marginRight: 4 }}>{key}</kbd>)}</td><td>{words}</td></tr>)}</tbody></table>
    </Modal>
  );
}
