import { isActive } from '@headgate/contracts/rollout';
import { type KubernetesApi, KubernetesError } from '@headgate/runtime/kubernetes/api';
import { z } from 'zod';
import { AdminError } from '../api/api-env.ts';
import { documentReader, type RolloutStore, type StoredRollout } from './rollout-store.ts';

const CALL_MS = 4000;
/** etcd takes 1.5 MB of an object at most. Those that are over go first, oldest first. */
const MAX_BYTES = 900_000;

const configMapSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string() }),
  data: z.record(z.string(), z.string()).optional(),
});
type ConfigMap = z.infer<typeof configMapSchema>;

/** One key a rollout in a ConfigMap. A change of any of them is a conflict for those who read before it. */
export function configMapRollouts(
  api: Pick<KubernetesApi, 'namespace' | 'call'>,
  name: string,
  reportBroken: (key: string, error: unknown) => void,
): RolloutStore {
  const all = `/api/v1/namespaces/${api.namespace}/configmaps`;
  const path = `${all}/${name}`;
  const write = async (method: 'POST' | 'PUT', of: string, body: unknown): Promise<void> => {
    try {
      await api.call(method, of, { body, timeoutMs: CALL_MS });
    } catch (cause) {
      if (statusOf(cause) === 409) throw changed('The rollouts have changed. Read them again.');
      throw unavailable(`The ConfigMap ${name} cannot be written now.`, cause);
    }
  };
  /** Undefined while there is none: the first rollout makes it. */
  const readMap = async (): Promise<ConfigMap | undefined> => {
    try {
      return configMapSchema.parse(await api.call('GET', path, { timeoutMs: CALL_MS }));
    } catch (cause) {
      if (statusOf(cause) === 404) return undefined;
      throw unavailable(`The ConfigMap ${name} cannot be read now.`, cause);
    }
  };
  const read = documentReader(reportBroken);
  const rolloutsOf = ({ data = {} }: Pick<ConfigMap, 'data'>): StoredRollout[] =>
    read(Object.fromEntries(Object.entries(data).filter(([key]) => key.endsWith('.json'))));

  return {
    list: async () => rolloutsOf((await readMap()) ?? {}),
    async save(rollout, version) {
      const map = await readMap();
      const key = `${rollout.id}.json`;
      if (map?.data?.[key] !== version) throw changed('The rollout has changed. Read it again.');
      const text = JSON.stringify(rollout);
      const data = bounded({ ...map?.data, [key]: text }, rolloutsOf(map ?? {}), rollout.id);
      if (map) await write('PUT', path, { ...map, data });
      else await write('POST', all, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
      return { rollout, version: text };
    },
  };
}

const statusOf = (error: unknown) => (error instanceof KubernetesError ? error.status : undefined);
const changed = (detail: string) => new AdminError('conflict', detail);
const unavailable = (detail: string, cause: unknown) =>
  new AdminError('store_unavailable', detail, { cause });

function bounded(
  data: Readonly<Record<string, string>>,
  stored: readonly StoredRollout[],
  id: string,
): Record<string, string> {
  const kept = { ...data };
  const over = stored.map(({ rollout }) => rollout).filter((of) => !isActive(of) && of.id !== id);
  over.sort((a, b) => a.started_at_ms - b.started_at_ms);
  for (const rollout of over) {
    if (Buffer.byteLength(JSON.stringify(kept)) <= MAX_BYTES) break;
    delete kept[`${rollout.id}.json`];
  }
  return kept;
}
