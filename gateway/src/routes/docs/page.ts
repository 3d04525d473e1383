/** Where the page finds its script, which the build takes from the package of Scalar. */
export const SCRIPT_PATH = '/docs/script.js';

/** Scalar's own colours of small text are too pale for people who see little (WCAG 2, 1.4.3). */
const CONTRAST = `
.light-mode { --scalar-color-3: #636363; --scalar-color-green: #00693f; --scalar-color-orange: #a83a00;
  --scalar-color-blue: #0060b0; --scalar-color-red: #b3121d; --scalar-color-purple: #6b3fb5; --scalar-color-yellow: #7a5b00 }
.dark-mode { --scalar-color-3: #a0a0a0 }`;

/** What Scalar's API reference shows and does. Nothing leaves the page: no telemetry, no proxy, no font of others. */
const SETTINGS = {
  url: '/openapi.json',
  telemetry: false,
  proxyUrl: '',
  withDefaultFonts: false,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
  // It would keep keys in a page that everybody may read, and the internal port serves no predictions.
  hideTestRequestButton: true,
  hideClientButton: true,
  // Code comes from the document, where tests run it.
  hiddenClients: true,
  documentDownloadType: 'direct',
  // Each operation shows its own.
  hideModels: true,
  customCss: CONTRAST,
};

/** The page runs one script, of this server, and loads nothing from elsewhere. The script makes style sheets. */
export const DOCS_PAGE_CSP =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; img-src data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The OpenAPI document as a page for people. */
export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Headgate API</title>
</head>
<body>
<noscript>This page needs JavaScript. The same without it: <a href="/openapi.json">openapi.json</a>.</noscript>
<div id="api-reference" data-configuration="${JSON.stringify(SETTINGS).replaceAll('"', '&quot;')}"></div>
<script src="${SCRIPT_PATH}"></script>
</body>
</html>
`;
