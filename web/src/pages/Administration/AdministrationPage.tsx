import { useTranslation } from 'react-i18next';
import { PageHead } from '../../components/Bits';

export default function AdministrationPage() {
  const { t } = useTranslation('administration');
  return <div className="page"><PageHead title={t('title')} /></div>;
}
