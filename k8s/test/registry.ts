const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

interface Manifest {
  readonly mediaType?: string;
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** `registry/repository@digest`. */
function partsOf(image: string) {
  const [, host = '', repository = '', digest = ''] = /^([^/]+)\/([^@]+)@(.+)$/.exec(image) ?? [];
  return { base: `http://${host}/v2`, repository, digest };
}

/**
 * Puts a copy of an image, with an annotation that gives it another digest, into a repository of the test registry.
 *
 * @param image `registry/repository@digest`
 * @param repository where the copy goes; its layers are not sent again
 * @returns the digest of the copy
 */
export async function copyImage(image: string, repository: string, note: string): Promise<string> {
  const from = partsOf(image);
  const found = await ask(`${from.base}/${from.repository}/manifests/${from.digest}`, {
    headers: { accept: `${MANIFEST}, application/vnd.docker.distribution.manifest.v2+json` },
  });
  const manifest = (await found.json()) as Manifest;
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    const query = `mount=${digest}&from=${from.repository}`;
    await ask(`${from.base}/${repository}/blobs/uploads/?${query}`, { method: 'POST' });
  }
  const annotations = { ...manifest.annotations, 'headgate.test/copy': note };
  const put = await ask(`${from.base}/${repository}/manifests/${note}`, {
    method: 'PUT',
    headers: { 'content-type': manifest.mediaType ?? MANIFEST },
    body: JSON.stringify({ ...manifest, annotations }),
  });
  return put.headers.get('docker-content-digest') ?? '';
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response;
}
