import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { eventually } from '@headgate/testkit/eventually';
import { isAlive } from '@headgate/testkit/processes';
import { expect, it } from 'vitest';

/** A program that starts `sleep` under a guard, prints its pid, and then does what `rest` says. */
function startGuarded(rest: string): ChildProcess {
  const guard = new URL('./guard.mjs', import.meta.url);
  const code = `
    import { spawn } from 'node:child_process';
    import { createGuard } from '${guard}';
    const guard = createGuard();
    const child = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
    guard.add(child.pid);
    console.log(child.pid);
    ${rest}
  `;
  const args = ['--input-type=module', '-e', code];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new TypeError('no output');
  for await (const line of createInterface(child.stdout)) return line;
  throw new Error('no line');
}

it('ends the children of a program that was killed', async () => {
  const program = startGuarded('setInterval(() => {}, 1000);');
  const pid = Number(await firstLine(program));
  expect(isAlive(pid)).toBe(true);
  program.kill('SIGKILL');
  await eventually(() => !isAlive(pid), 'the end of the child');
});

it('leaves a child alone that it was told to forget', async () => {
  const program = startGuarded('guard.remove(child.pid); await guard.close(); process.exit(0);');
  const pid = Number(await firstLine(program));
  await new Promise((resolve) => program.once('exit', resolve));
  expect(isAlive(pid)).toBe(true);
  process.kill(pid, 'SIGKILL');
});
