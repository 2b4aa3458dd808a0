import type { ReactNode } from 'react';

/** The fixed set of meanings. Each has its own shape, so colour is never the only sign. */
export type MeaningName = 'ok' | 'attention' | 'fault' | 'stale' | 'estimated' | 'edited' | 'missing';

const shapes: Record<MeaningName, ReactNode> = {
  ok: <circle cx="6" cy="6" r="5" fill="currentColor" />,
  attention: <path d="M6 .8L11.700 11H.3z" fill="currentColor" />,
  fault: <path fillRule="evenodd" d="M1.500.5h9a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zM5.200 2.500v4.300h1.600V2.500zM5.200 7.900v1.600h1.600V7.900z" fill="currentColor" />,
  stale: <circle cx="6" cy="6" r="4.200" fill="none" stroke="currentColor" strokeWidth="1.600" />,
  estimated: <path d="M6 .5L11.500 6 6 11.500.5 6z" fill="currentColor" />,
  edited: <path d="M1.500 1.500h9v9h-9z" fill="none" stroke="currentColor" strokeWidth="2" />,
  missing: <path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" strokeWidth="1.800" fill="none" />,
};

export function Meaning({ name, children }: { name: MeaningName; children?: ReactNode }) {
  return (
    <span className="meaning" data-meaning={name}>
      <svg viewBox="0 0 12 12" aria-hidden="true" focusable="false">{shapes[name]}</svg>
      {children}
    </span>
  );
}

export function qualityMeaning(quality: string): MeaningName {
  switch (quality) {
    case 'measured': return 'ok';
    case 'estimated': case 'calculated': return 'estimated';
    case 'edited': return 'edited';
    case 'missing': return 'missing';
    default: return 'stale';
  }
}

export function severityMeaning(severity: string): MeaningName {
  switch (severity) {
    case 'fault': case 'critical': case 'error': return 'fault';
    case 'ok': case 'information': return 'ok';
    default: return 'attention';
  }
}
