import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import type { Locale } from '../format/number';

const loaders = { en: () => import('./en/index'), ko: () => import('./ko/index') };

export const namespaces = ['common', 'overview', 'devices', 'broker', 'quarantine', 'trace', 'administration', 'account'] as const;

export function preferredLocale(): Locale {
  const stored = read('headwater.language');
  if (stored === 'en' || stored === 'ko') return stored;
  return navigator.language.toLowerCase().startsWith('ko') ? 'ko' : 'en';
}

async function load(locale: Locale): Promise<void> {
  if (i18next.hasResourceBundle(locale, 'common')) return;
  const { default: bundles } = await loaders[locale]();
  for (const [namespace, words] of Object.entries(bundles)) i18next.addResourceBundle(locale, namespace, words, true, true);
}

export async function startI18n(): Promise<void> {
  const locale = preferredLocale();
  await i18next.use(initReactI18next).init({
    lng: locale, fallbackLng: false, ns: [...namespaces], defaultNS: 'common', resources: {}, keySeparator: false,
    // React escapes what it renders; escaping twice shows &amp;.
    interpolation: { escapeValue: false }, react: { useSuspense: false }, showSupportNotice: false,
  } as Parameters<typeof i18next.init>[0]);
  await load(locale);
  document.documentElement.lang = locale;
}

export async function changeLocale(locale: Locale): Promise<void> {
  await load(locale);
  await i18next.changeLanguage(locale);
  document.documentElement.lang = locale;
  write('headwater.language', locale);
}

export function read(key: string): string | null {
  try { return localStorage.getItem(key); } catch { return null; }
}

export function write(key: string, value: string): void {
  try { localStorage.setItem(key, value); } catch { /* storage may be denied; the choice then lasts as long as the page */ }
}
