import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Programs } from './programs.ts';

const WITHIN_MS = 20_000;
/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 2000;
/** The first lines name the port. */
const MAX_SAID = 10_000;

/** A port on loopback that leads to a Service's pod, through the API server: works wherever kubectl does. */
export interface Forward extends AsyncDisposable {
  readonly port: number;
}

/** @throws Error with what kubectl said */
export async function forward(
  programs: Pick<Programs, 'start'>,
  target: string,
  port: number,
  stop: AbortSignal,
): Promise<Forward> {
  const child = programs.start(['port-forward', target, `:${port}`]);
  const said: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => said.push(text));
  const signal = AbortSignal.any([stop, AbortSignal.timeout(WITHIN_MS)]);
  try {
    const port = await Promise.race([portOf(child), failed(child, said, signal)]);
    return { port, [Symbol.asyncDispose]: () => end(child) };
  } catch (error) {
    await end(child);
    throw error;
  }
}

/** Goes on reading afterwards: kubectl writes a line for each connection, and ends when nobody takes it. */
function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    let said = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      if (said.length > MAX_SAID) return;
      said += text;
      const [, port] = /127\.0\.0\.1:(\d+) /.exec(said) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
  });
}

async function failed(child: ChildProcess, said: readonly string[], signal: AbortSignal): Promise<never> {
  await once(child, 'exit', { signal }).catch(() => undefined);
  throw new Error(`kubectl port-forward: ${said.join('').trim() || 'no answer'}`);
}

/** Returns once kubectl has ended, or never started. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill();
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  await ended;
  clearTimeout(timer);
}
