import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { useQueries } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMediaQuery } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';
import type { Page } from '../api/types';
import { Bone } from './Bits';
import { Icon } from './Icon';

export interface Column<T> {
  key: string;
  label: string;
  /** A grid track: `120px`, `minmax(140px, 1fr)`. */
  track: string;
  right?: boolean;
  sort?: string;
  /** Shown on a telephone too. */
  narrow?: boolean;
  render: (row: T) => ReactNode;
}

const size = 200;

export interface Pages<T> {
  total: number | undefined;
  row: (index: number) => T | undefined;
  error: unknown;
  retry: () => void;
  show: (first: number, last: number) => void;
}

/** The pages of a server-side list that the table now looks at: 100,000 rows cost what 400 do. */
export function usePages<T>(key: readonly unknown[], fetch: (offset: number, limit: number, signal: AbortSignal) => Promise<Page<T>>, refreshSeconds: number | false): Pages<T> {
  const [range, setRange] = useState<[number, number]>([0, 0]);
  const text = JSON.stringify(key);
  const known = useRef<{ text: string; total: number | undefined }>({ text, total: undefined });
  const indexes = useMemo(() => {
    const found = new Set([0]);
    for (let page = range[0]; page <= range[1]; page++) found.add(page);
    return [...found].sort((a, b) => a - b);
  }, [range]);
  const results = useQueries({
    queries: indexes.map((page) => ({
      queryKey: [...key, 'page', page],
      queryFn: ({ signal }: { signal: AbortSignal }) => fetch(page * size, size, signal),
      staleTime: 5000,
      refetchInterval: refreshSeconds === false ? (false as const) : refreshSeconds * 1000,
    })),
  });
  useEffect(() => { setRange([0, 0]); }, [text]);
  const fresh = results.find((result) => result.data !== undefined)?.data?.total;
  if (known.current.text !== text) known.current = { text, total: fresh };
  else if (fresh !== undefined) known.current.total = fresh;
  const failed = results.find((result) => result.error && result.data === undefined);
  return {
    total: known.current.total,
    row: (index) => {
      const at = indexes.indexOf(Math.floor(index / size));
      return at < 0 ? undefined : results[at]?.data?.items[index % size];
    },
    error: failed?.error ?? null,
    retry: () => { for (const result of results) if (result.error) void result.refetch(); },
    show: (first, last) => {
      const a = Math.floor(first / size);
      const b = Math.floor(last / size);
      setRange((before) => (before[0] === a && before[1] === b ? before : [a, b]));
    },
  };
}

interface Properties<T> {
  label: string;
  columns: Column<T>[];
  pages: Pages<T>;
  rowKey: (row: T) => string;
  selected?: string | undefined;
  onOpen?: (row: T) => void;
  sort?: string | undefined;
  descending?: boolean;
  onSort?: (sort: string, descending: boolean) => void;
  empty: ReactNode;
  rowHeight?: number;
}

export function VirtualTable<T>({ label, columns, pages, rowKey, selected, onOpen, sort, descending = false, onSort, empty, rowHeight = 38 }: Properties<T>) {
  const { t } = useTranslation();
  const scroll = useRef<HTMLDivElement>(null);
  const narrow = useMediaQuery('(max-width: 820px)', undefined, { getInitialValueInEffect: false }) ?? false;
  const [active, setActive] = useState(-1);
  const shown = narrow ? columns.filter((column) => column.narrow) : columns;
  const tracks = shown.map((column) => (narrow && column.track.endsWith('px') ? `minmax(0, ${column.track})` : column.track)).join(' ');
  const loading = pages.total === undefined;
  const count = pages.total ?? 24;
  const virtual = useVirtualizer({ count, getScrollElement: () => scroll.current, estimateSize: () => rowHeight, overscan: 12 });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items[items.length - 1]?.index ?? 0;
  const { show } = pages;
  useEffect(() => { show(first, last); }, [show, first, last]);

  const move = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[event.key];
    let next = active;
    if (step !== undefined) next = active + step;
    else if (event.key === 'Home') next = 0;
    else if (event.key === 'End') next = count - 1;
    else if (event.key === 'Enter' && active >= 0) {
      const row = pages.row(active);
      if (row && onOpen && event.target === event.currentTarget) { event.preventDefault(); onOpen(row); }
      return;
    } else return;
    if (event.target !== event.currentTarget) return;
    event.preventDefault();
    next = Math.max(0, Math.min(count - 1, next));
    setActive(next);
    virtual.scrollToIndex(next);
  };

  if (pages.total === 0 && !pages.error) return <div className="table-wrap">{empty}</div>;
  return (
    <div className="table-frame">
    <div ref={scroll} className="table-wrap" role="grid" aria-label={label} aria-rowcount={loading ? -1 : count + 1} aria-busy={loading} tabIndex={0} onKeyDown={move} aria-activedescendant={active >= first && active <= last ? `row-${active}` : undefined}>
      <div className="v-head" role="row" aria-rowindex={1} style={{ gridTemplateColumns: tracks }}>
        {shown.map((column) => {
          const sorted = column.sort !== undefined && column.sort === sort;
          return (
            <div key={column.key} role="columnheader" className={column.right ? 'right' : undefined} aria-sort={column.sort ? (sorted ? (descending ? 'descending' : 'ascending') : 'none') : undefined}>
              {column.sort && onSort ? (
                <button type="button" onClick={() => onSort(column.sort ?? '', sorted ? !descending : false)}>
                  <span className="ellipsis">{column.label}</span>
                  {sorted ? <Icon name={descending ? 'down' : 'up'} size={12} /> : null}
                </button>
              ) : column.label}
            </div>
          );
        })}
      </div>
      <div className="v-body" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = loading ? undefined : pages.row(item.index);
          return (
            <div key={item.key} id={`row-${item.index}`} role="row" aria-rowindex={item.index + 2} className="v-row" data-active={active === item.index} data-open={onOpen ? '' : undefined} aria-selected={row !== undefined && selected !== undefined && rowKey(row) === selected}
              style={{ gridTemplateColumns: tracks, height: rowHeight, transform: `translateY(${item.start}px)` }}
              onClick={(event) => { if (row && onOpen && !(event.target as HTMLElement).closest('a,button,input,label')) { setActive(item.index); onOpen(row); } }}>
              {shown.map((column) => <div key={column.key} role="gridcell" className={column.right ? 'right num' : undefined}>{row ? column.render(row) : <Bone width={column.right ? '60%' : `${55 + ((item.index * 7) % 30)}%`} height={12} />}</div>)}
            </div>
          );
        })}
      </div>
    </div>
    <span className="visually-hidden" role="status">{loading ? t('loading') : ''}</span>
    </div>
  );
}
