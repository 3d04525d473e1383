import type { KubernetesObject } from './rendered.ts';

/** A Secret that pods need, with the keys that they read. */
export interface NeededSecret {
  readonly name: string;
  readonly keys: readonly string[];
}

/** What says where a value of a pod comes from. */
type Node = Readonly<Record<string, unknown>>;

/** Kinds that make a Secret of their name, or of the name in spec.secretName. */
const MAKERS = ['Secret', 'SealedSecret', 'Certificate', 'ExternalSecret'];

/** Secrets that the rendered pods name and the chart does not make, by name. */
export function neededSecrets(objects: readonly KubernetesObject[]): NeededSecret[] {
  const needed = new Map<string, Set<string>>();
  const made = new Set(objects.filter(({ kind }) => MAKERS.includes(kind)).map(secretOf));
  visit(objects, (node) => {
    for (const [name, keys] of referencesIn(node)) {
      if (made.has(name)) continue;
      const known = needed.get(name) ?? new Set();
      for (const key of keys) known.add(key);
      needed.set(name, known);
    }
  });
  return [...needed].map(([name, keys]) => ({ name, keys: [...keys] }));
}

function secretOf({ metadata, spec }: KubernetesObject): string {
  return typeof spec?.secretName === 'string' ? spec.secretName : metadata.name;
}

/** Names and keys of a volume, a projected volume, or a variable. */
function referencesIn(node: Node): [string, string[]][] {
  const { secretKeyRef, secretRef, secret } = node as Record<string, Node | undefined>;
  const found = [secretKeyRef, secretRef, secret].filter((one) => one !== undefined && one.optional !== true);
  return found.flatMap((one) => {
    const name = one?.secretName ?? one?.name;
    if (typeof name !== 'string') return [];
    const items = Array.isArray(one?.items) ? one.items.map(({ key }: { key: string }) => key) : [];
    return [[name, typeof one?.key === 'string' ? [one.key] : items]];
  });
}

function visit(value: unknown, act: (node: Node) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) act(value as Node);
  for (const child of Object.values(value)) visit(child, act);
}
