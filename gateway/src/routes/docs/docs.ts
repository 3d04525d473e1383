import type { RouteHandler } from '../../context.ts';
import type { Route } from '../route.ts';

const openApiJson: RouteHandler = async (c) => {
  const { openApiDocument } = await import('../../openapi.ts');
  return c.json(openApiDocument());
};

const docsHtml: RouteHandler = async (c) => {
  const { docsPage, DOCS_PAGE_CSP } = await import('./page.ts');
  c.header('content-security-policy', DOCS_PAGE_CSP);
  return c.html(docsPage());
};

/** The documentation, wherever it may be shown. Loaded on first use, because most requests never need it. */
export const DOCS_ROUTES = [
  ['GET', '/openapi.json', null, [openApiJson]],
  ['GET', '/docs', null, [docsHtml]],
] as const satisfies readonly Route[];

export const DOCS_PATHS: readonly string[] = DOCS_ROUTES.map(([, path]) => path);
