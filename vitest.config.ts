import { defineConfig } from 'vitest/config';

/** Hand-written TypeScript; generated code, process entries and helpers of tests are not counted. */
const coverage = {
  provider: 'v8' as const,
  reporter: ['text-summary', 'json-summary', 'html'],
  reportsDirectory: 'coverage',
  include: [
    '{contracts,runtime,journal,stores,gateway,inference,control,simulator,envoy}/src/**/*.ts',
    'scripts/**/*.ts',
    'scripts/{setup,serve}/*.mjs',
  ],
  exclude: [
    '**/gen/**',
    '**/main.ts',
    '**/*.test.ts',
    '**/testing/**',
    'scripts/*.ts',
    'scripts/serve/serve.ts',
    'envoy/src/run.ts',
  ],
  thresholds: { lines: 80 },
};

/**
 * `unit` lies beside the code, `envoy` needs the real binary, `services` needs a real Redis and PostgreSQL,
 * `attacks` starts what it attacks, `lifecycle` needs a real MLflow, `e2e` runs everything; the last four one file
 * after the other.
 */
export default defineConfig({
  test: {
    coverage,
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{contracts,runtime,journal,stores,gateway,inference,control,console,envoy,testkit,scripts,load-tests,k8s,single-host,simulator}/**/*.test.ts',
            'test/clients/**/*.test.ts',
          ],
          exclude: ['**/node_modules/**', '**/dist/**', 'envoy/test/**'],
          testTimeout: 20_000,
          // Hooks start engines, which takes long where many test files share few cores.
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'envoy', include: ['envoy/test/**/*.test.ts'], testTimeout: 20_000 } },
      {
        test: {
          name: 'services',
          include: ['test/services/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // Starts and ends the cluster of k8s/cluster; the scenarios of k8s/test then use it.
        test: { name: 'cluster', include: ['k8s/cluster/*.e2e.ts'], testTimeout: 60_000 },
      },
      {
        // Rollouts, shadows, the console in a browser and the command line, against processes that each file starts.
        test: {
          name: 'control',
          include: ['test/control/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        // The life of a model with a real MLflow, from pipelines/.venv.
        test: {
          name: 'lifecycle',
          include: ['test/lifecycle/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        // An attacker's list, a file per kind of fault, against real processes on loopback.
        test: {
          name: 'attacks',
          include: ['test/attacks/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          globalSetup: ['test/e2e/harness/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
