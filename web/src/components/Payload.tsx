import { useMemo } from 'react';
import { SegmentedControl } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useLocale } from '../app';
import { asText, fromBase64, hexRows, prettyJson } from '../format/bytes';
import { formatNumber } from '../format/number';
import { useUrl } from '../url';
import { CopyIt } from './Bits';

const shown = 4096;

/** Raw bytes as they came: laid out, as text, or in hexadecimal. The choice stands in the address. */
export function Payload({ base64, text: known }: { base64: string; text?: string | null | undefined }) {
  const { t } = useTranslation('trace');
  const locale = useLocale();
  const [url, set] = useUrl();
  const bytes = useMemo(() => fromBase64(base64), [base64]);
  const text = useMemo(() => known ?? asText(bytes), [known, bytes]);
  const pretty = useMemo(() => (text === null ? null : prettyJson(text)), [text]);
  const choices = [...(pretty !== null ? ['json'] : []), ...(text !== null ? ['text'] : []), 'hex'];
  const view = choices.includes(url['bytes'] ?? '') ? url['bytes'] ?? 'hex' : choices[0] ?? 'hex';
  if (bytes.length === 0) return <p className="dim">{t('empty')}</p>;
  return (
    <div>
      <div className="row" style={{ marginBottom: 8 }}>
        <SegmentedControl size="xs" value={view} onChange={(value) => set({ bytes: value })} data={choices.map((value) => ({ value, label: t(value) }))} />
        <span className="dim num">{formatNumber(bytes.length, locale)} B</span><span className="grow" />
        {text !== null ? <CopyIt text={text} /> : null}
      </div>
      {view === 'hex' ? (
        <pre className="hex" tabIndex={0} aria-label={t('hex')}>{hexRows(bytes, shown).map((row) => <span key={row.offset}><span className="o">{row.offset}  </span>{row.hex.padEnd(50)}<span className="t">{row.text}</span>{'\n'}</span>)}</pre>
      ) : <pre className="hex text" tabIndex={0} aria-label={t(view)}>{(view === 'json' ? pretty ?? '' : text ?? '').slice(0, 4 * shown)}</pre>}
      {view === 'hex' && bytes.length > shown ? <p className="dim">{t('more', { shown: formatNumber(shown, locale), total: formatNumber(bytes.length, locale) })}</p> : null}
    </div>
  );
}
