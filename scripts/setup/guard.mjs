import { spawn } from 'node:child_process';

/**
 * A shell that outlives its parent by design: it reads lists of process groups, each list replacing the last,
 * and when the pipe closes - by any end of the parent, SIGKILL included - it ends the groups of the last list:
 * TERM, ten seconds of grace, KILL. It is a shell because every platform has one, at one megabyte.
 */
const SCRIPT = `
trap '' HUP INT TERM
groups=
while read -r line; do groups=$line; done
left() { for g in $groups; do kill -0 -$g && return 0; done; return 1; }
left || exit 0
for g in $groups; do kill -TERM -$g; done
n=0
while left && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
for g in $groups; do kill -KILL -$g; done
`;

/**
 * @typedef {object} Guard
 * @property {(pid: number) => void} add    the leader of a process group that must not outlive this process
 * @property {(pid: number) => void} remove call it once the group has ended: its number may be reused
 * @property {() => Promise<void>} close    ends the guard; groups still listed are ended with it
 */

/**
 * Makes sure that child processes end with this process. The shell starts with the first child.
 *
 * @returns {Guard}
 */
export function createGuard() {
  /** @type {Set<number>} */
  const groups = new Set();
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let shell;
  const tell = () => shell?.stdin?.write(`${[...groups].join(' ')}\n`);
  const start = () => {
    shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    shell.unref();
    // A killed guard is replaced at the next change, so its broken pipe is ignored.
    shell.once('exit', () => {
      shell = undefined;
    });
    shell.on('error', () => {});
    shell.stdin?.on('error', () => {});
    /** @type {import('node:net').Socket} */ (shell.stdin).unref();
  };
  return {
    add(pid) {
      groups.add(pid);
      if (shell === undefined) start();
      tell();
    },
    remove(pid) {
      groups.delete(pid);
      tell();
    },
    close() {
      const ending = shell;
      if (ending === undefined) return Promise.resolve();
      return new Promise((resolve) => {
        ending.ref();
        ending.once('exit', () => resolve());
        ending.stdin?.end();
      });
    },
  };
}
