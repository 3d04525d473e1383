import { isIP } from 'node:net';

const ANSWER_WITHIN_MS = 10_000;
const MANIFEST = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Registries on an address or on localhost are ours and speak plain HTTP; names speak HTTPS. `image` may name one. */
export function isPlain(image: string): boolean {
  const host = new URL(`http://${image}`).hostname;
  return host === 'localhost' || isIP(host.replace(/^\[|\]$/g, '')) !== 0;
}

/** @throws Error that says what to do when no registry answers there */
export async function ensureAnswers(registry: string): Promise<void> {
  const answer = await ask(registry, '').catch((cause: unknown) => {
    throw new Error(nothingAt(registry), { cause });
  });
  // A registry that wants a log-in is one too.
  if (!answer.ok && answer.status !== 401) throw new Error(nothingAt(registry));
}

/** Bytes of all layers together; unknown where the registry does not say, as without a login. */
export type PullSize = number | 'missing' | 'unknown';

/** What a node pulls for an image. */
export async function pullSize(registry: string, repository: string, digest: string): Promise<PullSize> {
  const answer = await ask(registry, `${repository}/manifests/${digest}`);
  if (!answer.ok) return answer.status === 404 ? 'missing' : 'unknown';
  const manifest = (await answer.json()) as { layers: { size: number }[]; config: { size: number } };
  return manifest.layers.reduce((sum, { size }) => sum + size, manifest.config.size);
}

/** A GET below `/v2/`. That follows the host, also where the registry has a path: `ghcr.io/acme`. */
export function ask(registry: string, path: string): Promise<Response> {
  const [host, ...folders] = registry.split('/');
  const below = path === '' ? '' : [...folders, path].join('/');
  return fetch(`${isPlain(registry) ? 'http' : 'https'}://${host}/v2/${below}`, {
    headers: { accept: MANIFEST },
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
}

function nothingAt(registry: string): string {
  return `no registry answers at ${registry}; start one (npm run cluster:up has one), or name yours with --registry`;
}
