import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '@headgate/testkit/root';
import type { OwnedStack } from '@headgate/testkit/stack';
import { runCli } from '../../../control/src/cli/program.ts';

/** `headgate …` in this process, beside the stack, where nobody is there to answer. */
export async function runHeadgate(
  stack: OwnedStack,
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await runCli(argv, {
    env: {
      HEADGATE_LISTEN__PORT_BASE: String(stack.portBase),
      HEADGATE_ROUTING_FILE: stack.routingFile,
      ...env,
    },
    cwd: ROOT,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    nowMs: Date.now,
    fetch,
    terminal: { in: false, out: false, err: false },
    ask: () => Promise.reject(new Error('nobody is there to answer')),
    sleep: async (ms) => sleep(ms),
  });
  return { code, out, err };
}
