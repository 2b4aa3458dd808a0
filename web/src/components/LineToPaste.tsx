import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '../api/client';
import type { Broker, BrokerClient } from '../api/types';
import { portOf } from '../pages/pasteLine';
import { useMay } from '../app';
import { Paste, ProblemNotice, Time } from './Bits';

/** A line for a terminal that works as it stands: it carries a credential of the reader's own rights that soon expires. */
export function LineToPaste({ line }: { line: (grant: BrokerClient, where: string) => string }) {
  const { t } = useTranslation();
  const operator = useMay('operator');
  const make = useMutation({ mutationFn: async () => { const [grant, broker] = await Promise.all([api.post<BrokerClient>('/broker/client'), api.get<Broker>('/broker')]); return { ...grant, where: `${location.hostname} -p ${portOf(broker)}` }; } });
  if (!operator) return null;
  if (make.error) return <ProblemNotice error={make.error} retry={() => make.mutate()} />;
  if (!make.data) return <Button mt="sm" variant="default" loading={make.isPending} onClick={() => make.mutate()}>{t('line.make')}</Button>;
  return <div className="paste-block"><Paste text={line(make.data, make.data.where)} /><p className="dim" style={{ marginTop: 6, fontSize: 12.5 }}>{t('line.expires')} <Time at={make.data.expiresAt} clock /></p></div>;
}
