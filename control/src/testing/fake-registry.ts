import { METRIC } from '@headgate/contracts/names';
import { type Alias, TAG } from '@headgate/contracts/registry';
import { RegistryError } from '@headgate/runtime/registry/mlflow';
import type { Registry } from '../models/registry.ts';

const emptyMemory = () => ({
  named: new Map<string, string>(),
  tagged: new Map<string, Map<string, string>>(),
  /** What control wrote. */
  changes: [] as { readonly call: 'alias' | 'tag'; readonly of: readonly string[] }[],
  away: false,
  metricCalls: 0,
});
type Memory = ReturnType<typeof emptyMemory>;

/** Of the manifest of each version. */
const DIGEST = 'a'.repeat(64);

/** A registry in memory, with one model, whose complete versions have runs with an accuracy. */
export function fakeRegistry(model: string, versions: readonly string[]) {
  const memory = emptyMemory();
  const { named, tagged } = memory;
  const add = (version: string) => void tagged.set(version, new Map([[TAG.manifest, DIGEST]]));
  versions.forEach(add);
  return Object.assign(memory, callsOf(model, memory), {
    add,
    alias: (alias: Alias, version: string | null) => set(named, alias, version),
    tag: (version: string, tag: string, value: string | undefined) => set(tagged.get(version), tag, value),
    aliases: () => Object.fromEntries(named),
    tagOf: (version: string, tag: string) => tagged.get(version)?.get(tag),
    stages: () =>
      Object.fromEntries(
        [...tagged].flatMap(([version, of]) => (of.has(TAG.stage) ? [[version, of.get(TAG.stage)]] : [])),
      ),
  });
}

function set<K, V>(map: Map<K, V> | undefined, key: K, value: V | null | undefined): void {
  if (value === null || value === undefined) map?.delete(key);
  else map?.set(key, value);
}

function callsOf(model: string, memory: Memory): Registry {
  const { named, tagged, changes } = memory;
  const answer = <T>(value: T): T => {
    if (memory.away) throw new RegistryError('registered-models/search', 'ECONNREFUSED');
    return value;
  };
  return {
    models: async () => answer([{ model, aliases: Object.fromEntries(named) }]),
    versions: async () =>
      answer(
        [...tagged].map(([version, of]) => ({
          model,
          version,
          createdAtMs: Number(version) * 1000,
          runId: `run-${version}`,
          tags: Object.fromEntries(of),
        })),
      ),
    async metrics() {
      memory.metricCalls += 1;
      return answer({ accuracy: 0.9 });
    },
    async setAlias(_, alias, version) {
      changes.push({ call: 'alias', of: [alias, version] });
      answer(named.set(alias, version));
    },
    async deleteAlias(_, alias) {
      changes.push({ call: 'alias', of: [alias] });
      answer(named.delete(alias));
    },
    async setTag(_, version, tag, value) {
      changes.push({ call: 'tag', of: [version, tag, value] });
      answer(tagged.get(version)?.set(tag, value));
    },
    async deleteTag(_, version, tag) {
      changes.push({ call: 'tag', of: [version, tag] });
      answer(tagged.get(version)?.delete(tag));
    },
  };
}

/** Two inference processes, and by its version the content that they serve: as it was registered unless a test says more. */
export function fakeInference(model: string, versions: readonly string[]) {
  const contents = new Map(versions.map((version) => [version, [DIGEST, DIGEST]]));
  const sample = (version: string, sha256: string) => ({
    name: METRIC.modelManifest,
    labels: { model, version, sha256 },
    value: 1,
  });
  const samples = (pod: number) =>
    [...contents].flatMap(([version, digests]) =>
      digests.slice(pod, pod + 1).map((one) => sample(version, one)),
    );
  return {
    contents,
    round: async () => undefined,
    figures: () => new Map([0, 1].map((pod) => [`${pod}`, samples(pod)])),
  };
}
