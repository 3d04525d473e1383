import { Page } from '../components/page.tsx';

export function WeightsPage() {
  return <Page title="Weights" />;
}
