import { fork } from 'node:child_process';
import type { FromEngine, ProbeResult, Provider, ToEngine } from './protocol.ts';

/** Loading the CUDA libraries for the first time takes seconds. */
const PROBE_TIMEOUT_MS = 60_000;

/**
 * Tries a provider in a throwaway process. Never rejects.
 *
 * @param entry module that runs an engine process
 */
export function probeProvider(entry: URL, provider: Provider, deviceId: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const child = fork(entry, [], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const settle = (result: ProbeResult) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      resolve(result);
    };
    const timer = setTimeout(() => settle({ ok: false, reason: 'the probe did not end' }), PROBE_TIMEOUT_MS);
    child.once('message', (message: FromEngine) => {
      if (message.type === 'probed') settle(message.result);
    });
    child.once('exit', (code, signal) =>
      settle({ ok: false, reason: `the probe crashed (${signal ?? `exit code ${code}`})` }),
    );
    child.once('error', ({ message }) => settle({ ok: false, reason: message }));
    child.send({ type: 'probe', provider, deviceId } satisfies ToEngine);
  });
}
