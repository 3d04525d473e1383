import { type ChildProcess, spawn } from 'node:child_process';
import { createGuard } from '../../scripts/setup/guard.mjs';
import { ProgramError } from '../run-program.ts';
import { Programs, type RunOptions } from './programs.ts';

/** For tests: helm and kubectl whose answers a test gives, and what was asked of them. */
export class FakePrograms extends Programs {
  /** `helm uninstall headgate …` */
  readonly calls: string[] = [];
  /** What was given to standard input. */
  readonly inputs: string[] = [];
  readonly #answers: readonly (readonly [RegExp, string | Error])[];

  /** @param answers by command line, the first that matches; nothing is said to others */
  constructor(answers: readonly (readonly [RegExp, string | Error])[] = []) {
    super({
      tools: { helm: 'helm', kubectl: 'kubectl' },
      guard: createGuard(),
      signal: new AbortController().signal,
      context: undefined,
      namespace: 'shop',
    });
    this.#answers = answers;
  }

  override helm(args: readonly string[], options?: RunOptions): Promise<string> {
    return this.#answer(['helm', ...args], options);
  }

  override kubectl(args: readonly string[], options?: RunOptions): Promise<string> {
    return this.#answer(['kubectl', ...args], options);
  }

  /** Ends at once: nothing is reached through it. */
  override start(): ChildProcess {
    return spawn(process.execPath, ['-e', 'process.exit(1)'], { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async #answer(words: readonly string[], { input }: RunOptions = {}): Promise<string> {
    const command = words.join(' ');
    this.calls.push(command);
    if (input !== undefined) this.inputs.push(input);
    const answer = this.#answers.find(([pattern]) => pattern.test(command))?.[1] ?? '';
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

/** What helm or kubectl says when it fails. */
export const failure = (stderr: string): ProgramError => new ProgramError('helm', 1, '', stderr);
