import type { Step } from './runner.mjs';

/** Bundles gateway, inference, control and console, as the images do it too. */
export const buildStep: Step = {
  name: 'build',
  title: 'build of gateway, inference, control and console',
  inputs: [
    'contracts/src',
    'runtime/src',
    'journal/src',
    'stores/src',
    'gateway/src',
    'inference/src',
    'control/src',
    'console/src',
    'console/icon.svg',
    'console/index.html',
    'scripts/build.mjs',
    'scripts/build-console.mjs',
    'scripts/build-docs.mjs',
    'package-lock.json',
  ],
  outputs: [
    'gateway/dist/main.js',
    'gateway/dist/app.js',
    'gateway/dist/docs.js.gz',
    'gateway/dist/json-thread.js',
    'gateway/dist/yaml-thread.js',
    'inference/dist/main.js',
    'inference/dist/engine-child.js',
    'inference/dist/probe.js',
    'inference/dist/yaml-thread.js',
    'control/dist/headgate.js',
    'control/dist/main.js',
    'control/dist/database-thread.js',
    'console/dist/index.html',
  ],
  run: async ({ root }) => {
    const { build } = await import('../build.mjs');
    await build(root);
  },
  remedy: 'correct the error above; `npm run check` names type errors with their place',
};
