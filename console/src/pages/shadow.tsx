import { Page } from '../components/page.tsx';

export function ShadowPage() {
  return <Page title="Shadow" />;
}
