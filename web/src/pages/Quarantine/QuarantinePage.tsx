import { useTranslation } from 'react-i18next';
import { PageHead } from '../../components/Bits';

export default function QuarantinePage() {
  const { t } = useTranslation('quarantine');
  return <div className="page"><PageHead title={t('title')} /></div>;
}
