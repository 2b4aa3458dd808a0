import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import { merge, type Search } from '../url';

/** Tabs are links: each is an address, so a link, the back button and a middle click all work. */
export function Tabs({ value, tabs, label, fallback }: { value: string; tabs: [string, ReactNode][]; label: string; fallback: string }) {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(([key, words]) => (
        <Link key={key} to="." search={((before: Search) => merge(before, { tab: key === fallback ? undefined : key, query: undefined, kind: undefined })) as never} aria-current={value === key ? 'page' : undefined} activeProps={{}} activeOptions={{ exact: true }}>{words}</Link>
      ))}
    </nav>
  );
}
