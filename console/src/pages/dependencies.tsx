import { Page } from '../components/page.tsx';

export function DependenciesPage() {
  return <Page title="Dependencies" />;
}
