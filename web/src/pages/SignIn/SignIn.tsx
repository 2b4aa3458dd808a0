import { useState, type FormEvent } from 'react';
import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client';
import type { Session } from '../../api/types';
import { ProblemNotice } from '../../components/Bits';
import { changeLocale } from '../../i18n';
import { useLocale } from '../../app';

export function SignIn() {
  const { t } = useTranslation('account');
  const client = useQueryClient();
  const locale = useLocale();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useMutation({
    mutationFn: () => api.post<Session>('/session', { name, password }),
    onSuccess: (session) => {
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' });
      client.setQueryData(['session'], session);
    },
    onError: () => setPassword(''),
  });
  const submit = (event: FormEvent) => { event.preventDefault(); signIn.mutate(); };
  return (
    <main className="signin">
      <form onSubmit={submit} aria-labelledby="signin-title">
        <div className="row"><img src="/headwater.svg" alt="" width={30} height={30} /><h1 id="signin-title">Headwater</h1><span className="grow" />
          <Button variant="subtle" size="compact-sm" lang={locale === 'ko' ? 'en' : 'ko'} onClick={() => void changeLocale(locale === 'ko' ? 'en' : 'ko')}>{locale === 'ko' ? 'English' : '한국어'}</Button>
        </div>
        <p className="dim">{t('signIn.words')}</p>
        {signIn.error ? <ProblemNotice error={signIn.error} /> : null}
        <TextInput label={t('name')} name="name" autoComplete="username" autoCapitalize="none" spellCheck={false} required withAsterisk={false} autoFocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <PasswordInput label={t('password')} name="password" autoComplete="current-password" required withAsterisk={false} value={password} onChange={(event) => setPassword(event.currentTarget.value)} visibilityToggleButtonProps={{ 'aria-label': t('showPassword') }} />
        <Button type="submit" size="md" loading={signIn.isPending}>{t('signIn')}</Button>
        <p className="dim" style={{ fontSize: 12.5 }}>{t('signIn.forgotten')} <code className="mono">headwater person reset-password admin</code></p>
      </form>
    </main>
  );
}

export function ChangePassword({ forced = false, onDone }: { forced?: boolean; onDone?: () => void }) {
  const { t } = useTranslation('account');
  const client = useQueryClient();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const change = useMutation({
    mutationFn: () => api.put('/session/password', { current, new: next }),
    onSuccess: async () => { setCurrent(''); setNext(''); setAgain(''); await client.invalidateQueries({ queryKey: ['session'] }); onDone?.(); },
  });
  const short = next !== '' && next.length < 10;
  const different = again !== '' && again !== next;
  const fields = (
    <>
      {change.error ? <ProblemNotice error={change.error} /> : null}
      <PasswordInput label={t('currentPassword')} autoComplete="current-password" required withAsterisk={false} autoFocus={forced} value={current} onChange={(event) => setCurrent(event.currentTarget.value)} visibilityToggleButtonProps={{ 'aria-label': t('showPassword') }} />
      <PasswordInput label={t('newPassword')} description={t('passwordRule')} autoComplete="new-password" required withAsterisk={false} value={next} error={short ? t('passwordShort') : undefined} onChange={(event) => setNext(event.currentTarget.value)} visibilityToggleButtonProps={{ 'aria-label': t('showPassword') }} />
      <PasswordInput label={t('newPasswordAgain')} autoComplete="new-password" required withAsterisk={false} value={again} error={different ? t('passwordDifferent') : undefined} onChange={(event) => setAgain(event.currentTarget.value)} visibilityToggleButtonProps={{ 'aria-label': t('showPassword') }} />
      <Button type="submit" size={forced ? 'md' : 'sm'} loading={change.isPending} disabled={!current || next.length < 10 || again !== next} style={forced ? undefined : { alignSelf: 'flex-start' }}>{t('changePassword')}</Button>
    </>
  );
  const submit = (event: FormEvent) => { event.preventDefault(); change.mutate(); };
  if (!forced) return <form onSubmit={submit} style={{ display: 'flex', flexDirection: 'column', gap: 14, maxWidth: 380 }}>{fields}</form>;
  return (
    <main className="signin">
      <form onSubmit={submit} aria-labelledby="change-title">
        <div className="row"><img src="/headwater.svg" alt="" width={30} height={30} /><h1 id="change-title">{t('firstPassword')}</h1></div>
        <p className="dim">{t('firstPassword.words')}</p>
        {fields}
      </form>
    </main>
  );
}
