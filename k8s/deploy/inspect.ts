import type { KubernetesObject } from './rendered.ts';

/** A Secret that pods need, with the keys that they read. */
export interface NeededSecret {
  readonly name: string;
  readonly keys: readonly string[];
}

type Node = Readonly<Record<string, unknown>>;

/** Kinds that make a Secret of their name, or of the name in spec.secretName. */
const MAKERS = ['Secret', 'SealedSecret', 'Certificate', 'ExternalSecret'];

/** Secrets that the rendered pods name and the chart does not make. */
export function neededSecrets(objects: readonly KubernetesObject[]): NeededSecret[] {
  const needed = new Map<string, Set<string>>();
  const made = new Set(objects.filter(({ kind }) => MAKERS.includes(kind)).map(secretOf));
  for (const node of nodesIn(objects)) {
    for (const [name, keys] of referencesIn(node)) {
      if (!made.has(name)) needed.set(name, new Set([...(needed.get(name) ?? []), ...keys]));
    }
  }
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

/** Images of all containers. */
export function imagesOf(objects: readonly KubernetesObject[]): string[] {
  const found = nodesIn(objects).flatMap(({ image }) => (typeof image === 'string' ? [image] : []));
  return [...new Set(found)].sort();
}

/** Value of a variable of the pods. */
export function variableIn(objects: readonly KubernetesObject[], name: string): string | undefined {
  const value = nodesIn(objects).find((node) => node.name === name)?.value;
  return typeof value === 'string' ? value : undefined;
}

/** Name of the Secret behind a volume of the pods. */
export function volumeSecret(objects: readonly KubernetesObject[], volume: string): string | undefined {
  const found = nodesIn(objects).find((node) => node.name === volume && node.secret !== undefined);
  return (found?.secret as { secretName?: string } | undefined)?.secretName;
}

/** Every object inside, at any depth. */
function nodesIn(value: unknown): Node[] {
  if (typeof value !== 'object' || value === null) return [];
  const below = Object.values(value).flatMap(nodesIn);
  return Array.isArray(value) ? below : [value as Node, ...below];
}
