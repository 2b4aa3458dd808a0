/** Line icons on a 24 px grid, drawn for this app. Decoration only: the word is always beside or in the label. */
const paths = {
  overview: 'M4 13h5v7H4zM15 4h5v16h-5zM9.5 8.500h5V20h-5z',
  devices: 'M6 3h12v18H6zM9 7h6v4H9zM9 15h.01M12 15h.01M15 15h.01',
  broker: 'M12 12m-2.500 0a2.500 2.500 0 1 0 5 0a2.500 2.500 0 1 0-5 0M5 5m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M19 5m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M5 19m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M19 19m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M6.500 6.500l3.700 3.700M17.500 6.500l-3.700 3.700M6.500 17.500l3.700-3.700M17.500 17.500l-3.700-3.700',
  quarantine: 'M12 3l9 16H3zM12 10v4M12 16.700v.1',
  administration: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 7m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M9 17m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0',
  search: 'M10.500 10.500m-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0M15 15l5.500 5.500',
  pause: 'M8 5v14M16 5v14', play: 'M7 4.500v15l12-7.500z',
  alarm: 'M6 17V11a6 6 0 0 1 12 0v6l1.500 2h-15zM10 21.500h4',
  language: 'M4 6h9M8.500 4v2M11.500 6c-.7 4-3.700 7-7.500 8.500M6 9.500c1.500 2.500 3.500 4 6 5M13 20l4-9.500 4 9.500M14.500 17h5',
  sun: 'M12 12m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0M12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z',
  auto: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  person: 'M12 8m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0M4.500 21c.8-4 3.700-6 7.500-6s6.700 2 7.500 6',
  close: 'M6 6l12 12M18 6L6 18', copy: 'M8 8h12v12H8zM16 8V4H4v12h4', check: 'M5 12.500l4.500 4.500L19 7',
  right: 'M9 5l7 7-7 7', left: 'M15 5l-7 7 7 7', down: 'M5 9l7 7 7-7', up: 'M5 15l7-7 7 7',
  plus: 'M12 5v14M5 12h14', clock: 'M12 12m-8.500 0a8.500 8.500 0 1 0 17 0a8.500 8.500 0 1 0-17 0M12 7v5.300l3.500 2',
  database: 'M4 6c0-1.700 3.600-3 8-3s8 1.300 8 3-3.600 3-8 3-8-1.300-8-3zM4 6v12c0 1.700 3.600 3 8 3s8-1.300 8-3V6M4 12c0 1.700 3.600 3 8 3s8-1.300 8-3',
  server: 'M4 4h16v7H4zM4 13h16v7H4zM7.500 7.500h.1M7.500 16.500h.1M11 7.500h6M11 16.500h6',
  columns: 'M4 4h16v16H4zM10 4v16M15 4v16', download: 'M12 4v11M7.500 11l4.500 4.500L16.500 11M4.500 20h15', key: 'M8 15m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0M11 12.200L20 4M16 7.500l3 3',
  path: 'M6 4m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M18 20m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M6 6v5c0 2 1 3 3 3h6c2 0 3 1 3 3v1', link: 'M10 14l4-4M8.500 11L6 13.500a3.500 3.500 0 0 0 5 5l2.500-2.500M15.500 13l2.500-2.500a3.500 3.500 0 0 0-5-5L10.500 8', keyboard: 'M3 6h18v12H3zM7 10h.1M11 10h.1M15 10h.1M8 14h8',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={1.7} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false" style={{ flex: 'none' }}>
      <path d={paths[name]} />
    </svg>
  );
}
