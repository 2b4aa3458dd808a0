import { useTranslation } from 'react-i18next';
import { PageHead } from '../../components/Bits';

export default function BrokerPage() {
  const { t } = useTranslation('broker');
  return <div className="page"><PageHead title={t('title')} /></div>;
}
