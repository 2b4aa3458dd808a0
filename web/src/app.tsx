import { createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from './api/client';
import type { Overview, Role, Session } from './api/types';
import type { Locale } from './format/number';
import { isZone } from './format/time';
import { LiveStream, type LiveState } from './live/stream';

/** What every page needs to know: who looks, in which language and zone, and whether what is shown is alive. */

export function useSession() {
  return useQuery({ queryKey: ['session'], queryFn: ({ signal }) => api.get<Session>('/session', {}, signal), retry: (count, error) => 'status' in error && error.status === 0 && count < 2, staleTime: 60_000 });
}

export function usePerson(): Session['person'] {
  const { data } = useSession();
  if (!data) throw new Error('A page was shown before the session was known.');
  return data.person;
}

const ranks: Record<Role, number> = { household: 0, viewer: 1, operator: 2, administrator: 3 };

export function useMay(role: Role): boolean {
  const { data } = useSession();
  return data ? (ranks[data.person.role] ?? 0) >= ranks[role] : false;
}

export function useLocale(): Locale {
  const { i18n } = useTranslation();
  return i18n.language === 'ko' ? 'ko' : 'en';
}

/** The zone times are shown in: the person's choice, else the organization's, else this browser's. */
export function useZone(): string {
  const { data } = useSession();
  const chosen = data?.person.preferences?.timeZone;
  const own = data?.person.organization?.timeZone;
  return chosen && isZone(chosen) ? chosen : own && isZone(own) ? own : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

interface Live {
  stream: LiveStream | null;
  state: LiveState;
  paused: boolean;
  pausedAt: number | null;
  setPaused: (paused: boolean) => void;
}

const LiveContext = createContext<Live>({ stream: null, state: 'connecting', paused: false, pausedAt: null, setPaused: () => undefined });

export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [stream, setStream] = useState<LiveStream | null>(null);
  const [state, setState] = useState<LiveState>('connecting');
  const [pausedAt, setPausedAt] = useState<number | null>(null);

  useEffect(() => {
    const opened = new LiveStream('/api/v1/live', () => void client.invalidateQueries({ queryKey: ['session'] }));
    const forget = opened.onState(() => {
      setState(opened.state);
      // A refused stream looks like a broken one to a browser; asking for the session tells them apart.
      if (opened.state === 'lost') void client.invalidateQueries({ queryKey: ['session'] });
    });
    opened.start();
    setStream(opened);
    return () => { forget(); opened.close(); };
  }, [client]);

  const value = useMemo<Live>(() => ({
    stream, state, paused: pausedAt !== null, pausedAt, setPaused: (paused) => setPausedAt(paused ? Date.now() : null),
  }), [stream, state, pausedAt]);
  return <LiveContext.Provider value={value}>{children}</LiveContext.Provider>;
}

export function useLive(): Live {
  return useContext(LiveContext);
}

/** Calls the listener with each event of a topic, not while paused. */
export function useTopic(topic: string | null, listener: (data: unknown) => void): void {
  const { stream, paused } = useLive();
  useEffect(() => {
    if (!stream || !topic || paused) return;
    return stream.subscribe(topic, listener);
  }, [stream, topic, paused, listener]);
}

export function useOverview() {
  const client = useQueryClient();
  const listener = useMemo(() => (data: unknown) => { if (data && typeof data === 'object' && 'flow' in data) client.setQueryData(['overview'], data as Overview); }, [client]);
  useTopic('overview', listener);
  return useQuery({ queryKey: ['overview'], queryFn: ({ signal }) => api.get<Overview>('/overview', {}, signal), staleTime: 30_000 });
}

/** True while figures on screen are older than they look: the line is down, or the first event has not come. */
export function useStale(): boolean {
  return useLive().state === 'lost';
}

/** One clock for every age on a page: a second's tick, asleep while the tab is hidden. */
let now = Date.now();
const clockListeners = new Set<() => void>();
let clock: ReturnType<typeof setInterval> | undefined;

function subscribeClock(listener: () => void): () => void {
  clockListeners.add(listener);
  clock ??= setInterval(() => {
    if (document.hidden) return;
    now = Date.now();
    for (const each of clockListeners) each();
  }, 1000);
  return () => {
    clockListeners.delete(listener);
    if (clockListeners.size === 0) { clearInterval(clock); clock = undefined; }
  };
}

export function useNow(): number {
  return useSyncExternalStore(subscribeClock, () => now);
}
