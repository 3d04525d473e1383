import { Page } from '../components/page.tsx';

export function RolloutPage() {
  return <Page title="Rollout" />;
}
