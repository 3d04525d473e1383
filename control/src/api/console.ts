import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Hono } from 'hono';
import type { ApiContext, ApiEnv } from './api-env.ts';

const BASE = '/console/';
const INDEX = 'index.html';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

/** Everything comes from here; nothing inline runs; nobody frames it. */
const POLICY =
  "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** The build names files by their content, such as `main-7XKQ2PLM.js`. */
const HASHED = /-[A-Z0-9]{8}\.[a-z0-9]+$/;
const CACHE = { hashed: 'public, max-age=31536000, immutable', other: 'no-store' } as const;

const NOT_BUILT = 'The console is not built: run npm run build, and load this page again.\n';

/** The built console. A request picks one of the files that are there; it never becomes a path. */
export function consoleRoutes(dir: string): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.get('/', (c) => c.redirect(BASE));
  app.get('/console', (c) => c.redirect(BASE));
  app.get(`${BASE}*`, async (c) => {
    const files = filesIn(dir);
    if (!files.has(INDEX)) return c.text(NOT_BUILT, 503);
    const asked = c.req.path.slice(BASE.length);
    const name = files.has(asked) ? asked : pageOf(asked);
    return name === undefined ? c.notFound() : send(c, dir, name);
  });
  return app;
}

/** The console chooses its page by the path, which has no file's extension. */
const pageOf = (path: string): string | undefined => (extname(path) === '' ? INDEX : undefined);

async function send(c: ApiContext, dir: string, name: string): Promise<Response> {
  const bytes = await readFile(join(dir, name));
  return c.body(new Uint8Array(bytes), 200, {
    'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
    'content-security-policy': POLICY,
    'cache-control': HASHED.test(name) ? CACHE.hashed : CACHE.other,
  });
}

/** Read each time, for a build while control runs; there are about ten. Links are no files. */
function filesIn(dir: string): ReadonlySet<string> {
  try {
    const entries = readdirSync(dir, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return new Set(files.map(({ parentPath, name }) => join(parentPath, name).slice(dir.length + 1)));
  } catch {
    return new Set();
  }
}
