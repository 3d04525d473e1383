import { fileURLToPath } from 'node:url';
import { NO_SECRET } from '@headgate/testkit/config';
import { runCli } from '../cli/program.ts';
import type { Surroundings } from '../cli/surroundings.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export const NOW = Date.parse('2030-01-01T00:00:00Z');

/** Runs one command of `headgate` in this process, with the configuration of the checkout but for its audit log. */
export async function headgate(argv: readonly string[], overrides: Partial<Surroundings> = {}) {
  let out = '';
  let err = '';
  let now = NOW;
  const code = await runCli(argv, {
    cwd: ROOT,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    nowMs: () => now,
    fetch: () => Promise.reject(new TypeError('nobody listens')),
    terminal: { in: false, out: false, err: false },
    ask: () => Promise.reject(new Error('nobody is there to answer')),
    sleep: async (ms) => {
      now += ms;
    },
    ...overrides,
    env: { HEADGATE_AUDIT__SINK: 'none', ...NO_SECRET, ...overrides.env },
  });
  return { code, out, err };
}
