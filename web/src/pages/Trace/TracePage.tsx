import type { ReactNode } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { api, segment } from '../../api/client';
import type { Trace } from '../../api/types';
import { useLocale } from '../../app';
import { Amount, Bone, Card, CopyIt, Count, PageHead, ProblemNotice, Time, Value } from '../../components/Bits';
import { Payload } from '../../components/Payload';
import { formatBytes, formatMilliseconds } from '../../format/number';

/** From a reading back to the bytes it came in: the way is drawn downwards, first the wire, last the commit. */
export default function TracePage() {
  const { t } = useTranslation('trace');
  const locale = useLocale();
  const { commit, ordinal } = useParams({ strict: false }) as { commit: string; ordinal: string };
  const trace = useQuery({ queryKey: ['trace', commit, ordinal], queryFn: ({ signal }) => api.get<Trace>(`/trace/${segment(commit)}/${segment(ordinal)}`, {}, signal), staleTime: Infinity });
  const d = trace.data;
  const arrived = d ? Date.parse(d.message.arrivedAt) : 0;
  const after = (at: string | null) => {
    const ms = at === null ? Number.NaN : Date.parse(at) - arrived;
    if (!Number.isFinite(ms) || ms <= 0) return null;
    const quantity = formatMilliseconds(ms, locale);
    return <span className="dim num" style={{ fontWeight: 400, fontSize: 13 }}>{t('after', { time: `${quantity.text} ${quantity.unit}` })}</span>;
  };
  const row = (name: string, value: ReactNode) => <div key={name} style={{ display: 'contents' }}><dt>{name}</dt><dd>{d ? value : <Bone width={150} height={12} />}</dd></div>;
  // What the wire section already tells is not told again below it.
  const first = d?.steps.find((step) => /^(received|arrived)$/i.test(step.name));
  const rest = (d?.steps ?? []).filter((step) => step !== first);
  const isCommit = (step: Trace['steps'][number]) => /^commit/i.test(step.name);
  const decoded = rest.find((step) => /^(decoded|read)$/i.test(step.name));
  const last = rest[rest.length - 1];
  const reading = d?.reading ? (
    <dl className="facts" style={{ marginTop: 8 }}>
      {d.reading.deviceId ? row(t('device'), <Link to="/devices/$device" params={{ device: d.reading.deviceId }}>{d.reading.deviceId}</Link>) : null}
      {d.reading.obis ? row(t('register'), <span className="mono">{d.reading.obis}</span>) : null}
      {row(t('at'), <Time at={d.reading.at} />)}
      {d.reading.value !== null ? row(t('value'), <strong><Value value={d.reading.value} unit={d.reading.unit ?? ''} /></strong>) : null}
    </dl>
  ) : null;
  const commitFacts = d ? (
    <dl className="facts" style={{ marginTop: 8 }}>
      {row(t('number'), <span className="num">{d.commit.number}</span>)}
      {row(t('contents'), t('commitWords', { count: d.commit.messages, rows: d.commit.rows }))}
      {row(t('size'), <span><Amount quantity={formatBytes(d.commit.rawBytes, locale)} />, {t('compressed')} <Amount quantity={formatBytes(d.commit.compressedBytes, locale)} /></span>)}
      {row(t('node'), d.commit.node)}
    </dl>
  ) : null;
  return (
    <div className="page" style={{ maxWidth: 1100 }}>
      <PageHead title={<>{t('title')} <span className="num dim" style={{ fontWeight: 400 }}>{commit}/{ordinal}</span></>} state={d ? d.reading?.obis ? t('state.reading', { device: d.reading.deviceId ?? '–', obis: d.reading.obis }) : t(`kind.${d.kind}`) : trace.error ? null : <Bone width={180} />}>
        <CopyIt text={location.href} label={t('common:copyLink')} />
      </PageHead>
      {trace.error ? <ProblemNotice error={trace.error} retry={() => void trace.refetch()} /> : (
        <Card>
          <ol className="path">
            <li>
              <span className="dot" aria-hidden="true" />
              <h3>{t('wire')} {d ? <Time at={d.message.arrivedAt} precision="millisecond" /> : null}</h3>
              <p className="dim" style={{ margin: '2px 0 10px' }}>{t('wireWords')}. {first?.text}</p>
              <dl className="facts" style={{ marginBottom: 14 }}>
                {row(t('topic'), <span className="mono">{d?.message.topic}</span>)}
                {row(t('client'), d?.message.clientId)}
                {row(t('connection'), <span className="mono">{d?.message.connection ?? '–'}</span>)}
                {row(t('qos'), <Count value={d?.message.qos} />)}
              </dl>
              {d ? <Payload base64={d.message.payloadBase64} text={d.message.payloadText} /> : <Bone height={330} />}
            </li>
            {!d ? [0, 1, 2].map((index) => <li key={index}><span className="dot" aria-hidden="true" /><h3><Bone width={110} height={14} /></h3><Bone width={260} height={12} /></li>) : null}
            {rest.map((step, index) => (
              <li key={index}>
                <span className="dot" data-meaning={step.name === 'quarantined' ? 'attention' : isCommit(step) || step === last ? 'ok' : undefined} aria-hidden="true" />
                <h3>{t(`step.${step.name}`, step.name)} {step.at ? <Time at={step.at} precision="millisecond" /> : null} {after(step.at)}</h3>
                <p>{step.text}</p>
                {step === decoded ? reading : null}
                {isCommit(step) ? commitFacts : null}
              </li>
            ))}
            {d && !decoded && reading ? <li><span className="dot" data-meaning="ok" aria-hidden="true" /><h3>{t('reading')}</h3>{reading}</li> : null}
            {d && !rest.some(isCommit) ? <li><span className="dot" data-meaning="ok" aria-hidden="true" /><h3>{t('commit')} <Time at={d.commit.committedAt} precision="millisecond" /> {after(d.commit.committedAt)}</h3>{commitFacts}</li> : null}
          </ol>
        </Card>
      )}
    </div>
  );
}
