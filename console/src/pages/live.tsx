import { Page } from '../components/page.tsx';

export function LivePage() {
  return <Page title="What is live" />;
}
