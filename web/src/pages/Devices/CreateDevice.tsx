import { useState, type FormEvent } from 'react';
import { Button, Group, Modal, Select, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, segment } from '../../api/client';
import type { NewSecret } from '../../api/types';
import { usePerson } from '../../app';
import { ProblemNotice } from '../../components/Bits';
import { pasteLine } from '../pasteLine';
import { Secret } from './Secret';

export const classes = ['electricityMeter', 'waterMeter', 'gasMeter', 'heatMeter', 'concentrator', 'gateway'];

/** A device and its first secret in one step, ending with a line that publishes as it. */
export function CreateDevice({ opened, onClose, onOpen }: { opened: boolean; onClose: () => void; onOpen: (id: string) => void }) {
  const { t } = useTranslation('devices');
  const client = useQueryClient();
  const person = usePerson();
  const [id, setId] = useState('');
  const [name, setName] = useState('');
  const [kind, setKind] = useState('electricityMeter');
  const [zone, setZone] = useState(person.organization.timeZone);
  const create = useMutation({
    mutationFn: async () => {
      await api.post('/devices', { id, name: name || id, class: kind, timeZone: zone, carrierId: null });
      return api.post<NewSecret>(`/devices/${segment(id)}/credentials`, { label: t('credential.first') });
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['devices'] }),
  });
  const valid = /^[A-Za-z0-9._-]{1,64}$/.test(id);
  const close = () => { create.reset(); setId(''); setName(''); onClose(); };
  const submit = (event: FormEvent) => { event.preventDefault(); if (valid) create.mutate(); };
  return (
    <Modal opened={opened} onClose={close} size={create.data ? 'lg' : 'md'} title={create.data ? t('created', { id }) : t('create')} closeButtonProps={{ 'aria-label': t('common:close') }} closeOnClickOutside={!create.data}>
      {create.data ? (
        <>
          <Secret secret={create.data.secret} userName={create.data.userName} line={create.data.pasteLine || pasteLine(id, create.data.secret)} />
          <Group justify="flex-end" mt="lg"><Button variant="default" onClick={close}>{t('common:close')}</Button><Button onClick={() => { const made = id; close(); onOpen(made); }}>{t('openDevice')}</Button></Group>
        </>
      ) : (
        <form onSubmit={submit} style={{ display: 'flex', flexDirection: 'column', gap: 14 }}>
          {create.error ? <ProblemNotice error={create.error} /> : null}
          <TextInput label={t('id')} description={t('idRule')} value={id} onChange={(event) => setId(event.currentTarget.value)} error={id && !valid ? t('idWrong') : undefined} data-autofocus spellCheck={false} autoComplete="off" />
          <TextInput label={t('name')} value={name} onChange={(event) => setName(event.currentTarget.value)} autoComplete="off" />
          <Select label={t('class')} value={kind} onChange={(value) => setKind(value ?? 'electricityMeter')} allowDeselect={false} data={classes.map((value) => ({ value, label: t(`class.${value}`) }))} />
          <TextInput label={t('timeZone')} value={zone} onChange={(event) => setZone(event.currentTarget.value)} />
          <Group justify="flex-end"><Button variant="default" onClick={close}>{t('common:cancel')}</Button><Button type="submit" disabled={!valid} loading={create.isPending}>{t('create')}</Button></Group>
        </form>
      )}
    </Modal>
  );
}
