import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Runs a short command and returns its output. @throws Error with the command's own message */
export async function sh(command: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await execute(command, args, { maxBuffer: 64 << 20 });
    return stdout;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${command} ${args.slice(0, 4).join(' ')}: ${stderr?.trim() || message}`, {
      cause: error,
    });
  }
}

/** Runs a command in a node's network namespace. */
export function inNetwork(namespace: string, command: string, ...args: readonly string[]): Promise<string> {
  return sh('nsenter', `--net=/run/netns/${namespace}`, command, ...args);
}
