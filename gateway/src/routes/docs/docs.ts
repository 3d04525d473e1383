import type { RouteHandler } from '../../context.ts';

/** The documentation, for a public port that wants to show it. Built on first use: most gateways never serve it. */
export const DOCS_ROUTES = [
  ['GET', '/openapi.json', [openApiJson]],
  ['GET', '/docs', [docsHtml]],
] as const satisfies readonly [string, string, readonly RouteHandler[]][];

export const DOCS_PATHS: readonly string[] = DOCS_ROUTES.map(([, path]) => path);

async function openApiJson(...[c]: Parameters<RouteHandler>): Promise<Response> {
  const { openApiDocument } = await import('../../openapi.ts');
  return c.json(openApiDocument());
}

async function docsHtml(...[c]: Parameters<RouteHandler>): Promise<Response> {
  const { docsPage, DOCS_PAGE_CSP } = await import('./page.ts');
  c.header('content-security-policy', DOCS_PAGE_CSP);
  return c.html(docsPage());
}
