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
  readonly #port: number | undefined;

  /**
   * @param answers by command line, the first that matches; nothing is said to others
   * @param port where a port-forward leads
   */
  constructor(answers: readonly (readonly [RegExp, string | Error])[] = [], port?: number) {
    super({
      tools: { helm: 'helm', kubectl: 'kubectl' },
      guard: createGuard(),
      signal: new AbortController().signal,
      context: undefined,
      namespace: 'shop',
    });
    this.#answers = answers;
    this.#port = port;
  }

  override helm(args: readonly string[], options?: RunOptions): Promise<string> {
    return this.#answer(['helm', ...args], options);
  }

  override kubectl(args: readonly string[], options?: RunOptions): Promise<string> {
    return this.#answer(['kubectl', ...args], options);
  }

  /** A port-forward to a port of this machine; without one it ends at once. */
  override start(): ChildProcess {
    const says = `console.log('Forwarding from 127.0.0.1:${this.#port} -> 443'); setInterval(() => {}, 1000)`;
    const code = this.#port === undefined ? 'process.exit(1)' : says;
    return spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'pipe'] });
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
