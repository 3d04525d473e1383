import { type OpenApiDocument, openApiDocument } from '../../openapi.ts';

/** The page loads nothing and runs nothing. */
export const DOCS_PAGE_CSP =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

const STYLE = `
:root { color-scheme: light dark; --text: light-dark(#222, #ddd); --page: light-dark(#fff, #16181b);
  --code: light-dark(#f3f3f3, #26292e); --line: light-dark(#ddd, #3a3f45); --link: light-dark(#0645ad, #8ab4f8) }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--text); background: var(--page) }
a { color: var(--link) }
code, pre { font: 14px/1.4 ui-monospace, monospace; background: var(--code); border-radius: 3px }
code { padding: .1em .3em } pre { padding: .8rem; overflow-x: auto }
section { border-top: 1px solid var(--line); margin-top: 2rem }
table { border-collapse: collapse } td, th { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0 }`;

const EXAMPLE = `curl -H "X-API-Key: $KEY" -H "X-Headgate-Unit: alice" \\
     -F image=@photo.jpg $URL/predict`;

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly description?: string;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<Record<string, { readonly description?: string }>>;
}

/** The OpenAPI document as a page for people. */
export function docsPage(): string {
  const document = openApiDocument();
  const { title, description = '' } = document.info;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(description)}</p>
<p>Send your key in the header <code>X-API-Key</code>. The same as a document: <a href="openapi.json">openapi.json</a>.</p>
<pre>${escapeHtml(EXAMPLE)}</pre>
${operationsOf(document).join('\n')}
</html>
`;
}

function operationsOf({ paths = {} }: OpenApiDocument): string[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) =>
      section(`${method.toUpperCase()} ${path}`, operation),
    ),
  );
}

function section(
  heading: string,
  { summary = '', parameters = [], requestBody, responses }: Operation,
): string {
  const bodies = Object.keys(requestBody?.content ?? {});
  return `<section>
<h2><code>${escapeHtml(heading)}</code></h2>
<p>${escapeHtml(summary)}</p>
${table(
  'Parameter',
  parameters.map((each) => [`${each.name} (${each.in})`, each.description ?? '']),
)}
${bodies.length > 0 ? `<p>Body: ${bodies.map((type) => `<code>${escapeHtml(type)}</code>`).join(', ')}</p>` : ''}
${table(
  'Status',
  Object.entries(responses).map(([status, { description = '' }]) => [status, description]),
)}
</section>`;
}

function table(heading: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return '';
  const body = rows
    .map(([key, text]) => `<tr><td><code>${escapeHtml(key)}</code><td>${escapeHtml(text)}`)
    .join('\n');
  return `<table><tr><th>${heading}<th>Meaning\n${body}</table>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
