import { useState, type CSSProperties, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button, CopyButton, Group, Modal, Text, Tooltip, UnstyledButton } from '@mantine/core';
import { Problem } from '../api/client';
import { useLocale, useNow, useZone } from '../app';
import { formatAge, formatDecimal, formatNumber, type Quantity } from '../format/number';
import { formatTime, formatUtc, toInstant, zoneOffset } from '../format/time';
import { Icon } from './Icon';

export function PageHead({ title, state, children }: { title: ReactNode; state?: ReactNode; children?: ReactNode }) {
  return (
    <header className="page-head">
      <div className="grow"><h1>{title}</h1><p className="state">{state}</p></div>
      {children ? <div className="actions">{children}</div> : null}
    </header>
  );
}

export function Card({ title, aside, children, style, className }: { title?: ReactNode; aside?: ReactNode; children: ReactNode; style?: CSSProperties; className?: string }) {
  return (
    <section className={`card ${className ?? ''}`} style={style}>
      {title ? <div className="head"><h2>{title}</h2><span className="grow" />{aside}</div> : null}
      <div className="body">{children}</div>
    </section>
  );
}

export function Bone({ width = '100%', height = 14 }: { width?: number | string; height?: number }) {
  return <span className="bone" style={{ width, height }} aria-hidden="true" />;
}

export function Amount({ quantity }: { quantity: Quantity }) {
  return <span className="num">{quantity.text}{quantity.unit ? <span className="unit">{quantity.unit}</span> : null}</span>;
}

export function Count({ value, digits = 0 }: { value: number | null | undefined; digits?: number }) {
  return <span className="num">{formatNumber(value, useLocale(), digits)}</span>;
}

export function Value({ value, unit }: { value: string | null | undefined; unit?: string }) {
  const locale = useLocale();
  return <span className="num">{formatDecimal(value, locale)}{unit && value !== null && value !== undefined ? <span className="unit">{unit}</span> : null}</span>;
}

/** An instant in the site's zone; hovering or focusing gives UTC, zone and age. */
export function Time({ at, zone, precision = 'second', clock = false }: { at: string | number | null | undefined; zone?: string; precision?: 'minute' | 'second' | 'millisecond'; clock?: boolean }) {
  const own = useZone();
  const locale = useLocale();
  const { t } = useTranslation();
  const [shown, setShown] = useState(false);
  const instant = toInstant(at);
  if (instant === null) return <span className="dim">–</span>;
  const used = zone || own;
  const text = formatTime(instant, used, precision);
  return (
    <Tooltip opened={shown} label={shown ? <span className="num">{formatUtc(instant)}<br />{used} ({zoneOffset(used, instant)})<br />{t('ago', { age: formatAge(Date.now() - instant, locale) })}</span> : ''}>
      <time className="num" dateTime={new Date(instant).toISOString()} onMouseEnter={() => setShown(true)} onMouseLeave={() => setShown(false)}>{clock ? text.slice(11) : text}</time>
    </Tooltip>
  );
}

export function Age({ at }: { at: string | number | null | undefined }) {
  const locale = useLocale();
  const now = useNow();
  const { t } = useTranslation();
  const instant = toInstant(at);
  if (instant === null) return <span className="dim">{t('never')}</span>;
  return <time className="num" dateTime={new Date(instant).toISOString()} title={formatUtc(instant)}>{t('ago', { age: formatAge(now - instant, locale) })}</time>;
}

/** A refusal in words: what happened, what is kept, what to do, and where to find it in the logs. */
export function ProblemNotice({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const words = problemWords(error, t);
  const reference = error instanceof Problem ? error.reference : '';
  return (
    <div className="problem" role="alert">
      <Icon name="quarantine" />
      <div className="grow">
        <strong>{words.title}</strong>
        {words.detail ? <p>{words.detail}</p> : null}
        {reference ? <p className="reference">{t('error.reference')} <span className="mono">{reference}</span></p> : null}
      </div>
      {retry ? <Button variant="default" size="xs" onClick={retry}>{t('retry')}</Button> : null}
    </div>
  );
}

export function problemWords(error: unknown, t: (key: string) => string): { title: string; detail: string } {
  if (!(error instanceof Problem)) return { title: t('error.page'), detail: error instanceof Error ? error.message : '' };
  if (error.isNetwork) return { title: t('error.network'), detail: t('error.networkDetail') };
  const known = [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504].includes(error.status) ? error.status : 500;
  const fields = Object.entries(error.errors).map(([field, rules]) => `${field}: ${rules.join(', ')}`).join(' · ');
  return { title: error.title || t(`error.${known}`), detail: [error.detail && error.detail !== error.title ? error.detail : '', fields].filter(Boolean).join(' ') };
}

export function Empty({ title, children, paste }: { title: ReactNode; children?: ReactNode; paste?: string }) {
  return (
    <div className="empty">
      <h3>{title}</h3>
      {children ? <div>{children}</div> : null}
      {paste ? <Paste text={paste} /> : null}
    </div>
  );
}

export function Paste({ text }: { text: string }) {
  return <div className="paste"><code>{text}</code><CopyIt text={text} /></div>;
}

export function CopyIt({ text, label }: { text: string; label?: string }) {
  const { t } = useTranslation();
  return (
    <CopyButton value={text} timeout={1600}>
      {({ copied, copy }) => (
        <Button variant={label ? 'default' : 'subtle'} size="compact-sm" color={copied ? 'teal' : undefined} onClick={copy} leftSection={<Icon name={copied ? 'check' : label ? 'link' : 'copy'} size={15} />} style={{ flex: 'none' }}>
          {copied ? t('copied') : label ?? t('copy')}
        </Button>
      )}
    </CopyButton>
  );
}

/** Asks once before what cannot be undone; names what, and how many it touches. */
export function Confirm({ opened, title, children, action, busy, error, onClose, onConfirm }: { opened: boolean; title: string; children: ReactNode; action: string; busy?: boolean; error?: unknown; onClose: () => void; onConfirm: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal opened={opened} onClose={onClose} title={title} closeButtonProps={{ 'aria-label': t('close') }}>
      <Text size="sm" component="div">{children}</Text>
      {error ? <div style={{ marginTop: 14 }}><ProblemNotice error={error} /></div> : null}
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={onClose}>{t('cancel')}</Button>
        <Button color="red.9" onClick={onConfirm} loading={busy ?? false}>{action}</Button>
      </Group>
    </Modal>
  );
}

export function IconAction({ icon, label, onClick, className = 'tool' }: { icon: Parameters<typeof Icon>[0]['name']; label: string; onClick: () => void; className?: string }) {
  return <Tooltip label={label}><UnstyledButton className={className} onClick={onClick} aria-label={label}><Icon name={icon} /></UnstyledButton></Tooltip>;
}
