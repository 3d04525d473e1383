import { HeadgateError } from '@headgate/contracts/errors';
import type { RouteHandler } from '../../context.ts';
import type { Route } from '../route.ts';
import { DOCS_PAGE, DOCS_PAGE_CSP, SCRIPT_PATH } from './page.ts';

/** The script of the page, compressed by gzip. */
export type DocsScript = () => Promise<Uint8Array<ArrayBuffer>>;

/** Until a browser asks again: an older script shows a newer document as well. */
const SCRIPT_AGE_S = 24 * 3600;

const openApiJson: RouteHandler = async (c) => {
  // Loaded on first use, because most requests never need it.
  const { openApiDocument } = await import('../../openapi.ts');
  return c.json(openApiDocument());
};

const page: RouteHandler = (c) => {
  c.header('content-security-policy', DOCS_PAGE_CSP);
  return c.html(DOCS_PAGE);
};

const scriptOf =
  (script?: DocsScript): RouteHandler =>
  async (c) => {
    if (!script)
      throw new HeadgateError('not_found', 'This host has no script for the page; read /openapi.json.');
    const compressed = await script();
    c.header('content-type', 'text/javascript; charset=utf-8');
    c.header('cache-control', `public, max-age=${SCRIPT_AGE_S}`);
    c.header('vary', 'accept-encoding');
    if (!/\bgzip\b/.test(c.req.header('accept-encoding') ?? '')) {
      return c.body(new Blob([compressed]).stream().pipeThrough(new DecompressionStream('gzip')));
    }
    c.header('content-encoding', 'gzip');
    return c.body(compressed);
  };

/** The documentation, wherever it may be shown. @param script absent: the page cannot show anything */
export const docsRoutes = (script?: DocsScript) =>
  [
    ['GET', '/openapi.json', null, [openApiJson]],
    ['GET', '/docs', null, [page]],
    ['GET', SCRIPT_PATH, null, [scriptOf(script)]],
  ] as const satisfies readonly Route[];

export const DOCS_PATHS: readonly string[] = docsRoutes().map(([, path]) => path);
