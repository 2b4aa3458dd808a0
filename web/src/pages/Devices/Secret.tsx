import { useTranslation } from 'react-i18next';
import { Paste } from '../../components/Bits';
import { Meaning } from '../../components/Meaning';

/** A secret, shown this once: the server keeps only its keyed hash. */
export function Secret({ secret, userName, line }: { secret: string; userName?: string; line?: string | null }) {
  const { t } = useTranslation('devices');
  return (
    <div style={{ display: 'flex', flexDirection: 'column', gap: 12 }}>
      <Meaning name="attention">{t('secret.once')}</Meaning>
      {userName ? <div><div className="section-title">{t('secret.userName')}</div><Paste text={userName} /></div> : null}
      <div><div className="section-title">{t('secret.secret')}</div><Paste text={secret} /></div>
      {line ? <div><div className="section-title">{t('secret.line')}</div><Paste text={line} /></div> : null}
    </div>
  );
}
