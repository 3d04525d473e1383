/** Discovery documents and key sets are a few KiB. */
const MAX_BYTES = 256 * 1024;

/**
 * A JSON document from a server that may be wrong or slow: no redirects, no more bytes than `MAX_BYTES`.
 *
 * @throws whatever `fetch` throws, and Error when the answer is none
 */
export async function fetchJson(
  fetch: typeof globalThis.fetch,
  url: string,
  signal: AbortSignal,
): Promise<unknown> {
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`answered with status ${response.status}`);
  }
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  // Leaving the loop by an error cancels the stream.
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`answered with more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(await new Response(new Blob(chunks)).text());
}
