import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** Where the page of the documentation has its script, compressed: gateway/src/routes/docs. */
export const DOCS_SCRIPT = 'gateway/dist/docs.js.gz';

/**
 * Writes the script of Scalar's API reference. Its package for Fastify is the only one that has the script without the
 * 189 packages from which it was bundled, and gives it as the answer of a route.
 *
 * @param {string} root the checkout
 * @throws {Error} when the package has no such route
 */
export async function buildDocs(root) {
  const { default: plugin } = await import('@scalar/fastify-api-reference');
  /** @type {{ url: string, handler: (request: unknown, reply: unknown) => string }[]} */
  const routes = [];
  const fastify = { initialConfig: {}, route: (/** @type {any} */ route) => routes.push(route) };
  plugin(/** @type {any} */ (fastify), { configuration: { url: 'openapi.json' } }, () => {});
  const script = routes.find(({ url }) => url.endsWith('.js'));
  if (!script)
    throw new Error('@scalar/fastify-api-reference serves no script: change scripts/build-docs.mjs');
  const reply = { header: () => reply, send: (/** @type {string} */ text) => text };
  const bytes = await promisify(gzip)(script.handler({}, reply), { level: 9 });
  await mkdir(join(root, 'gateway/dist'), { recursive: true });
  await writeFile(join(root, DOCS_SCRIPT), bytes);
}
