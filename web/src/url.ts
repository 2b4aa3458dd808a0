import { useCallback } from 'react';
import { useNavigate, useSearch } from '@tanstack/react-router';

export type Search = Record<string, string>;

/** The URL is the state: every filter, range, tab and selection is a plain text parameter of the address. */
export function useUrl(): [Search, (patch: Record<string, string | undefined>, options?: { push?: boolean }) => void] {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const set = useCallback((patch: Record<string, string | undefined>, options: { push?: boolean } = {}) => {
    void navigate({ to: '.', search: ((before: Search) => merge(before, patch)) as never, replace: !options.push });
  }, [navigate]);
  return [search, set];
}

export function merge(before: Search, patch: Record<string, string | undefined>): Search {
  const next: Search = { ...before };
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined || value === '') delete next[key];
    else next[key] = value;
  }
  return next;
}

export function parseSearch(text: string): Search {
  return Object.fromEntries(new URLSearchParams(text));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const parts = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) if (value !== undefined && value !== null && value !== '') parts.set(key, String(value));
  const text = parts.toString();
  return text ? `?${text}` : '';
}
