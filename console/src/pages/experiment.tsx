import { Page } from '../components/page.tsx';

export function ExperimentPage() {
  return <Page title="Which version is better" />;
}
