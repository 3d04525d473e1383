import { type KubernetesApi, KubernetesError } from '@headgate/runtime/kubernetes/api';
import { z } from 'zod';
import { AdminError } from '../api/api-env.ts';
import { changedMeanwhile } from './conflict.ts';
import type { RoutingSource, RoutingVersion } from './routing-source.ts';

const KEY = 'routing.yaml';
/** Name under which the API server lists what control wrote; the annotation says for whom. */
const MANAGER = 'headgate-control';
const CHANGED_BY = 'headgate/changed-by';
/** A rollback takes at most two calls. */
const CALL_MS = 4000;

const configMapSchema = z.looseObject({
  metadata: z.looseObject({
    resourceVersion: z.string(),
    creationTimestamp: z.string().optional(),
    annotations: z.record(z.string(), z.string()).optional(),
    managedFields: z
      .array(z.looseObject({ manager: z.string().default(''), time: z.string().optional() }))
      .optional(),
  }),
  data: z.record(z.string(), z.string()).optional(),
});
type ConfigMap = z.infer<typeof configMapSchema>;

/** The key `routing.yaml` of a ConfigMap. Its revision is the resource version, and a write is refused for any other. */
export function configMapSource(api: Pick<KubernetesApi, 'namespace' | 'call'>, name: string): RoutingSource {
  const path = `/api/v1/namespaces/${api.namespace}/configmaps/${name}`;
  const call = async (method: 'GET' | 'PUT', of: string, body?: unknown): Promise<ConfigMap> => {
    try {
      return configMapSchema.parse(await api.call(method, of, { body, timeoutMs: CALL_MS }));
    } catch (cause) {
      if (cause instanceof KubernetesError && cause.status === 409) throw changedMeanwhile();
      const detail = `The ConfigMap ${name} cannot be ${method === 'GET' ? 'read' : 'written'} now.`;
      throw new AdminError('store_unavailable', detail, { cause });
    }
  };

  return {
    kind: 'config_map',
    read: async () => versionOf(await call('GET', path)),
    async replace(revision, text, by) {
      // Its other keys, labels and owners stay.
      const map = await call('GET', path);
      if (map.metadata.resourceVersion !== revision) throw changedMeanwhile();
      const annotations = { ...map.metadata.annotations, [CHANGED_BY]: by };
      const changed = {
        ...map,
        metadata: { ...map.metadata, annotations },
        data: { ...map.data, [KEY]: text },
      };
      return versionOf(await call('PUT', `${path}?fieldManager=${MANAGER}`, changed));
    },
  };
}

function versionOf({ metadata, data }: ConfigMap): RoutingVersion {
  const last = (metadata.managedFields ?? [])
    .filter(({ time }) => time !== undefined)
    .sort((a, b) => Date.parse(a.time ?? '') - Date.parse(b.time ?? ''))
    .at(-1);
  const time = last?.time ?? metadata.creationTimestamp;
  const byControl = last?.manager === MANAGER;
  const manager = last ? `manager:${last.manager}` : null;
  return {
    text: data?.[KEY] ?? '',
    revision: metadata.resourceVersion,
    changedAtMs: time === undefined ? null : Date.parse(time),
    changedBy: byControl ? (metadata.annotations?.[CHANGED_BY] ?? 'control') : manager,
    byControl,
  };
}
