import { memo, useEffect, useRef, type ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import { useReducedMotion } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';
import type { Overview } from '../../api/types';
import { useLive, useLocale } from '../../app';
import { Age, Amount, Bone, Count } from '../../components/Bits';
import { Icon, type IconName } from '../../components/Icon';
import { Meaning } from '../../components/Meaning';
import { formatBytes, formatCompact, formatMilliseconds, formatRate } from '../../format/number';
import { dotSpeed } from './flowSpeed';

/**
 * The flow as one picture: readings run right, acknowledgements run left, and only from the database,
 * because a device hears "acknowledged" only after the commit.
 */
export const Flow = memo(function Flow({ overview, stale }: { overview: Overview | undefined; stale: boolean }) {
  const { t } = useTranslation('overview');
  const locale = useLocale();
  const o = overview;
  const perSecond = (value: number | undefined, words: string) => <><b className="num">{formatRate(value, locale)}<span className="unit">/s</span></b><span>{words}</span></>;
  return (
    <section className={`card flow${stale ? ' stale-values' : ''}`} aria-label={t('flow.label')}>
      <Station icon="devices" name={t('flow.devices')} big={o ? <Count value={o.devices.connected} /> : undefined} of={t('flow.connected')}>
        <Fact name={t('flow.registered')} value={o ? <Count value={o.devices.registered} /> : undefined} />
        <Fact name={t('flow.seenLastHour')} value={o ? <Count value={o.devices.seenLastHour} /> : undefined} />
        <Fact name={t('flow.wire')} value={o ? <Amount quantity={perSecondBytes(o.flow.bytesPerSecond)} /> : undefined} />
      </Station>
      <div className="lanes">
        <Lane tone="forward" rate={o?.flow.received.perSecond ?? 0} halted={stale}>{perSecond(o?.flow.received.perSecond, t('flow.received'))}</Lane>
        <Lane tone="back" back rate={o?.flow.acknowledged.perSecond ?? 0} halted={stale}>{perSecond(o?.flow.acknowledged.perSecond, t('flow.acknowledged'))}</Lane>
      </div>
      <Station icon="server" name={t('flow.headEnd')} big={o ? <Amount quantity={formatMilliseconds(o.acknowledgement.p50Milliseconds, locale)} /> : undefined} of={t('flow.p50')}>
        <Fact name={t('flow.p99')} value={o ? <Amount quantity={formatMilliseconds(o.acknowledgement.p99Milliseconds, locale)} /> : undefined} />
        <Fact name={t('flow.queue')} value={o ? <Amount quantity={formatBytes(o.commit.queueBytes, locale)} /> : undefined} />
        <Fact name={t('flow.readings')} value={o ? <Amount quantity={{ text: formatRate(o.flow.readings.perSecond, locale), unit: '/s' }} /> : undefined} />
      </Station>
      <div className="lanes">
        <Lane tone="forward" rate={o?.flow.committed.perSecond ?? 0} halted={stale}>{perSecond(o?.flow.committed.perSecond, t('flow.committed'))}</Lane>
        <Lane tone="back" back rate={o?.commit.batchesPerSecond ?? 0} halted={stale}>{perSecond(o?.commit.batchesPerSecond, t('flow.commits'))}</Lane>
      </div>
      <Station icon="database" name={t('flow.database')} big={o ? <span className="num" title={String(o.storage.readingsEstimate ?? '')}>{formatCompact(o.storage.readingsEstimate, locale)}</span> : undefined} of={t('flow.stored')}>
        <Fact name={t('flow.size')} value={o ? <Amount quantity={formatBytes(o.storage.databaseBytes, locale)} /> : undefined} />
        <Fact name={t('flow.lastCommit')} value={o ? <Age at={o.commit.lastCommittedAt} /> : undefined} />
        <Fact name={t('flow.commitNumber')} value={o ? <span className="num">{o.commit.lastCommitNumber ?? '–'}</span> : undefined} />
      </Station>
      <div className="aside">
        <div className="stem" aria-hidden="true"><svg width="14" height="26" viewBox="0 0 14 26"><path d="M7 0v17" stroke="currentColor" strokeWidth="2" strokeDasharray="3 4" /><path d="M2.500 16h9L7 24z" fill="currentColor" /></svg></div>
        <Link to="/quarantine" className="hold"><Meaning name={(o?.quarantine.held ?? 0) > 0 ? 'attention' : 'ok'}>{t('flow.quarantine')}</Meaning>{o ? <span className="num"><b>{t('flow.held', { count: o.quarantine.held, text: formatCompact(o.quarantine.held, locale) })}</b>{o.flow.quarantined.perSecond > 0 ? <span className="dim"> +{formatRate(o.flow.quarantined.perSecond, locale)}/s</span> : null}</span> : <Bone width={90} />}</Link>
      </div>
    </section>
  );

  function perSecondBytes(value: number) {
    const quantity = formatBytes(value, locale);
    return { text: quantity.text, unit: `${quantity.unit}/s` };
  }
});

function Station({ icon, name, big, of, children }: { icon: IconName; name: string; big: ReactNode; of: string; children: ReactNode }) {
  return (
    <div className="station">
      <div className="name"><Icon name={icon} />{name}</div>
      <div className="big">{big ?? <Bone width={110} height={26} />}</div>
      <div className="of">{of}</div>
      {children}
    </div>
  );
}

function Fact({ name, value }: { name: string; value: ReactNode }) {
  return <div className="sub"><span>{name}</span><b>{value ?? <Bone width={60} height={12} />}</b></div>;
}

function Lane({ tone, rate, back = false, halted, children }: { tone: 'forward' | 'back'; rate: number; back?: boolean; halted: boolean; children: ReactNode }) {
  const dots = useRef<HTMLDivElement>(null);
  const animation = useRef<Animation | null>(null);
  const still = useReducedMotion() ?? false;
  const { paused } = useLive();
  const speed = halted || paused ? 0 : dotSpeed(rate);

  useEffect(() => {
    const element = dots.current;
    if (!element || still) return;
    // 48 px is the distance between two dots, so the end of one turn looks like the start of the next.
    const made = element.animate([{ transform: 'translateX(0)' }, { transform: `translateX(${back ? -48 : 48}px)` }], { duration: 1000, iterations: Infinity });
    made.pause();
    animation.current = made;
    return () => { made.cancel(); animation.current = null; };
  }, [back, still]);

  useEffect(() => {
    const running = animation.current;
    if (!running) return;
    if (speed === 0) { running.pause(); return; }
    // The rate changes without a jump: the animation keeps its place and takes on the new pace.
    running.updatePlaybackRate(speed / 48);
    running.play();
  }, [speed, still]);

  return (
    <div className="lane" data-tone={tone} data-back={back}>
      <div className="word">{children}</div>
      <div className="track" aria-hidden="true">
        <div className="clip"><div className="dots" ref={dots} style={{ opacity: rate > 0 ? 1 : 0 }} /></div>
        <svg className="tip" viewBox="0 0 10 10"><path d="M1 0l8 5-8 5z" fill="currentColor" /></svg>
      </div>
    </div>
  );
}
