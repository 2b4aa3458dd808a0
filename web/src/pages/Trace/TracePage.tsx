import { useTranslation } from 'react-i18next';
import { PageHead } from '../../components/Bits';

export default function TracePage() {
  const { t } = useTranslation('trace');
  return <div className="page"><PageHead title={t('title')} /></div>;
}
