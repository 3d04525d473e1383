import { type Alias, TAG } from '@headgate/contracts/registry';
import { RegistryError } from '@headgate/runtime/registry/mlflow';
import type { Registry } from '../models/registry.ts';

/** A registry in memory, with one model, whose complete versions have runs with an accuracy. */
export function fakeRegistry(model: string, versions: readonly string[]) {
  const aliases = new Map<string, string>();
  const tags = new Map<string, Map<string, string>>();
  /** What control wrote. */
  const changes: { readonly call: 'alias' | 'tag'; readonly of: readonly string[] }[] = [];
  const add = (version: string) => void tags.set(version, new Map([[TAG.manifest, 'a'.repeat(64)]]));
  versions.forEach(add);
  const answer = <T>(value: T): T => {
    if (fake.away) throw new RegistryError('registered-models/search', 'ECONNREFUSED');
    return value;
  };
  const set = <K, V>(map: Map<K, V> | undefined, key: K, value: V | null | undefined) => {
    if (value === null || value === undefined) map?.delete(key);
    else map?.set(key, value);
  };

  const calls: Registry = {
    models: async () => answer([{ model, aliases: Object.fromEntries(aliases) }]),
    versions: async () =>
      answer(
        [...tags].map(([version, of]) => ({
          model,
          version,
          createdAtMs: Number(version) * 1000,
          runId: `run-${version}`,
          tags: Object.fromEntries(of),
        })),
      ),
    async metrics() {
      fake.metricCalls += 1;
      return answer({ accuracy: 0.9 });
    },
    async setAlias(_, alias, version) {
      changes.push({ call: 'alias', of: [alias, version] });
      answer(aliases.set(alias, version));
    },
    async deleteAlias(_, alias) {
      changes.push({ call: 'alias', of: [alias] });
      answer(aliases.delete(alias));
    },
    async setTag(_, version, tag, value) {
      changes.push({ call: 'tag', of: [version, tag, value] });
      answer(tags.get(version)?.set(tag, value));
    },
    async deleteTag(_, version, tag) {
      changes.push({ call: 'tag', of: [version, tag] });
      answer(tags.get(version)?.delete(tag));
    },
  };
  const fake = {
    ...calls,
    changes,
    away: false,
    metricCalls: 0,
    add,
    alias: (alias: Alias, version: string | null) => set(aliases, alias, version),
    tag: (version: string, tag: string, value: string | undefined) => set(tags.get(version), tag, value),
    aliases: () => Object.fromEntries(aliases),
    tagOf: (version: string, tag: string) => tags.get(version)?.get(tag),
    stages: () =>
      Object.fromEntries(
        [...tags].flatMap(([version, of]) => (of.has(TAG.stage) ? [[version, of.get(TAG.stage)]] : [])),
      ),
  };
  return fake;
}
