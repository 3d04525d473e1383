import type {
  AccuracyRow,
  AuditPage,
  DependencyView,
  ExperimentReport,
  Explanation,
  LiveView,
  Look,
  Metric,
  RequestView,
  RolloutActionName,
  RolloutStart,
  RoutingView,
  ShadowChange,
  ShadowReport,
  WeightsChange,
  WeightsPreview,
} from '@headgate/contracts/admin/api';
import type { Rollout } from '@headgate/contracts/rollout';
import type { Command } from 'commander';
import { callControl, type Method } from './ask-control.ts';
import { type Installation, installationOf, type Surroundings } from './surroundings.ts';

type Query = Readonly<Record<string, string | number | undefined>>;

/** Longer than control lets a read take, so that its refusal arrives. */
const ANSWER_WITHIN_MS = 65_000;

export type AdminApi = ReturnType<typeof adminApi>;

/** The routes of the admin API that commands use, with the answers that contracts/src/admin/api.ts names. */
export function adminApi(installation: Installation, around: Surroundings, withinMs = ANSWER_WITHIN_MS) {
  const call = <T>(method: Method, path: string, body?: unknown) =>
    callControl<T>(method, path, { installation, around, withinMs, body });
  const get = <T>(path: string, query: Query = {}) => call<T>('GET', `${path}${search(query)}`);

  return {
    live: () => get<LiveView>('/live'),
    dependencies: () => get<{ dependencies: DependencyView[] }>('/dependencies'),
    routing: () => get<RoutingView>('/routing'),
    preview: (model: string, weights: WeightsChange['weights']) =>
      call<WeightsPreview>('POST', path`/routing/${model}/preview`, { weights }),
    setWeights: (model: string, change: WeightsChange) =>
      call<RoutingView>('PUT', path`/routing/${model}/weights`, change),
    explain: (model: string, who: { unit: string } | { key: string }) =>
      get<Explanation>(path`/routing/${model}/explain`, { ...who }),
    rollouts: () => get<{ rollouts: Rollout[] }>('/rollouts'),
    rollout: (id: string) => get<Rollout>(path`/rollouts/${id}`),
    startRollout: (start: RolloutStart) => call<Rollout>('POST', '/rollouts', start),
    act: (id: string, action: RolloutActionName, why?: string) =>
      call<Rollout>('POST', path`/rollouts/${id}/${action}`, why === undefined ? {} : { why }),
    experiment: (model: string, query: Query) => get<ExperimentReport>(path`/experiments/${model}`, query),
    looks: (model: string, query: Query & { metric: Metric }) =>
      get<{ looks: Look[] }>(path`/experiments/${model}/looks`, query),
    experimentCsv: (model: string, query: Query) => get<string>(path`/experiments/${model}/csv`, query),
    shadow: (model: string) => get<ShadowReport>(path`/shadow/${model}`),
    setShadow: (model: string, change: ShadowChange) =>
      call<RoutingView>('PUT', path`/shadow/${model}`, change),
    request: (id: string) => get<RequestView>(path`/requests/${id}`),
    accuracy: (query: Query) => get<{ accuracy: AccuracyRow[] }>('/accuracy', query),
    audit: (query: Query) => get<AuditPage>('/audit', query),
  };
}

export const adminApiOf = (command: Command, around: Surroundings): AdminApi =>
  adminApi(installationOf(command, around), around);

/** The model that was named, else the one that answers `POST /predict`. */
export async function modelOr(model: string | undefined, api: AdminApi): Promise<string> {
  return model ?? (await api.routing()).routing.default_model;
}

/** Names come from people: each stays one segment. */
function path(texts: TemplateStringsArray, ...names: readonly string[]): string {
  return String.raw({ raw: texts }, ...names.map(encodeURIComponent));
}

function search(query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? '' : `?${given}`;
}
