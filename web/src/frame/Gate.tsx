import { useEffect, useRef } from 'react';
import { Outlet } from '@tanstack/react-router';
import { useMantineColorScheme } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';
import { LiveProvider, useSession } from '../app';
import { Bone, ProblemNotice } from '../components/Bits';
import { changeLocale } from '../i18n';
import { ChangePassword, SignIn } from '../pages/SignIn/SignIn';
import { Frame } from './Frame';

/** Who may see what: nobody signed in sees the sign-in page at the same address, and lands where the link led. */
export function Gate() {
  const session = useSession();
  const { setColorScheme } = useMantineColorScheme();
  const { i18n } = useTranslation();
  const applied = useRef('');
  const person = session.data?.person;

  useEffect(() => {
    // A person's stored choices apply once at sign-in; what is changed on this page afterwards stands.
    if (!person || applied.current === person.name) return;
    applied.current = person.name;
    const { language, theme } = person.preferences ?? {};
    if ((language === 'en' || language === 'ko') && language !== i18n.language) void changeLocale(language);
    if (theme === 'light' || theme === 'dark' || theme === 'auto') setColorScheme(theme);
  }, [person, i18n, setColorScheme]);

  const signedOut = session.error instanceof Problem && (session.error.status === 401 || session.error.status === 403);
  if (signedOut) return <SignIn />;
  if (session.error && !session.data) return <div className="signin"><div style={{ width: 'min(520px, 100%)' }}><ProblemNotice error={session.error} retry={() => void session.refetch()} /></div></div>;
  if (!session.data) return <div className="frame" aria-busy="true"><div className="bar"><span className="brand"><img src="/headwater.svg" alt="" width={24} height={24} /><span className="text">Headwater</span></span></div><div className="rail" /><div className="main"><div className="page"><Bone width={180} height={26} /></div></div></div>;
  if (session.data.person.mustChangePassword) return <ChangePassword forced />;
  return <LiveProvider><Frame><Outlet /></Frame></LiveProvider>;
}
