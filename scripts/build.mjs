/** `npm run build`: the bundles that the images and `npm start` run. It does not check types. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as esbuild, stop } from 'esbuild';
import { buildConsole } from './build-console.mjs';
import { buildDocs } from './build-docs.mjs';

/** Not bundled: native code, packages that read files beside themselves, and packages that load only when configured. */
const EXTERNAL = [
  'onnxruntime-node',
  'sharp',
  'pg',
  'ioredis',
  'rate-limiter-flexible',
  '@electric-sql/pglite',
  '@julusian/jpeg-turbo',
  '@grpc/reflection',
  'grpc-health-check',
  '@opentelemetry/exporter-*',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-*',
];

/** CommonJS packages inside an ES module still call `require`. */
const BANNER =
  "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);";

/** zod carries its messages in fifty languages, of which only English is used. */
const ENGLISH_ONLY = {
  name: 'english-only',
  /** @param {import('esbuild').PluginBuild} build */
  setup(build) {
    build.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, ({ path }) => ({
      contents: "export { default as en } from './en.js';",
      resolveDir: dirname(path),
    }));
  },
};

/** Names stay; less text is quicker to compile: together a tenth of the gateway's start. @type {import('esbuild').BuildOptions} */
const COMMON = {
  bundle: true,
  format: 'esm',
  target: 'es2024',
  sourcemap: true,
  minifyWhitespace: true,
  minifySyntax: true,
  plugins: [ENGLISH_ONLY],
  logLevel: 'silent',
};

/** @type {import('esbuild').BuildOptions} */
const FOR_NODE = { ...COMMON, platform: 'node', external: EXTERNAL, banner: { js: BANNER } };

/** Started by a process as a thread, so it lies beside its bundle. */
const YAML_THREAD = 'runtime/src/yaml-thread.ts';

/** Any fetch host: an import of a Node module fails the build. @type {import('esbuild').BuildOptions} */
const FOR_ANY_HOST = {
  ...COMMON,
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['import'],
};

/** @type {readonly import('esbuild').BuildOptions[]} */
export const BUNDLES = [
  {
    ...FOR_NODE,
    entryPoints: {
      main: 'gateway/src/main.ts',
      'json-thread': 'gateway/src/json-thread/serve.ts',
      'yaml-thread': YAML_THREAD,
    },
    outdir: 'gateway/dist',
  },
  { ...FOR_ANY_HOST, entryPoints: { app: 'gateway/src/app.ts' }, outdir: 'gateway/dist' },
  {
    ...FOR_NODE,
    entryPoints: {
      main: 'inference/src/main.ts',
      'engine-child': 'inference/src/engine/child/main.ts',
      probe: 'inference/src/probe.ts',
      'yaml-thread': YAML_THREAD,
    },
    outdir: 'inference/dist',
  },
  {
    ...FOR_NODE,
    entryPoints: {
      headgate: 'control/src/cli/main.ts',
      main: 'control/src/main.ts',
      'database-thread': 'control/src/store/database-thread.ts',
      migrate: 'control/src/migrate.ts',
      'ship-audit': 'control/src/ship-audit.ts',
    },
    outdir: 'control/dist',
  },
  { ...FOR_NODE, entryPoints: { run: 'envoy/src/run.ts' }, outdir: 'envoy/dist' },
];

/**
 * @param {string} root the checkout
 * @throws {Error} with the messages of the bundler
 */
export async function build(root) {
  const bundles = BUNDLES.map((bundle) => esbuild({ ...bundle, absWorkingDir: root }));
  await Promise.all([...bundles, buildConsole(root), buildDocs(root)]);
  // Its process would stay with `npm start`, and wake 50 times a second.
  await stop();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build(fileURLToPath(new URL('..', import.meta.url)));
}
