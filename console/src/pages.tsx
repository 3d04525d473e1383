import type { ComponentType } from 'preact';
import { AuditPage } from './pages/audit.tsx';
import { DependenciesPage } from './pages/dependencies.tsx';
import { ExperimentPage } from './pages/experiment.tsx';
import { LivePage } from './pages/live.tsx';
import { ModelsPage } from './pages/models.tsx';
import { RequestPage } from './pages/request.tsx';
import { RolloutPage } from './pages/rollout.tsx';
import { ShadowPage } from './pages/shadow.tsx';
import { WeightsPage } from './pages/weights.tsx';

export interface PageEntry {
  /** First part of its address. */
  readonly id: string;
  readonly title: string;
  /** After `g`. */
  readonly key: string;
  readonly component: ComponentType;
}

/** One page per question, in the order of the menu. */
export const PAGES: readonly PageEntry[] = [
  { id: 'live', title: 'What is live', key: 'l', component: LivePage },
  { id: 'experiment', title: 'Which version is better', key: 'e', component: ExperimentPage },
  { id: 'models', title: 'Models', key: 'm', component: ModelsPage },
  { id: 'rollout', title: 'Rollout', key: 'r', component: RolloutPage },
  { id: 'weights', title: 'Weights', key: 'w', component: WeightsPage },
  { id: 'shadow', title: 'Shadow', key: 's', component: ShadowPage },
  { id: 'requests', title: 'One request', key: 'q', component: RequestPage },
  { id: 'audit', title: 'Audit', key: 'a', component: AuditPage },
  { id: 'dependencies', title: 'Dependencies', key: 'd', component: DependenciesPage },
];
