import { isActive, type Rollout, rolloutSchema } from '@headgate/contracts/rollout';
import { type KubernetesApi, KubernetesError } from '@headgate/runtime/kubernetes/api';
import { z } from 'zod';
import { AdminError } from '../api/api-env.ts';
import type { RolloutStore, StoredRollout } from './rollout-store.ts';

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
  const path = `/api/v1/namespaces/${api.namespace}/configmaps/${name}`;
  const call = async (method: 'GET' | 'PUT', body?: unknown): Promise<ConfigMap> => {
    try {
      return configMapSchema.parse(await api.call(method, path, { body, timeoutMs: CALL_MS }));
    } catch (cause) {
      if (cause instanceof KubernetesError && cause.status === 409) {
        throw new AdminError('conflict', 'The rollouts have changed. Read them again.');
      }
      const detail = `The ConfigMap ${name} cannot be ${method === 'GET' ? 'read' : 'written'} now.`;
      throw new AdminError('store_unavailable', detail, { cause });
    }
  };
  const read = (key: string, text: string): Rollout | undefined => {
    try {
      return rolloutSchema.parse(JSON.parse(text));
    } catch (error) {
      reportBroken(key, error);
      return undefined;
    }
  };
  const all = ({ data = {} }: ConfigMap): StoredRollout[] =>
    Object.entries(data).flatMap(([key, text]) => {
      const rollout = key.endsWith('.json') ? read(key, text) : undefined;
      return rollout ? [{ rollout, version: text }] : [];
    });

  return {
    list: async () => all(await call('GET')),
    async save(rollout, version) {
      const map = await call('GET');
      const key = `${rollout.id}.json`;
      if (map.data?.[key] !== version) {
        throw new AdminError('conflict', 'The rollout has changed. Read it again.');
      }
      const text = JSON.stringify(rollout);
      const data = bounded({ ...map.data, [key]: text }, all(map), rollout.id);
      await call('PUT', { ...map, data });
      return { rollout, version: text };
    },
  };
}

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
