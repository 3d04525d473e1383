import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@headgate/testkit/eventually';
import { tempDir } from '@headgate/testkit/folders';
import { isAlive } from '@headgate/testkit/processes';
import { expect, it, onTestFinished } from 'vitest';
import { createGuard } from '../setup/guard.mjs';
import type { ChildSpec, Crash } from './child.ts';
import { createStack } from './stack.ts';

const never = new AbortController().signal;
const noDrain = { force: never, beforeEach: async () => {} };

const WAIT = 'setInterval(() => {}, 1000);';
const IGNORE_TERM = `process.on('SIGTERM', () => {}); console.log('deaf'); ${WAIT}`;

/** A stack of Node programs, ended after the test. */
function stackOf(programs: Partial<Record<ChildSpec['name'], string>>, stopWithinMs = 10_000) {
  const dir = tempDir();
  const guard = createGuard();
  onTestFinished(() => guard.close());
  const crashes: Crash[] = [];
  const restarted: string[] = [];
  const specs = Object.entries(programs).map(([name, code]) => ({
    name: name as ChildSpec['name'],
    command: process.execPath,
    args: ['-e', code],
    cwd: dir,
    env: {},
    logFile: join(dir, `${name}.log`),
    stopWithinMs,
  }));
  const stack = createStack(specs, {
    guard,
    onCrash: (crash) => crashes.push(crash),
    onRestart: (name) => restarted.push(name),
  });
  const logOf = (name: string) => readFileSync(join(dir, `${name}.log`), 'utf8');
  return { stack, crashes, restarted, logOf };
}

it('starts a process again that was killed, and leaves the others alone', async () => {
  const { stack, crashes, restarted } = stackOf({ inference: WAIT, gateway: WAIT });
  stack.start();
  stack.settled();
  const [gateway, inference] = [stack.pids().gateway, stack.pids().inference];
  process.kill(inference as number, 'SIGKILL');
  await eventually(() => restarted.length === 1, 'the restart');
  expect(crashes).toMatchObject([{ name: 'inference', how: 'SIGKILL', crashesInARow: 1 }]);
  expect(stack.pids().gateway).toBe(gateway);
  expect(stack.pids().inference).not.toBe(inference);
  await stack.stop(noDrain);
  expect(restarted).toEqual(['inference']);
});

it('waits longer before each restart of a process that crashes in a row', async () => {
  const { stack, crashes } = stackOf({ gateway: 'process.exit(1)' });
  stack.settled();
  stack.start();
  await eventually(() => crashes.length === 3, 'three crashes');
  await stack.stop(noDrain);
  expect(crashes.map(({ restartMs }) => restartMs)).toEqual([100, 200, 400]);
});

it.each([
  [3, 3],
  [2, 2],
])('gives up at once when exit code %i says that another start would not help', async (code, exitCode) => {
  const program = `console.error('port 8441 is taken'); process.exit(${code})`;
  const { stack, crashes } = stackOf({ gateway: program, inference: WAIT });
  stack.start();
  await expect(stack.failed).rejects.toMatchObject({ exitCode });
  await expect(stack.failed).rejects.toThrow(/gateway cannot be started .*port 8441 is taken/s);
  expect(crashes).toEqual([]);
  await stack.stop(noDrain);
});

it('gives up a component that crashes three times before everything is up', async () => {
  const { stack, crashes } = stackOf({ inference: 'process.exit(1)' });
  stack.start();
  await expect(stack.failed).rejects.toMatchObject({ exitCode: 1 });
  expect(crashes).toHaveLength(2);
  await stack.stop(noDrain);
});

it('gives up a component whose program is not there', async () => {
  const { stack } = stackOf({ inference: WAIT });
  const missing = createStack(
    [
      {
        name: 'envoy',
        command: '/nonexistent/envoy',
        args: [],
        cwd: '.',
        env: {},
        logFile: join(tempDir(), 'l'),
        stopWithinMs: 1,
      },
    ],
    { guard: createGuard(), onCrash: () => {}, onRestart: () => {} },
  );
  missing.start();
  await expect(missing.failed).rejects.toThrow('envoy cannot be started');
  await missing.stop(noDrain);
  await stack.stop(noDrain);
});

it('stops from the outside inwards, each after what has to happen before', async () => {
  const { stack } = stackOf({ inference: WAIT, gateway: WAIT, envoy: WAIT });
  stack.start();
  const order: string[] = [];
  const up = () => (['envoy', 'gateway', 'inference'] as const).filter((name) => stack.pids()[name] !== null);
  await stack.stop({
    force: never,
    beforeEach: async (name) => void order.push(`${name}, still up: ${up().join(' ')}`),
  });
  expect(order).toEqual([
    'envoy, still up: envoy gateway inference',
    'gateway, still up: gateway inference',
    'inference, still up: inference',
  ]);
  expect(up()).toEqual([]);
});

it('kills what does not end in time, with everything that it started', async () => {
  const code = `const { pid } = require('child_process').spawn('sleep', ['300']); console.log('child', pid); ${IGNORE_TERM}`;
  const { stack, logOf } = stackOf({ gateway: code }, 300);
  stack.start();
  await eventually(() => logOf('gateway').includes('deaf'), 'the program');
  await stack.stop(noDrain);
  const grandchild = Number(/child (\d+)/.exec(logOf('gateway'))?.[1]);
  await eventually(() => !isAlive(grandchild), 'the end of the grandchild');
});

it('kills at once when nobody wants to wait', async () => {
  const { stack, logOf } = stackOf({ gateway: IGNORE_TERM }, 600_000);
  stack.start();
  await eventually(() => logOf('gateway').includes('deaf'), 'the program');
  const force = new AbortController();
  const stopped = stack.stop({ ...noDrain, force: force.signal });
  force.abort();
  await stopped;
});
