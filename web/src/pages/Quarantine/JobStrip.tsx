import { useEffect, useRef } from 'react';
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, segment } from '../../api/client';
import type { Job } from '../../api/types';
import { useLocale } from '../../app';
import { Age, ProblemNotice } from '../../components/Bits';
import { Meaning } from '../../components/Meaning';
import { formatNumber } from '../../format/number';

/** Long work in the open: how far it is, what came of it, and a way to stop it. Its id stands in the address. */
export function JobStrip({ job: id, onHide, onEnd }: { job: string | undefined; onHide: () => void; onEnd: () => void }) {
  const { t } = useTranslation('quarantine');
  const locale = useLocale();
  const client = useQueryClient();
  const query = useQuery({
    queryKey: ['jobs', id], enabled: id !== undefined, queryFn: ({ signal }) => api.get<Job>(`/jobs/${segment(id ?? '')}`, {}, signal),
    refetchInterval: (state) => (state.state.data?.state === 'running' ? 500 : false),
  });
  const cancel = useMutation({ mutationFn: () => api.post(`/jobs/${segment(id ?? '')}/cancel`), onSuccess: () => client.invalidateQueries({ queryKey: ['jobs', id] }) });
  const job = query.data;
  const ended = useRef('');
  useEffect(() => { if (job && job.state !== 'running' && ended.current !== job.id) { ended.current = job.id; onEnd(); } }, [job, onEnd]);
  if (!id) return null;
  if (query.error && !job) return <ProblemNotice error={query.error} retry={() => void query.refetch()} />;
  if (!job) return null;
  const share = job.total > 0 ? Math.min(100, (job.done / job.total) * 100) : job.state === 'done' ? 100 : 0;
  const outcome = job.outcome && 'replayed' in job.outcome ? t('job.outcome', { replayed: formatNumber(job.outcome['replayed'], locale), stillHeld: formatNumber(job.outcome['stillHeld'] ?? 0, locale) }) : '';
  return (
    <section className="card" aria-label={t(`job.${job.kind}`, job.kind)}>
      <div className="body" style={{ padding: '10px 16px' }}>
        <div className="row" role="status">
          <strong>{t(`job.${job.kind}`, job.kind)}</strong>
          {job.state === 'running' ? <span className="num">{t('job.running', { done: formatNumber(job.done, locale), total: formatNumber(job.total, locale) })}</span>
            : <Meaning name={job.state === 'done' ? 'ok' : job.state === 'failed' ? 'fault' : 'stale'}>{t(`job.${job.state}`)}</Meaning>}
          <span className="num">{outcome}</span>
          <span className="dim">{job.startedBy} · <Age at={job.startedAt} /></span>
          <span className="grow" />
          {job.state === 'running' ? <Button size="xs" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>{t('job.cancel')}</Button> : <Button size="xs" variant="subtle" onClick={onHide}>{t('job.hide')}</Button>}
        </div>
        <div className="meter-bar" role="progressbar" aria-label={t(`job.${job.kind}`, job.kind)} aria-valuenow={Math.round(share)} aria-valuemin={0} aria-valuemax={100} style={{ marginTop: 8 }}><i style={{ width: `${share}%` }} /></div>
      </div>
    </section>
  );
}
