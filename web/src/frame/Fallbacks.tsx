import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Empty, PageHead, ProblemNotice } from '../components/Bits';

export function NotFound() {
  const { t } = useTranslation();
  return <div className="page"><PageHead title={t('notFound.title')} /><Empty title={t('notFound.words')}><Link to="/">{t('notFound.home')}</Link></Empty></div>;
}

export function PageProblem({ error, reset }: { error: unknown; reset: () => void }) {
  const { t } = useTranslation();
  return <div className="page"><PageHead title={t('error.page')} /><ProblemNotice error={error} retry={reset} /></div>;
}
