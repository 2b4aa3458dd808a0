import { Link, useParams } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Bone, CopyIt, PageHead } from '../../components/Bits';
import { Connection } from './DevicesPage';
import { deviceQuery, DeviceView } from './DeviceView';

export default function DevicePage() {
  const { t } = useTranslation('devices');
  const { device: id } = useParams({ strict: false }) as { device: string };
  const { data, error } = useQuery(deviceQuery(id));
  return (
    <div className="page">
      <PageHead title={<><Link to="/devices" className="crumb">{t('title')}</Link> <span className="dim">/</span> {id}</>} state={data ? <><Connection row={data} />{data.name && data.name !== id ? <> · {data.name}</> : null} · {t(`class.${data.class}`, data.class)} · {t(`status.${data.status}`, data.status)}</> : error ? null : <Bone width={260} />}>
        <CopyIt text={typeof location === 'undefined' ? '' : location.href} label={t('common:copyLink')} />
      </PageHead>
      <DeviceView key={id} id={id} />
    </div>
  );
}
