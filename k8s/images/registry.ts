import { isIP } from 'node:net';

const ANSWER_WITHIN_MS = 10_000;
const MANIFEST = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Registries on an address or on localhost are ours and speak plain HTTP; names speak HTTPS. */
export function isPlain(registry: string): boolean {
  const host = new URL(`http://${registry}`).hostname;
  return host === 'localhost' || isIP(host.replace(/^\[|\]$/g, '')) !== 0;
}

/**
 * Bytes that a node pulls for an image, all layers together; undefined when the registry does not have it.
 *
 * @throws Error when the registry does not answer
 */
export async function pullSize(
  registry: string,
  repository: string,
  digest: string,
): Promise<number | undefined> {
  const base = `${isPlain(registry) ? 'http' : 'https'}://${registry}/v2`;
  const url = `${base}/${repository}/manifests/${digest}`;
  const answer = await fetch(url, {
    headers: { accept: MANIFEST },
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  }).catch((cause: unknown) => {
    throw new Error(`the registry ${registry} does not answer; start it, or name another with --registry`, {
      cause,
    });
  });
  if (!answer.ok) return undefined;
  const manifest = (await answer.json()) as { layers: { size: number }[]; config: { size: number } };
  return manifest.layers.reduce((sum, { size }) => sum + size, manifest.config.size);
}
