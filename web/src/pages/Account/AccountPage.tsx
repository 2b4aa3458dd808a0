import { Select } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useLocale, usePerson } from '../../app';
import { Card, PageHead } from '../../components/Bits';
import { useKeep } from '../../frame/Frame';
import { changeLocale } from '../../i18n';
import { ChangePassword } from '../SignIn/SignIn';

export default function AccountPage() {
  const { t } = useTranslation('account');
  const person = usePerson();
  const keep = useKeep();
  const locale = useLocale();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const zones = ['', ...Intl.supportedValuesOf('timeZone'), 'UTC'];
  return (
    <div className="page" style={{ maxWidth: 900 }}>
      <PageHead title={t('title')} state={`${person.displayName} (${person.name}) · ${t(`common:role.${person.role}`)} · ${person.organization.name}`} />
      <Card title={t('appearance')}>
        <div style={{ display: 'flex', flexDirection: 'column', gap: 14, maxWidth: 380 }}>
          <Select label={t('language')} value={locale} allowDeselect={false} onChange={(value) => { if (value === 'en' || value === 'ko') { void changeLocale(value); keep({ language: value }); } }} data={[{ value: 'en', label: 'English' }, { value: 'ko', label: '한국어' }]} />
          <Select label={t('theme')} value={colorScheme} allowDeselect={false} onChange={(value) => { if (value) { setColorScheme(value as MantineColorScheme); keep({ theme: value }); } }} data={['auto', 'light', 'dark'].map((value) => ({ value, label: t(`common:theme.${value}`) }))} />
          <Select label={t('timeZone')} description={t('timeZone.words')} searchable limit={60} value={person.preferences?.timeZone ?? ''} allowDeselect={false} onChange={(value) => keep({ timeZone: value ?? '' })} data={[...new Set(zones)].map((zone) => ({ value: zone, label: zone || t('timeZone.organization', { zone: person.organization.timeZone }) }))} />
        </div>
      </Card>
      <Card title={t('password')}><ChangePassword onDone={() => notifications.show({ message: t('passwordChanged') })} /></Card>
    </div>
  );
}
