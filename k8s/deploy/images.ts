const WITHIN_MS = 5000;
const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

export type Verdict = 'there' | 'missing' | 'unknown';

/**
 * Asks the registry for an image. A registry that wants a login, or that this machine cannot reach, leaves it to the
 * nodes: their answer is watched.
 */
export async function lookUp(image: string, fetching: typeof fetch = fetch): Promise<Verdict> {
  const [, host = '', name = '', reference = ''] =
    /^([^/]+[.:][^/]*)\/(.+?)(?:@|:)([^/@]+)$/.exec(image) ?? [];
  if (host === '') return 'unknown';
  for (const scheme of ['https', 'http']) {
    try {
      const { status } = await fetching(`${scheme}://${host}/v2/${name}/manifests/${reference}`, {
        method: 'HEAD',
        headers: { accept: MANIFESTS },
        signal: AbortSignal.timeout(WITHIN_MS),
      });
      if (status === 200) return 'there';
      return status === 404 ? 'missing' : 'unknown';
    } catch {
      // Not that scheme, or out of reach.
    }
  }
  return 'unknown';
}
