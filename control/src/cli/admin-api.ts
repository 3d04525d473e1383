import type {
  AccuracyRow,
  Approve,
  AuditPage,
  DependencyView,
  ExperimentReport,
  Explanation,
  LiveView,
  Look,
  Metric,
  ModelsView,
  Reject,
  RequestView,
  Rollback,
  RolledBack,
  RolloutActionName,
  RolloutStart,
  RoutingView,
  ShadowChange,
  ShadowReport,
  VersionAdded,
  WeightsChange,
  WeightsPreview,
} from '@headgate/contracts/admin/api';
import type { Rollout } from '@headgate/contracts/rollout';
import type { Command } from 'commander';
import { type ApiCall, callControl } from './ask-control.ts';
import { type Installation, installationOf, type Surroundings } from './surroundings.ts';

type Query = Readonly<Record<string, string | number | undefined>>;

export type AdminApi = ReturnType<typeof adminApi>;

/** The routes of the admin API that commands use, with the answers that contracts/src/admin/api.ts names. */
export function adminApi(installation: Installation, around: Surroundings) {
  const call = <T>(call: ApiCall) => callControl<T>(call, installation, around);
  const look = <T>(path: string, query: Query = {}) =>
    call<T>({ kind: 'look', method: 'GET', path: `${path}${search(query)}` });
  const report = <T>(path: string, query: Query = {}) =>
    call<T>({ kind: 'report', method: 'GET', path: `${path}${search(query)}` });
  const change = <T>(method: 'POST' | 'PUT', path: string, body: unknown) =>
    call<T>({ kind: 'change', method, path, body });

  return {
    live: () => look<LiveView>('/live'),
    dependencies: () => look<{ dependencies: DependencyView[] }>('/dependencies'),
    routing: () => look<RoutingView>('/routing'),
    preview: (model: string, weights: WeightsChange['weights']) =>
      call<WeightsPreview>({
        kind: 'report',
        method: 'POST',
        path: path`/routing/${model}/preview`,
        body: { weights },
      }),
    setWeights: (model: string, to: WeightsChange) =>
      change<RoutingView>('PUT', path`/routing/${model}/weights`, to),
    addVersion: (model: string, to: VersionAdded) =>
      change<RoutingView>('POST', path`/routing/${model}/versions`, to),
    explain: (model: string, who: { unit: string } | { key: string }) =>
      look<Explanation>(path`/routing/${model}/explain`, { ...who }),
    models: () => look<ModelsView>('/models'),
    approve: (model: string, asked: Approve) =>
      change<Rollout>('POST', path`/models/${model}/approve`, asked),
    reject: (model: string, asked: Reject) =>
      change<ModelsView>('POST', path`/models/${model}/reject`, asked),
    rollBack: (model: string, asked: Rollback) =>
      change<RolledBack>('POST', path`/models/${model}/rollback`, asked),
    rollouts: () => look<{ rollouts: Rollout[] }>('/rollouts'),
    rollout: (id: string) => look<Rollout>(path`/rollouts/${id}`),
    startRollout: (start: RolloutStart) => change<Rollout>('POST', '/rollouts', start),
    act: (id: string, action: RolloutActionName, why?: string) =>
      change<Rollout>('POST', path`/rollouts/${id}/${action}`, why === undefined ? {} : { why }),
    experiment: (model: string, query: Query) => report<ExperimentReport>(path`/experiments/${model}`, query),
    looks: (model: string, query: Query & { metric: Metric }) =>
      report<{ looks: Look[] }>(path`/experiments/${model}/looks`, query),
    experimentCsv: (model: string, query: Query) => report<string>(path`/experiments/${model}/csv`, query),
    shadow: (model: string) => report<ShadowReport>(path`/shadow/${model}`),
    setShadow: (model: string, to: ShadowChange) => change<RoutingView>('PUT', path`/shadow/${model}`, to),
    request: (id: string) => report<RequestView>(path`/requests/${id}`),
    accuracy: (query: Query) => report<{ accuracy: AccuracyRow[] }>('/accuracy', query),
    audit: (query: Query) => report<AuditPage>('/audit', query),
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
